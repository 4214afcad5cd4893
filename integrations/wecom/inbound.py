"""What customers, servicers and the system put into ``sync_msg`` (doc:94670)."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

CUSTOMER, SYSTEM, SERVICER = 3, 4, 5  # origin

# For each type, the field its body cannot do without; None where the documents show no fixed one.
MSGTYPES: dict[str, str | None] = {
    "text": "content",
    "image": "media_id",
    "voice": "media_id",
    "video": "media_id",
    "file": "media_id",
    "location": "latitude",
    "link": "url",
    "business_card": "userid",
    "miniprogram": "appid",
    "msgmenu": "list",
    "channels_shop_product": "product_id",
    "channels_shop_order": "order_id",
    "merged_msg": "item",
    "channels": "sub_type",
    "meeting": None,
    "schedule": None,
    "note": None,
}

EVENTS: dict[str, str | None] = {
    "enter_session": "external_userid",
    "msg_send_fail": "fail_msgid",
    "servicer_status_change": "servicer_userid",
    "session_status_change": "change_type",
    "user_recall_msg": "recall_msgid",
    "servicer_recall_msg": "recall_msgid",
    "reject_customer_msg_switch_change": "reject_switch",
}

# fail_type of msg_send_fail: our class of the failure. 7 and 9 are from older texts.
FAIL_TYPES: dict[int, str] = {
    0: "unknown",
    1: "account_gone",
    2: "not_granted",
    4: "window_closed",
    5: "session_ended",
    6: "over_quota",
    7: "not_granted",
    8: "not_granted",
    9: "not_granted",
    10: "customer_refuses",
    11: "not_granted",
    12: "not_granted",
    13: "content_refused",
}


class InboundError(Exception):
    """An item that cannot be taken in: it has no identity, time or place. ``raw`` is the whole item, for the dead letters."""

    def __init__(self, code: str, field: str, raw: Any) -> None:
        super().__init__(code, field)
        self.code, self.field, self.raw, self.permanent = code, field, raw, True

    def __str__(self) -> str:
        return f"{self.code}: {self.field}"


@dataclass(frozen=True)
class Inbound:
    """One item. ``msgid`` is its identity, never the text.

    ``send_time`` is aware (UTC). ``origin`` 3 customer, 4 system, 5 servicer (``servicer_userid``). ``external_userid`` is None only
    for events about a servicer. ``text`` and ``menu_id`` belong to msgtype text; ``menu_id`` comes from a tap on a menu that may be
    years old. ``body`` is the object named after the msgtype (for an event, the event). ``known`` is False for a type, or a shape of
    a known type, that the documents do not have: keep it and ask for words instead.
    """

    msgid: str
    open_kfid: str
    external_userid: str | None
    send_time: datetime
    origin: int
    servicer_userid: str | None
    msgtype: str
    text: str | None
    menu_id: str | None
    media_id: str | None
    event_type: str | None
    known: bool
    body: Mapping[str, Any]
    raw: Mapping[str, Any]


def parse_item(raw: Any) -> Inbound:
    """One entry of ``msg_list``; an event's ids are taken from inside ``event``.

    Raises InboundError ``not_an_object`` or ``bad_field``, which keeps the item.
    """
    if not isinstance(raw, dict):
        raise InboundError("not_an_object", "item", raw)
    msgtype = _need(raw, "msgtype", raw)
    body = raw.get(msgtype)
    whole = isinstance(body, dict)
    body = body if isinstance(body, dict) else {}
    is_event = msgtype == "event"
    ids = {**raw, **body} if is_event else raw
    event_type = _optional(body, "event_type") if is_event else None
    origin = raw.get("origin", SYSTEM if is_event else None)
    if type(origin) is not int:
        raise InboundError("bad_field", "origin", raw)
    external_userid = _optional(ids, "external_userid")
    if external_userid is None and not is_event:
        raise InboundError("bad_field", "external_userid", raw)
    kinds, kind = (EVENTS, event_type) if is_event else (MSGTYPES, msgtype)
    vital = kinds.get(kind) if kind else None
    text = body.get("content") if msgtype == "text" else None
    return Inbound(
        msgid=_need(raw, "msgid", raw),
        open_kfid=_need(ids, "open_kfid", raw),
        external_userid=external_userid,
        send_time=_time(raw),
        origin=origin,
        servicer_userid=_optional(ids, "servicer_userid"),
        msgtype=msgtype,
        text=text if isinstance(text, str) else None,
        menu_id=_optional(body, "menu_id") if msgtype == "text" else None,
        media_id=_optional(body, "media_id") if not is_event else None,
        event_type=event_type,
        known=kind in kinds and whole and (vital is None or _has(ids if is_event else body, vital)),
        body=body,
        raw=raw,
    )


def _need(fields: Mapping[str, Any], name: str, raw: Any) -> str:
    value = fields.get(name)
    if not isinstance(value, str) or not value:
        raise InboundError("bad_field", name, raw)
    return value


def _optional(fields: Mapping[str, Any], name: str) -> str | None:
    value = fields.get(name)
    return value if isinstance(value, str) and value else None


def _has(fields: Mapping[str, Any], name: str) -> bool:
    value = fields.get(name)
    if name == "content" or name.endswith("id"):
        return isinstance(value, str) and value != ""
    # An empty string says nothing; a zero is a number like any other.
    return isinstance(value, str | int | float | list) and value != ""


def _time(raw: Mapping[str, Any]) -> datetime:
    seconds = raw.get("send_time")
    if type(seconds) is not int or seconds <= 0:
        raise InboundError("bad_field", "send_time", raw)
    try:
        return datetime.fromtimestamp(seconds, UTC)
    except (OverflowError, ValueError, OSError) as err:
        raise InboundError("bad_field", "send_time", raw) from err
