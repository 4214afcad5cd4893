"""A person is called, and the alert that said so learns from the chat itself, without a tap on a card, that the family has one."""

from datetime import datetime
from zoneinfo import ZoneInfo

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from bot import metrics
from bot.cards import show_everywhere
from bot.lines import deliver
from bot.texts import reasons, say
from bot.triage_flag import QUOTE
from plans.working_hours import rests_until, when_text
from records.chat import Chat
from records.flag import FLAG_MOVES, Flag, close_flag, raise_flag
from records.staff import Staff, Team, on_call
from records.state import move

HUMAN_REQUEST = "human_request"
# Why a person is called for a message that is not in Chinese, whether it alarms by its numbers or not: nobody else can triage it.
LANGUAGE = "language"


async def call_human(tx: AsyncSession, chat: Chat, said: str, reason: str, now: datetime, *, zone: ZoneInfo, emergency_phone: str) -> str:
    """Raise the alert for a family that needs a person; what to tell it, which says who is being called and promises nobody else.

    The caller hands the chat over behind these words.
    """
    await raise_flag(
        tx,
        chat,
        level="urgent",
        categories=[HUMAN_REQUEST],
        said=said[:QUOTE],
        because=reasons([reason]),
        evidence=[{"rule": HUMAN_REQUEST, "version": 1, "because": reason}],
        now=now,
        by="dialogue",
    )
    metrics.FLAGS.labels("urgent").inc()
    team = await tx.get_one(Team, chat.team_id)
    called = await on_call(tx, chat.team_id, 1, now)
    told = f"family.{'language' if reason == LANGUAGE else 'human'}_{'called' if called else 'nobody'}"
    given = {"phone": team.phone or emergency_phone, "emergency": emergency_phone}
    opens = await rests_until(tx, chat.team_id, now, zone) if reason != LANGUAGE else None
    return say(told, **given) if opens is None else say(f"{told}_resting", when=when_text(opens, now, zone), **given)


async def answered(tx: AsyncSession, chat: Chat, userid: str, now: datetime) -> None:
    """A clinician wrote in the chat: the call for a person is acknowledged by her."""
    staff = await tx.scalar(select(Staff).where(Staff.userid == userid))
    flag = await _open_call(tx, chat)
    if staff is None or flag is None or flag.state not in ("raised", "delivered"):
        return
    reason = "answered in the chat"
    if await move(
        tx, flag, "acknowledged", moves=FLAG_MOVES, at=now, by=userid, reason=reason, owner_id=staff.id, acknowledged_at=now, next_at=None
    ):
        await _show(tx, flag, say("card.claimed_by", name=staff.name), now)


async def ended(tx: AsyncSession, chat: Chat, userid: str, now: datetime) -> None:
    """The clinician ended the session: the call for a person is closed."""
    flag = await _open_call(tx, chat)
    if flag is None:
        return
    staff = await tx.scalar(select(Staff).where(Staff.userid == userid))
    owner = staff.id if staff is not None else flag.owner_id
    if await close_flag(tx, flag, by=userid, owner_id=owner, outcome="answered", reason="session ended", now=now):
        await _show(tx, flag, say("card.closed_by", name=staff.name if staff is not None else userid), now)


async def _open_call(tx: AsyncSession, chat: Chat) -> Flag | None:
    flag: Flag | None = await tx.scalar(
        select(Flag).where(Flag.chat_id == chat.id, Flag.category == HUMAN_REQUEST, Flag.state != "closed").with_for_update()
    )
    return flag


async def _show(tx: AsyncSession, flag: Flag, text: str, now: datetime) -> None:
    lines = await show_everywhere(tx, flag, text, now)
    await deliver(tx, lines)
