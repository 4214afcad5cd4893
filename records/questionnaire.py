"""Filled-in questionnaires (FHIR QuestionnaireResponse)."""

from datetime import datetime
from typing import Any

from sqlalchemy import ForeignKey, Index, text
from sqlalchemy.orm import Mapped, mapped_column

from records.base import Base, Changing, Identity
from records.state import Moves

# assigned: a clinician wants it filled in. stopped: the family did not want to go on; what was answered stays.
RESPONSE_MOVES: Moves = {
    "assigned": frozenset({"in_progress", "stopped"}),
    "in_progress": frozenset({"completed", "stopped"}),
    "completed": frozenset(),
    "stopped": frozenset(),
}


class QuestionnaireResponse(Identity, Changing, Base):
    """One questionnaire as somebody fills it in. `answers` is by item id: {value, at}; a value of None was skipped.

    Of an anonymous one, chat and patient are forgotten when it ends; the team stays. `tried` counts answers to the open item that
    could not be read.
    """

    __tablename__ = "questionnaire_response"

    questionnaire: Mapped[str]
    version: Mapped[int]
    team_id: Mapped[int] = mapped_column(ForeignKey("team.id"))
    chat_id: Mapped[int | None] = mapped_column(ForeignKey("chat.id"))
    patient_id: Mapped[int | None] = mapped_column(ForeignKey("patient.id"), index=True)
    state: Mapped[str]
    answers: Mapped[dict[str, Any]] = mapped_column(default=dict)
    tried: Mapped[int] = mapped_column(default=0)
    score: Mapped[float | None]
    band: Mapped[str | None]
    created_by: Mapped[str]
    created_at: Mapped[datetime]
    completed_at: Mapped[datetime | None]

    __table_args__ = (
        # A chat fills in one at a time.
        Index("uq_questionnaire_response_chat_id_open", "chat_id", unique=True, postgresql_where=text("state = 'in_progress'")),
        Index("ix_questionnaire_response_questionnaire", "questionnaire", "completed_at"),
    )
