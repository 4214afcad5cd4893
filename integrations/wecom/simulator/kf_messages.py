"""kf/send_msg, kf/send_msg_on_event and kf/sync_msg."""

from typing import Any

from integrations.wecom.simulator import session
from integrations.wecom.simulator.errors import ApiError
from integrations.wecom.simulator.kf_bodies import BODIES, ENVELOPE, check_body
from integrations.wecom.simulator.sealing import seal, unseal
from integrations.wecom.simulator.simulator import Call, Endpoint, Simulator
from integrations.wecom.simulator.state import Chat, EventCode, Message, Sender
from integrations.wecom.simulator.validate import Int, Obj, Text

RETENTION = 3 * 86400.0
TOKEN_LIFETIME = 600
PAGE = 1000
CUSTOMER_REFUSES = 10


def send_msg(call: Call) -> dict[str, Any]:
    """A message of the bot. Order of checks: fields, account, customer, msgid, session state, window."""
    sim, body = call.sim, call.body
    content = check_body(sim, body, tuple(BODIES))
    account = sim.account(body["open_kfid"])
    customer = sim.customer(body["touser"])
    chat = sim.chat(account.open_kfid, customer.external_userid)
    msgid = _claim_msgid(sim, account.sent_ids, body.get("msgid"))
    session.check_state_allows_send(chat)
    closed = session.closed_window(chat, sim.now)
    if closed is not None and sim.switches.window_failure == "sync":
        raise ApiError(closed)
    account.sent_ids.add(msgid)
    message = add_message(sim, chat, "bot", body["msgtype"], content, msgid=msgid)
    if closed is not None:
        fail_later(sim, chat, message, session.FAIL_TYPE[closed])
        return {"msgid": msgid}
    session.note_reply(chat)
    if customer.refuses:
        fail_later(sim, chat, message, CUSTOMER_REFUSES)
    return {"msgid": msgid}


def _claim_msgid(sim: Simulator, used: set[str], wanted: str | None) -> str:
    if wanted and wanted in used:
        raise ApiError(sim.switches.duplicate_msgid_errcode, "msgid already used")
    return wanted or sim.new_id("", 32)


def add_message(sim: Simulator, chat: Chat, sender: Sender, msgtype: str, body: Any, *, msgid: str, userid: str | None = None) -> Message:
    """Write a message into the chat and tell the watchers."""
    sim.world.serial += 1
    message = Message(sim.world.serial, msgid, sender, sim.now, msgtype, body, userid)
    chat.messages[msgid] = message
    _watch(sim, chat, message)
    return message


def _watch(sim: Simulator, chat: Chat, message: Message) -> None:
    sim.hub.publish(
        "message",
        open_kfid=chat.open_kfid,
        external_userid=chat.external_userid,
        msgid=message.msgid,
        **{"from": message.sender, "status": message.status},
    )


def set_status(sim: Simulator, chat: Chat, message: Message, status: Any) -> None:
    """Mark a message failed or recalled and tell the watchers."""
    message.status = status
    _watch(sim, chat, message)


def fail_later(sim: Simulator, chat: Chat, message: Message, fail_type: int) -> None:
    """The message was accepted but does not arrive: an event says so."""
    set_status(sim, chat, message, "failed")
    add_event(sim, chat, "msg_send_fail", fail_msgid=message.msgid, fail_type=fail_type)


def add_event(sim: Simulator, chat: Chat, event_type: str, **fields: Any) -> None:
    """An event about a chat, with both ids inside `event` as the platform puts them."""
    add_account_event(sim, chat.open_kfid, event_type, external_userid=chat.external_userid, **fields)


def add_account_event(sim: Simulator, open_kfid: str, event_type: str, **fields: Any) -> None:
    """An event of an account; its id stands inside `event`."""
    item = {"msgid": sim.new_id("", 32), "send_time": int(sim.now), "origin": 4, "msgtype": "event"}
    sim.feed(open_kfid, {**item, "event": {"event_type": event_type, "open_kfid": open_kfid, **fields}})


def new_code(sim: Simulator, chat: Chat, lifetime: float, types: list[str], *, welcome: bool = False) -> str:
    """A code for send_msg_on_event, tied to the chat's present state unless it is a welcome."""
    code = sim.new_id("CODE", 40)
    state = None if welcome else chat.service_state
    sim.world.event_codes[code] = EventCode(
        chat.open_kfid, chat.external_userid, sim.now, lifetime, types, state, chat.session, welcome=welcome
    )
    return code


