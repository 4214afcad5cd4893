"""From the bot to a human and back. WeCom's session state follows; while a human owns the chat the bot is silent."""

from datetime import datetime

from sqlalchemy import func, select
from sqlalchemy.ext.asyncio import AsyncSession

from bot.speak import in_chat
from records.chat import CHAT_MOVES, WINDOW, Chat
from records.message import Inbound
from records.staff import Staff, on_call
from records.state import move

# wecom-api §3.8.
POOL, HUMAN = 2, 3
# wecom-api §3.4: origin of what a customer and what a servicer writes.
SPEAKERS = (3, 5)


async def hand_over(tx: AsyncSession, chat: Chat, *, key: str, now: datetime, to: Staff | None = None) -> None:
    """Ask WeCom, behind everything that the bot still has to say, to give the session to `to` or to whoever is on call.

    The chat is a human's once WeCom has agreed. With nobody on call the bot stays: an alert is already waiting for a person.
    """
    servicer = to or next(iter(await on_call(tx, chat.team_id, 1, now)), None)
    if servicer is None:
        return
    wanted = {"service_state": HUMAN, "servicer_userid": servicer.userid}
    await in_chat(tx, chat, key, wanted, purpose="handover", now=now, route="kf_trans")


async def handed_over(tx: AsyncSession, chat: Chat, *, service_state: int, owner: Staff | None, now: datetime, reason: str) -> None:
    """WeCom has moved the session to a human, or to the waiting pool."""
    chat.service_state = service_state
    by = owner.userid if owner is not None else "pool"
    await move(tx, chat, "human", moves=CHAT_MOVES, at=now, by=by, reason=reason, owner_id=owner.id if owner is not None else None)


async def take_back_if_over(tx: AsyncSession, chat: Chat, message: Inbound, now: datetime) -> None:
    """A session ends by itself after 48 h of silence: the message that comes then is the bot's again."""
    if chat.state != "human" or chat.window_from is None:
        return
    # Entering the chat, or taking a message back, keeps no session alive.
    spoken = Inbound.origin.in_(SPEAKERS) | (Inbound.msgtype == "session_status_change")
    last = await tx.scalar(select(func.max(Inbound.sent_at)).where(Inbound.chat_id == chat.id, Inbound.id < message.id, spoken))
    if last is not None and message.sent_at - last > WINDOW:
        chat.service_state = 0
        await move(tx, chat, "bot", moves=CHAT_MOVES, at=now, by="system", reason="session over 48 h old", owner_id=None)
