"""微信客服 (kf): pull what customers wrote, answer within the window, hand the session over.

Every function takes the client of the app that may call the account, and raises WecomError.
"""

import re
from collections.abc import Mapping
from typing import Any

from integrations.wecom.client import WecomClient
from integrations.wecom.errors import WecomError, bad_request
from integrations.wecom.kf_account import (
    KfAccount,
    Servicer,
    ServicerResult,
    account_add,
    account_del,
    account_list,
    account_update,
    add_contact_way,
    contact_link,
    servicer_add,
    servicer_del,
    servicer_list,
)
from integrations.wecom.kf_customer import (
    DayStatistic,
    EnterSession,
    KfCustomer,
    KfCustomers,
    UpgradeServiceConfig,
    cancel_upgrade_service,
    customer_batchget,
    get_corp_statistic,
    get_servicer_statistic,
    get_upgrade_service_config,
    upgrade_to_groupchat,
    upgrade_to_member,
)
from integrations.wecom.reply import Reply, given, read

__all__ = [
    "BOT",
    "ENDED",
    "HUMAN",
    "NEW",
    "POOL",
    "DayStatistic",
    "EnterSession",
    "KfAccount",
    "KfCustomer",
    "KfCustomers",
    "Servicer",
    "ServicerResult",
    "SessionState",
    "SyncPage",
    "UpgradeServiceConfig",
    "account_add",
    "account_del",
    "account_list",
    "account_update",
    "add_contact_way",
    "cancel_upgrade_service",
    "contact_link",
    "customer_batchget",
    "get_corp_statistic",
    "get_servicer_statistic",
    "get_upgrade_service_config",
    "send_msg",
    "send_msg_on_event",
    "service_state_get",
    "service_state_trans",
    "servicer_add",
    "servicer_del",
    "servicer_list",
    "sync_msg",
    "upgrade_to_groupchat",
    "upgrade_to_member",
]

# service_state (doc:94669). The API may send in NEW and BOT only.
NEW, BOT, POOL, HUMAN, ENDED = range(5)


class SyncPage(Reply):
    """One page of ``sync_msg``: raw items for ``inbound.parse_item``, one by one, so that a broken one cannot take the page along.

    ``items`` may be empty while ``has_more`` is true. Save ``next_cursor`` in the transaction that stores the items.
    """

    items: tuple[Any, ...] = ()
    next_cursor: str = ""
    has_more: bool = False


class SessionState(Reply):
    """Who has the session; ``servicer_userid`` is set only in state HUMAN (3)."""

    service_state: int
    servicer_userid: str | None = None


async def sync_msg(
    client: WecomClient, open_kfid: str, *, cursor: str = "", token: str = "", limit: int = 1000, voice_format: int = 0
) -> SyncPage:
    """One page of an account's messages and events after ``cursor``; an empty cursor starts at the oldest of the last 3 days.

    ``token`` is the callback's, good for 10 minutes; without it a much stricter rate limit holds. A stale one raises
    ``sync_token_stale``: pull again without it. ``voice_format`` 0 AMR, 1 Silk.
    """
    if not 1 <= limit <= 1000:
        raise bad_request("limit: 1..1000")
    body = {"open_kfid": open_kfid, "limit": limit, "voice_format": voice_format}
    body |= {name: value for name, value in (("cursor", cursor), ("token", token)) if value}
    reply = await client.post("kf/sync_msg", body)
    page = read(SyncPage, {**reply, "items": reply.get("msg_list") or ()})
    if page.has_more and not page.next_cursor:
        # Going on without a cursor would start again three days ago, for ever.
        raise WecomError("garbage_reply", detail="kf/sync_msg: has_more without next_cursor")
    return page


async def send_msg(
    client: WecomClient,
    touser: str,
    open_kfid: str,
    message: Mapping[str, Any],
    *,
    msgid: str | None = None,
    repeat: bool = False,
    bulk: bool = False,
) -> str:
    """Send ``message`` (built by ``outbound``) to a customer; the msgid (doc:94677). What is ``bulk`` lets the others go first.

    Accepted is not delivered: a failure may follow as the event ``msg_send_fail``. ``msgid`` (see ``outbound.message_id``) makes the
    send at most once; ``repeat`` says that an earlier call with it ended in ``unknown_outcome``. Raises, among others,
    ``over_quota`` (5 messages), ``window_closed`` (48 h), ``session_state`` (a human has it), ``duplicate_message``,
    ``unknown_outcome``.
    """
    _check_msgid(msgid)
    reply = await client.post("kf/send_msg", given(touser=touser, open_kfid=open_kfid, msgid=msgid, **message), repeat=repeat, bulk=bulk)
    return _text(reply, "msgid", msgid)


async def send_msg_on_event(
    client: WecomClient, code: str, message: Mapping[str, Any], *, msgid: str | None = None, repeat: bool = False
) -> str:
    """Use an event's ``welcome_code`` or ``msg_code`` once, for a text or a menu; the msgid (doc:95122).

    A welcome or end code lives 20 s from the event, a pool or take-over code 48 h (text only) while the state lasts.
    """
    if message.get("msgtype") not in ("text", "msgmenu"):
        raise bad_request("msgtype: text or msgmenu")
    _check_msgid(msgid)
    return _text(await client.post("kf/send_msg_on_event", given(code=code, msgid=msgid, **message), repeat=repeat), "msgid", msgid)


async def service_state_get(client: WecomClient, open_kfid: str, external_userid: str) -> SessionState:
    """Who has the customer's session now (doc:94669)."""
    return read(SessionState, await client.post("kf/service_state/get", {"open_kfid": open_kfid, "external_userid": external_userid}))


async def service_state_trans(
    client: WecomClient, open_kfid: str, external_userid: str, service_state: int, servicer_userid: str | None = None
) -> str | None:
    """Move the session; the ``msg_code`` for one more message, if WeCom gives one. HUMAN (3) needs a servicer who is at work.

    Raises ``session_state`` (read the state first), ``servicer_unavailable``, ``session_ended``; ``unknown_outcome`` when the
    answer was lost: read the state then.
    """
    if service_state not in range(5) or (service_state == HUMAN) != (servicer_userid is not None):
        raise bad_request("service_state: 0..4, with servicer_userid for 3 and only for 3")
    body = given(open_kfid=open_kfid, external_userid=external_userid, service_state=service_state, servicer_userid=servicer_userid)
    code = (await client.post("kf/service_state/trans", body)).get("msg_code")
    return code if isinstance(code, str) and code else None


def _check_msgid(msgid: str | None) -> None:
    if msgid is not None and not re.fullmatch(r"[0-9a-zA-Z_-]{1,32}", msgid):
        raise bad_request("msgid: 1..32 of 0-9a-zA-Z_-")


def _text(reply: Mapping[str, Any], name: str, default: str | None) -> str:
    value = reply.get(name)
    if isinstance(value, str) and value:
        return value
    if default is None:
        raise WecomError("unknown_outcome", detail=f"the reply has no {name}")
    return default
