"""Questions that a family gave to its team, and answers that may become articles (FHIR Communication)."""

from datetime import datetime

from sqlalchemy import ForeignKey, Index, select
from sqlalchemy import text as sql
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import Mapped, mapped_column

from records.base import Base, Identity
from records.flag import Flag
from records.state import Moves, move

# Category of the alert that brings a question to the team.
QUESTION = "family_question"

# asked → answered by a clinician, or closed without an answer in writing.
QUESTION_MOVES: Moves = {"asked": frozenset({"answered", "closed"}), "answered": frozenset(), "closed": frozenset()}


class QuestionToTeam(Identity, Base):
    """One question in the family's own words, which the assistant could not answer. `flag_id` is the alert that the team sees; questions
    of one chat that wait together share it."""

    __tablename__ = "question_to_team"

    chat_id: Mapped[int] = mapped_column(ForeignKey("chat.id"))
    patient_id: Mapped[int | None] = mapped_column(ForeignKey("patient.id"), index=True)
    flag_id: Mapped[int] = mapped_column(ForeignKey("flag.id"), index=True)
    text: Mapped[str]
    asked_at: Mapped[datetime]
    state: Mapped[str] = mapped_column(default="asked")
    answer: Mapped[str | None]
    answered_by: Mapped[int | None] = mapped_column(ForeignKey("staff.id"))
    answered_at: Mapped[datetime | None]

    __table_args__ = (Index("ix_question_to_team_chat_id_asked", "chat_id", postgresql_where=sql("state = 'asked'")),)


class ContentDraft(Identity, Base):
    """An answer that a clinician wants in the library: without names, for a reviewer to make an article of. Never shown to families.

    state: draft → exported.
    """

    __tablename__ = "content_draft"

    flag_id: Mapped[int] = mapped_column(ForeignKey("flag.id"), unique=True)
    question: Mapped[str]
    answer: Mapped[str]
    by: Mapped[str]
    at: Mapped[datetime]
    state: Mapped[str] = mapped_column(default="draft")


DRAFT_MOVES: Moves = {"draft": frozenset({"exported"}), "exported": frozenset()}


async def questions_of(tx: AsyncSession, flag: Flag, *states: str) -> list[QuestionToTeam]:
    """The questions behind an alert in one of these states, in the order in which they were asked."""
    chosen = select(QuestionToTeam).where(QuestionToTeam.flag_id == flag.id, QuestionToTeam.state.in_(states))
    return list(await tx.scalars(chosen.order_by(QuestionToTeam.id)))


async def close_questions(tx: AsyncSession, flag: Flag, *, by: str, now: datetime) -> None:
    """The alert is over and nothing was answered in writing."""
    for question in await questions_of(tx, flag, "asked"):
        await move(tx, question, "closed", moves=QUESTION_MOVES, at=now, by=by, reason="closed on the card")
