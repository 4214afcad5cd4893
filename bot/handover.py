"""From the bot to a human and back. WeCom's session state follows; while a human owns the chat the bot is silent."""

from datetime import datetime, timedelta

from sqlalchemy import func, select
from sqlalchemy.ext.asyncio import AsyncSession

from bot.speak import in_chat
from bot.texts import say
from integrations.wecom.outbound import text
from plans.clarify_talk import interrupt
from records.chat import CHAT_MOVES, WINDOW, Chat
from records.flag import Flag
from records.message import Inbound, Outbound, clinician_wrote
from records.staff import Staff, Team, on_call
from records.state import move

# wecom-api §3.8.
POOL, HUMAN, ENDED = 2, 3, 4
# wecom-api §3.4: origin of what a customer and what a servicer writes.
SPEAKERS = (3, 5)
# "Nobody is here yet" is old news after this time (wecom-api §3.7 would take it for 48 h).
NEWS_FOR = timedelta(minutes=30)
# wecom-api §3.7: a code that the end of a session earns.
END_CODE = timedelta(seconds=20)


async def hand_over(tx: AsyncSession, chat: Chat, *, key: str, now: datetime, to: Staff | None = None) -> bool:
    """Ask WeCom, behind everything that the bot still has to say, to give the session to `to`, or to whoever is on call.

    The chat is a human's once WeCom has agreed. With nobody on call the bot stays, and False is said: an alert is already
    waiting for a person.
    """
    servicer = to or next(iter(await on_call(tx, chat.team_id, 1, now)), None)
    if servicer is None:
        return False
    wanted = {"service_state": HUMAN, "servicer_userid": servicer.userid}
    await in_chat(tx, chat, key, wanted, purpose="handover", now=now, route="kf_trans")
    return True


async def handed_over(tx: AsyncSession, chat: Chat, *, service_state: int, owner: Staff | None, now: datetime, reason: str) -> None:
    """WeCom has moved the session to a human, or to the waiting pool."""
    chat.service_state = service_state
    await interrupt(tx, chat, "left", now=now)
    by = owner.userid if owner is not None else "pool"
    await move(tx, chat, "human", moves=CHAT_MOVES, at=now, by=by, reason=reason, owner_id=owner.id if owner is not None else None)


async def tell_waiting(tx: AsyncSession, chat: Chat, key: str, code: str, now: datetime, *, emergency_phone: str) -> None:
    """The one message that WeCom lets the bot send into the waiting pool, against the `code` that the move there earned."""
    words = await _truth(tx, chat, "family.waiting.pool", now, emergency_phone)
    until = now + NEWS_FOR
    await in_chat(tx, chat, f"pool:{key}", {"code": code, **text(words)}, purpose="notice", now=now, useful_until=until, route="kf_event")


async def taken_from_wecom(tx: AsyncSession, chat: Chat, row: Outbound, code: str | None, now: datetime) -> None:
    """The session in WeCom has ended at our wish. `code` is good for 20 s and one message: the row's `words`, if it has any."""
    chat.service_state = ENDED
    words = row.payload.get("words")
    if code is not None and words:
        until = now + END_CODE
        body = {"code": code, **text(words)}
        await in_chat(tx, chat, f"{row.key}:words", body, purpose="notice", now=now, useful_until=until, route="kf_event")


async def tell_not_reached(tx: AsyncSession, chat: Chat, key: str, now: datetime, *, emergency_phone: str) -> None:
    """A hand-over came to nothing and the bot still has the chat: the family does not wait for somebody who is not coming."""
    if chat.state == "bot":
        words = await _truth(tx, chat, "family.waiting.not_reached", now, emergency_phone)
        await in_chat(tx, chat, f"not_reached:{key}", words, purpose="notice", now=now, useful_until=now + NEWS_FOR)


async def _truth(tx: AsyncSession, chat: Chat, path: str, now: datetime, emergency_phone: str) -> str:
    """The text at `path` with what is true at this moment: somebody has the alert, is being called for it, or is not on call at all."""
    unanswered = await tx.scalar(select(Flag.id).where(Flag.chat_id == chat.id, Flag.state.in_(("raised", "delivered"))).limit(1))
    called = "taken"
    if unanswered is not None:
        called = "calling" if await on_call(tx, chat.team_id, 1, now) else "nobody"
    team = await tx.get_one(Team, chat.team_id)
    return say(path, called=say(f"family.waiting.{called}"), phone=team.phone or emergency_phone, emergency=emergency_phone)


async def take_back_if_over(tx: AsyncSession, chat: Chat, message: Inbound, now: datetime) -> None:
    """A session ends by itself after 48 h of silence: the message that comes then is the bot's again."""
    if chat.state != "human" or chat.window_from is None:
        return
    # Entering the chat, or taking a message back, keeps no session alive.
    spoken = Inbound.origin.in_(SPEAKERS) | (Inbound.msgtype == "session_status_change")
    heard = await tx.scalar(select(func.max(Inbound.sent_at)).where(Inbound.chat_id == chat.id, Inbound.id < message.id, spoken))
    last = max((moment for moment in (heard, await clinician_wrote(tx, chat.id)) if moment is not None), default=None)
    if last is not None and message.sent_at - last > WINDOW:
        chat.service_state = 0
        await move(tx, chat, "bot", moves=CHAT_MOVES, at=now, by="system", reason="session over 48 h old", owner_id=None)