def code_for_move(sim: Simulator, chat: Chat, target: int) -> str | None:
    """The msg_code that a move just made earns."""
    prompt = session.prompt_for_move(chat, target)
    if target in (session.POOL, session.HUMAN):
        chat.handed_over = chat.handed_over or target == session.HUMAN
    return new_code(sim, chat, *prompt) if prompt else None


def send_msg_on_event(call: Call) -> dict[str, Any]:
    """One message against a code. It does not count as one of the five replies."""
    sim, body = call.sim, call.body
    code = sim.world.event_codes.get(body["code"])
    if code is None or code.used or not code.at <= sim.now < code.at + code.lifetime:
        raise ApiError(40058, "invalid, used or expired code")
    app = call.app
    if app.open_kfids is not None and code.open_kfid not in app.open_kfids:
        raise ApiError(48007)
    content = check_body(sim, body, tuple(code.types))
    account, chat = sim.account(code.open_kfid), sim.chat(code.open_kfid, code.external_userid)
    if code.state is not None and (chat.service_state, chat.session) != (code.state, code.session):
        raise ApiError(95018)
    msgid = _claim_msgid(sim, account.sent_ids, body.get("msgid"))
    account.sent_ids.add(msgid)
    code.used = True
    if code.welcome:
        chat.welcomed_at = sim.now
    add_message(sim, chat, "bot", body["msgtype"], content, msgid=msgid)
    return {"msgid": msgid}


def sync_msg(call: Call) -> dict[str, Any]:
    """A page of news. Positions never move; what is older than three days is gone."""
    sim, body = call.sim, call.body
    open_kfid = body["open_kfid"]
    sim.account(open_kfid)
    _check_sync_token(sim, open_kfid, body.get("token"))
    feed = sim.world.feeds[open_kfid]
    oldest = sim.now - RETENTION
    gone = next((n for n, entry in enumerate(feed.items) if entry.at > oldest), len(feed.items))
    if gone:
        del feed.items[:gone]
        feed.base += gone
    key, scope = sim.world.seal, f"cursor {open_kfid}"
    start = feed.base
    if cursor := body.get("cursor"):
        position = unseal(cursor, key=key, scope=scope)
        if position is None:
            raise ApiError(40058, "invalid cursor")
        start = max(feed.base, position)
    first = start - feed.base
    size = min(body.get("limit") or PAGE, sim.switches.sync_page_max)
    if _page_stays_empty(sim, open_kfid, first < len(feed.items)):
        size = 0
    page = feed.items[first : first + size]
    return {
        "next_cursor": seal(start + len(page), key=key, scope=scope),
        "has_more": int(first + len(page) < len(feed.items)),
        "msg_list": [entry.item for entry in page],
    }


def _check_sync_token(sim: Simulator, open_kfid: str, token: str | None) -> None:
    limit = sim.switches.tokenless_sync_per_minute
    if token:
        made = unseal(token.removeprefix("ENC"), key=sim.world.seal, scope=f"token {open_kfid}")
        if made is None or not made <= sim.now < made + TOKEN_LIFETIME:
            raise ApiError(95007)
    elif limit is not None and not sim.windows.hit(f"tokenless {open_kfid}", limit=limit, seconds=60, now=sim.now):
        raise ApiError(45009)


def _page_stays_empty(sim: Simulator, open_kfid: str, news: bool) -> bool:
    every = sim.switches.sync_empty_every
    if not every or not news:
        return False
    served = sim.pages_served[open_kfid] = sim.pages_served.get(open_kfid, 0) + 1
    return served % every == 0


ENDPOINTS: dict[str, Endpoint] = {
    "kf/send_msg": Endpoint(
        send_msg,
        Obj({"touser": Text(required=True, max_bytes=64), "open_kfid": Text(required=True, max_bytes=64), **ENVELOPE}),
        right="kf",
        kf_account="open_kfid",
    ),
    "kf/send_msg_on_event": Endpoint(
        send_msg_on_event,
        Obj({"code": Text(required=True, max_bytes=64), **ENVELOPE}),
        right="kf",
    ),
    "kf/sync_msg": Endpoint(
        sync_msg,
        Obj(
            {
                "cursor": Text(max_bytes=64),
                "token": Text(max_bytes=128),
                "limit": Int(hi=PAGE),
                "voice_format": Int(hi=1),
                "open_kfid": Text(required=True, max_bytes=64),
            }
        ),
        right="kf",
        kf_account="open_kfid",
    ),
}
