"""System events of 微信客服: somebody came in, a session changed hands, a message did not arrive, a message was taken back."""

from datetime import datetime, timedelta
from typing import Any

import structlog
from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from bot import questions
from bot.called import ended
from bot.give_up import give_up
from bot.reach import OPENED, Means, not_arrived, open_now, taken_back
from bot.reply import Reply, merge
from bot.speak import in_chat
from bot.texts import say
from integrations.wecom.outbound import message_id
from plans.binding_talk import enter
from plans.reach.arrive import entered
from plans.reach.link import is_contact_token
from plans.task_key import tasks_in
from records.chat import CHAT_MOVES, Chat
from records.message import Inbound, Outbound
from records.staff import Staff
from records.state import move

log = structlog.get_logger(__name__)

# wecom-api §3.4: origin of an item.
CUSTOMER, EVENT, SERVICER = 3, 4, 5
# wecom-api §3.7: a welcome code lives 20 s from the event's creation.
WELCOME_WINDOW = timedelta(seconds=20)
# wecom-api §3.4, session_status_change.
TAKEN, TRANSFERRED, ENDED, REOPENED = 1, 2, 3, 4
# wecom-api §3.4, msg_send_fail: the session is over 48 h, ended, or five messages are used up.
EXPIRED, CLOSED, USED_UP = 4, 5, 6
# The family has switched the corp's messages off.
REFUSES = 10


async def handle_event(
    tx: AsyncSession, chat: Chat, message: Inbound, now: datetime, *, hospital: str, emergency: str, means: Means
) -> list[Reply]:
    """Carry out what an event says; what is to be answered through the normal outbox is returned."""
    event = message.body.get("event", {})
    match message.msgtype:
        case "enter_session":
            return await _entered(tx, chat, message, event, now, hospital=hospital, emergency=emergency)
        case "session_status_change":
            await _session(tx, chat, event, now)
        case "msg_send_fail":
            await _send_failed(tx, chat, event, now, means)
        case "user_recall_msg":
            await _recalled(tx, chat, event, now)
        case _:
            log.info("event recorded", msgtype=message.msgtype)
    return []


async def _entered(
    tx: AsyncSession, chat: Chat, message: Inbound, event: dict[str, Any], now: datetime, *, hospital: str, emergency: str
) -> list[Reply]:
    """Greet; a signed link begins a binding. Without a code to greet against, only an answer to a link is said, if WeCom allows it.

    Where a follow-up was announced, its opening is the greeting (bot/follow_up.py says it, in this event's 20 s where that is needed).
    """
    greeting, token, code = Reply(say("family.welcome", hospital=hospital, emergency=emergency)), event.get("scene_param"), None
    pushed = str(token) if token and is_contact_token(str(token)) else None
    if chat.state == "bot" and (waiting := await entered(tx, chat, pushed, now)):
        await open_now(tx, waiting, now)
        return []
    token = None if pushed else token
    if token and chat.state == "bot":
        asked = await enter(tx, chat, str(token), now, hospital=hospital, emergency=emergency)
        greeting = Reply(asked.text, asked.buttons)
    until = message.sent_at + WELCOME_WINDOW
    if now < until:
        code = event.get("welcome_code")
    if not code:
        return [greeting] if token and chat.window_open(now) else []
    body = {"code": code, **merge([greeting])[0]}
    await in_chat(tx, chat, f"welcome:{message.msgid}", body, purpose="welcome", now=now, useful_until=until, route="kf_event")
    return []


async def _session(tx: AsyncSession, chat: Chat, event: dict[str, object], now: datetime) -> None:
    change, servicer = event.get("change_type"), event.get("new_servicer_userid")
    if change in (TAKEN, TRANSFERRED, REOPENED):
        chat.service_state = 3
        owner = await tx.scalar(select(Staff.id).where(Staff.userid == servicer))
        await move(tx, chat, "human", moves=CHAT_MOVES, at=now, by=str(servicer), reason=f"session change {change}", owner_id=owner)
    elif change == ENDED:
        chat.service_state = 4
        by = str(event.get("old_servicer_userid") or "wecom")
        await ended(tx, chat, by, now)
        await questions.ended(tx, chat, by, now)
        if chat.state == "human":
            await move(tx, chat, "bot", moves=CHAT_MOVES, at=now, by=by, reason="session ended", owner_id=None)


async def _send_failed(tx: AsyncSession, chat: Chat, event: dict[str, object], now: datetime, means: Means) -> None:
    """WeCom took the message and then could not deliver it: the ledger is set right, and a follow-up goes to the nurse."""
    failed = str(event.get("fail_msgid") or "")
    recent = await tx.scalars(
        select(Outbound).where(Outbound.chat_id == chat.id, Outbound.state == "sent").order_by(Outbound.seq.desc()).limit(50)
    )
    row = next((row for row in recent if failed in (row.response.get("msgid"), message_id(row.key))), None)
    if event.get("fail_type") in (EXPIRED, CLOSED):
        chat.window_from = None
    elif event.get("fail_type") == USED_UP:
        chat.window_used = 99
    if row is None:
        return
    row.state, row.error = "failed", f"msg_send_fail {event.get('fail_type')}"
    refused = event.get("fail_type") == REFUSES
    known = await not_arrived(tx, row, row.error, refused=refused, now=now, means=means)
    if row.purpose == OPENED:
        await taken_back(tx, row, row.error, now)
    elif row.purpose == "task" and not known:
        for task_id in tasks_in(row.key):
            await give_up(tx, task_id, row.error, now)


async def _recalled(tx: AsyncSession, chat: Chat, event: dict[str, object], now: datetime) -> None:
    taken_back = Inbound.msgid == str(event.get("recall_msgid"))
    message = await tx.scalar(select(Inbound).where(Inbound.chat_id == chat.id, taken_back).with_for_update())
    if message is not None:
        message.outcome = {**message.outcome, "recalled_at": now.isoformat()}
