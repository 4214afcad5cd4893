"""What a callback of the official account or the mini program says about a family: it follows, agrees, refuses; a push arrived."""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from integrations.push import Channel, PushReceipt

# What the platform writes into Status of TEMPLATESENDJOBFINISH, without blanks.
_FAILED = {"failed:userblock": "user_blocked"}


@dataclass(frozen=True)
class Followed:
    """A WeChat user follows the account."""

    openid: str
    at: datetime


@dataclass(frozen=True)
class Unfollowed:
    """A WeChat user follows the account no more: nothing can be sent to him."""

    openid: str
    at: datetime


@dataclass(frozen=True)
class Agreed:
    """He agreed to a template: to one more message, unless the template is a long-term one."""

    openid: str
    template: str
    at: datetime


@dataclass(frozen=True)
class Declined:
    """He refused a template, or switched it off in the settings."""

    openid: str
    template: str
    at: datetime


WeixinEvent = Followed | Unfollowed | Agreed | Declined | PushReceipt


def read_events(channel: Channel, fields: Mapping[str, Any]) -> list[WeixinEvent]:
    """The events of an opened callback; none for what is not ours to know (messages, menus, other events)."""
    openid, at = str(fields.get("FromUserName", "")), _moment(fields.get("CreateTime"))
    if fields.get("MsgType") != "event" or not openid or at is None:
        return []
    match str(fields.get("Event")):
        case "subscribe":
            return [Followed(openid, at)]
        case "unsubscribe":
            return [Unfollowed(openid, at)]
        case "TEMPLATESENDJOBFINISH":
            status = "".join(str(fields.get("Status", "")).split()).lower()
            # With a client_msg_id the platform was seen to report 0 here: then only the openid tells.
            number = str(fields.get("MsgID") or fields.get("MsgId") or "")
            number = "" if number == "0" else number
            code = None if status == "success" else _FAILED.get(status, "system_failed")
            return [PushReceipt(channel, number, openid, code is None, code, at)]
        case "subscribe_msg_popup_event":
            return [_answer(openid, each, at) for each in _listed(fields.get("SubscribeMsgPopupEvent"))]
        case "subscribe_msg_change_event":
            # The settings page can only switch off; what it switches on again asks anew.
            rows = _listed(fields.get("SubscribeMsgChangeEvent"))
            return [Declined(openid, str(each["TemplateId"]), at) for each in rows if each.get("SubscribeStatusString") == "reject"]
        case "subscribe_msg_sent_event":
            return [_sent(channel, openid, each, at) for each in _listed(fields.get("SubscribeMsgSentEvent"))]
    return []


def _answer(openid: str, each: Mapping[str, Any], at: datetime) -> WeixinEvent:
    accepted = each.get("SubscribeStatusString") == "accept"
    return Agreed(openid, str(each["TemplateId"]), at) if accepted else Declined(openid, str(each["TemplateId"]), at)


def _sent(channel: Channel, openid: str, each: Mapping[str, Any], at: datetime) -> PushReceipt:
    arrived = str(each.get("ErrorCode")) == "0"
    return PushReceipt(channel, str(each.get("MsgID") or ""), openid, arrived, None if arrived else "system_failed", at)


def _listed(block: Any) -> Iterator[Mapping[str, Any]]:
    """The rows of a block, which comes as one `List`, several, or a bare list."""
    rows = block.get("List") if isinstance(block, Mapping) else block
    for each in rows if isinstance(rows, list) else [rows]:
        if isinstance(each, Mapping) and isinstance(each.get("TemplateId"), str) and each["TemplateId"]:
            yield each


def _moment(seconds: Any) -> datetime | None:
    digits = isinstance(seconds, str) and re.fullmatch("[0-9]{1,10}", seconds) is not None
    return datetime.fromtimestamp(int(seconds), UTC) if digits else None
