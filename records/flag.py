"""Alerts. A Flag has a life: raised → delivered → acknowledged → closed with an outcome; silence asks the next tier."""

from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import ForeignKey, Index, select, text
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import Mapped, mapped_column

from records.base import Base, Changing, Identity
from records.chat import Chat
from records.message import clinician_wrote
from records.state import StateChange, created, move

LEVELS = ("routine", "same_day", "urgent", "emergency")

# Whoever has an alert is taken to be there for this long after taking it, and after each word he writes to the family.
ATTENDED = timedelta(minutes=10)

FLAG_MOVES = {
    "raised": frozenset({"delivered", "acknowledged", "closed"}),
    "delivered": frozenset({"acknowledged", "closed"}),
    "acknowledged": frozenset({"acknowledged", "delivered", "closed"}),
    "closed": frozenset[str](),
}


class Flag(Identity, Changing, Base):
    """One alert about one chat (and its patient, when known). `said` is the family's own words, `because` why it fired.

    `next_at` is when silence is acted upon: a repeat, the next tier, or the next attempt at delivery.
    """

    __tablename__ = "flag"

    chat_id: Mapped[int | None] = mapped_column(ForeignKey("chat.id"), index=True)
    patient_id: Mapped[int | None] = mapped_column(ForeignKey("patient.id"), index=True)
    team_id: Mapped[int] = mapped_column(ForeignKey("team.id"))
    level: Mapped[str]
    category: Mapped[str]
    categories: Mapped[list[str]] = mapped_column(default=list)
    said: Mapped[str]
    because: Mapped[str]
    evidence: Mapped[list[dict[str, Any]]] = mapped_column(default=list)
    state: Mapped[str] = mapped_column(default="raised")
    tier: Mapped[int] = mapped_column(default=1)
    round: Mapped[int] = mapped_column(default=0)
    repeats: Mapped[int] = mapped_column(default=0)
    next_at: Mapped[datetime | None]
    owner_id: Mapped[int | None] = mapped_column(ForeignKey("staff.id"))
    outcome: Mapped[str | None]
    raised_at: Mapped[datetime]
    delivered_at: Mapped[datetime | None]
    acknowledged_at: Mapped[datetime | None]
    closed_at: Mapped[datetime | None]

    __table_args__ = (
        Index("ix_flag_next_at", "next_at", postgresql_where=text("next_at is not null")),
        Index("ix_flag_team_id_open", "team_id", postgresql_where=text("state <> 'closed'")),
        Index("uq_flag_chat_id_category_open", "chat_id", "category", unique=True, postgresql_where=text("state <> 'closed'")),
    )


class FlagNotice(Identity, Base):
    """One card of one flag to one clinician, and what came of it: queued, delivered, invalid (WeCom does not know him), failed,
    withdrawn (no longer wanted when its turn came)."""

    __tablename__ = "flag_notice"

    flag_id: Mapped[int] = mapped_column(ForeignKey("flag.id"), index=True)
    staff_id: Mapped[int] = mapped_column(ForeignKey("staff.id"))
    card: Mapped[str] = mapped_column(unique=True)
    tier: Mapped[int]
    state: Mapped[str] = mapped_column(default="queued")
    response_code: Mapped[str | None]
    at: Mapped[datetime]


def worst_first(flag: Flag) -> tuple[int, datetime]:
    """Where an alert stands in a list: the worst level first, then who waits longest."""
    return -LEVELS.index(flag.level), flag.raised_at


