"""Clarifying questions about a report: which were asked in a chat, and what is known by now."""

from datetime import datetime
from typing import Any

from sqlalchemy import ForeignKey, Index
from sqlalchemy.orm import Mapped, mapped_column

from records.base import Base, Identity
from records.state import Moves

# waiting: another report's questions come first. enough: all is known that was wanted. danger: triage has taken over. unread: three
# answers that nobody could read. left: the family did not want to go on, or said nothing more. superseded: something else was asked, or
# another child was meant.
CLARIFICATION_MOVES: Moves = {
    "waiting": frozenset({"open", "enough", "danger", "left", "superseded"}),
    "open": frozenset({"enough", "danger", "unread", "left", "superseded"}),
    **{end: frozenset[str]() for end in ("enough", "danger", "unread", "left", "superseded")},
}


class Clarification(Identity, Base):
    """The questions about one report. `theme` and `version` name the entry of plans/clarify/.

    `asked` lists the questions in their order, the last one is open; `answers` is by question: {said, tells, choice, hours, value, at}.
    `tried` counts answers to the open question that could not be read. The chat's `clarification_id` names the one that waits.
    """

    __tablename__ = "clarification"

    chat_id: Mapped[int] = mapped_column(ForeignKey("chat.id"), index=True)
    patient_id: Mapped[int] = mapped_column(ForeignKey("patient.id"))
    theme: Mapped[str]
    version: Mapped[int]
    state: Mapped[str] = mapped_column(default="open")
    asked: Mapped[list[str]] = mapped_column(default=list)
    answers: Mapped[dict[str, Any]] = mapped_column(default=dict)
    tried: Mapped[int] = mapped_column(default=0)
    opened_at: Mapped[datetime]
    updated_at: Mapped[datetime]

    __table_args__ = (Index("ix_clarification_patient_id_opened_at", "patient_id", "opened_at"),)
