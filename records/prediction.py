"""Prediction models and what they said of whom (FHIR RiskAssessment)."""

from datetime import datetime
from typing import Any

from sqlalchemy import ForeignKey, Index, UniqueConstraint, select, text
from sqlalchemy.dialects.postgresql import distinct_on
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import Mapped, mapped_column

from records.base import Base, Identity
from records.state import Moves

PREDICTOR_MOVES: Moves = {
    "candidate": frozenset({"published", "rejected"}),
    "published": frozenset({"retired"}),
    "retired": frozenset({"published"}),
    "rejected": frozenset(),
}


class Predictor(Identity, Base):
    """A trained model of one `outcome`. state: candidate → published → retired (and published again) | rejected.

    `definition` is the model in plain JSON, `figures` how it did on what came after all that it learned from, `bins` what its data
    looked like. `learned_until` is the last moment that it has seen; `synthetic` says that its patients are made up. `watched` is what
    the last look for drift found.
    """

    __tablename__ = "predictor"

    outcome: Mapped[str]
    version: Mapped[int]
    state: Mapped[str] = mapped_column(default="candidate")
    definition: Mapped[dict[str, Any]]
    figures: Mapped[dict[str, Any]]
    bins: Mapped[dict[str, Any]]
    learned_until: Mapped[datetime]
    synthetic: Mapped[bool]
    trained_at: Mapped[datetime]
    trained_by: Mapped[str]
    scored_at: Mapped[datetime | None]
    watched: Mapped[dict[str, Any]] = mapped_column(default=dict)

    __table_args__ = (
        UniqueConstraint("outcome", "version"),
        Index("uq_predictor_outcome_published", "outcome", unique=True, postgresql_where=text("state = 'published'")),
    )


class RiskAssessment(Identity, Base):
    """What a model said of a patient at a moment. `reasons` are the features that counted most; `happened` is filled in when the horizon
    has passed."""

    __tablename__ = "risk_assessment"

    patient_id: Mapped[int] = mapped_column(ForeignKey("patient.id"))
    predictor_id: Mapped[int] = mapped_column(ForeignKey("predictor.id"))
    at: Mapped[datetime]
    probability: Mapped[float]
    level: Mapped[str]
    reasons: Mapped[list[dict[str, Any]]]
    happened: Mapped[bool | None]

    __table_args__ = (
        Index("ix_risk_assessment_patient_id_at", "patient_id", "at"),
        Index("ix_risk_assessment_predictor_id_open", "predictor_id", "at", postgresql_where=text("happened is null")),
    )


async def published(tx: AsyncSession, outcome: str) -> Predictor | None:
    """The model of this outcome that is in use."""
    predictor: Predictor | None = await tx.scalar(select(Predictor).where(Predictor.outcome == outcome, Predictor.state == "published"))
    return predictor


async def latest_assessments(tx: AsyncSession, patient_id: int) -> list[tuple[Predictor, RiskAssessment]]:
    """The last word of every published model about a patient."""
    rows = await tx.execute(
        select(Predictor, RiskAssessment)
        .join(RiskAssessment, RiskAssessment.predictor_id == Predictor.id)
        .where(RiskAssessment.patient_id == patient_id, Predictor.state == "published")
        .ext(distinct_on(Predictor.id))
        .order_by(Predictor.id, RiskAssessment.at.desc())
    )
    return [(predictor, assessment) for predictor, assessment in rows]