async def raise_flag(
    tx: AsyncSession,
    chat: Chat,
    *,
    level: str,
    categories: list[str],
    said: str,
    because: str,
    evidence: list[dict[str, Any]],
    now: datetime,
    by: str = "triage",
    patient_id: int | None = None,
) -> Flag:
    """Raise an alert, or strengthen the open one of the same chat and category: at least once, de-duplicated.

    The flag's `next_at` is now: the escalation takes it up after the commit, and its sweep does if that fails. One that somebody has
    taken is opened again when it gets worse, or when it comes back and nobody has been there for ATTENDED.
    """
    flag: Flag | None = await tx.scalar(
        select(Flag).where(Flag.chat_id == chat.id, Flag.category == categories[0], Flag.state != "closed").with_for_update()
    )
    if flag is None:
        flag = Flag(
            chat_id=chat.id,
            patient_id=patient_id or chat.patient_id,
            team_id=chat.team_id,
            level=level,
            category=categories[0],
            categories=categories,
            said=said,
            because=because,
            evidence=evidence,
            raised_at=now,
            next_at=now,
        )
        tx.add(flag)
        await tx.flush()
        created(tx, flag, at=now, by=by, reason=because)
        _note(tx, flag)
        return flag
    worse = LEVELS.index(level) > LEVELS.index(flag.level)
    flag.repeats += 1
    flag.patient_id = flag.patient_id or patient_id or chat.patient_id
    flag.said = said
    flag.because = because
    flag.evidence = [*flag.evidence, *evidence][-20:]
    flag.categories = sorted({*flag.categories, *categories})
    if worse:
        flag.level = level
        flag.next_at = now
        _note(tx, flag)
    if flag.state == "acknowledged" and (worse or not await _attended(tx, flag, chat, now)):
        await tx.flush()
        await move(tx, flag, "delivered", moves=FLAG_MOVES, at=now, by=by, reason="came back", owner_id=None, next_at=now)
        _note(tx, flag)
    tx.add(
        StateChange(
            entity="flag", entity_id=flag.id, old=flag.state, new=flag.state, at=now, by=by, reason="worse" if worse else "repeated"
        )
    )
    return flag


async def close_flag(
    tx: AsyncSession, flag: Flag, *, by: str, owner_id: int | None, outcome: str, reason: str | None, now: datetime
) -> bool:
    """The alert is over and is `owner_id`'s, who had it then at the latest; whether it moved."""
    return await move(
        tx,
        flag,
        "closed",
        moves=FLAG_MOVES,
        at=now,
        by=by,
        reason=reason,
        owner_id=owner_id,
        closed_at=now,
        outcome=outcome,
        next_at=None,
        acknowledged_at=flag.acknowledged_at or now,
    )


async def _attended(tx: AsyncSession, flag: Flag, chat: Chat, now: datetime) -> bool:
    """Whether the clinician who has the alert was there a moment ago."""
    moments = (flag.acknowledged_at, await clinician_wrote(tx, chat.id))
    return any(moment is not None and now - moment < ATTENDED for moment in moments)


async def lock_flag(tx: AsyncSession, flag_id: int) -> tuple[Flag | None, Chat | None]:
    """The alert and its chat, held until the end of the transaction; the chat first, as the road of a message locks them."""
    chat_id = await tx.scalar(select(Flag.chat_id).where(Flag.id == flag_id))
    chat = await tx.scalar(select(Chat).where(Chat.id == chat_id).with_for_update()) if chat_id is not None else None
    flag = await tx.scalar(select(Flag).where(Flag.id == flag_id).with_for_update().execution_options(populate_existing=True))
    return flag, chat


async def find_flag(tx: AsyncSession, flag_id: int) -> tuple[Flag | None, Chat | None]:
    """The alert and its chat, to look at."""
    flag = await tx.get(Flag, flag_id)
    return flag, await tx.get(Chat, flag.chat_id) if flag is not None and flag.chat_id is not None else None


def _note(tx: AsyncSession, flag: Flag) -> None:
    tx.info.setdefault("raised_flags", {})[flag.id] = None


def raised(tx: AsyncSession) -> list[int]:
    """The flags that this transaction raised or made worse, for the escalation to take up; one may be gone with a savepoint."""
    return list(tx.info.get("raised_flags", ()))
