"""Stays and visits."""

from datetime import datetime

from sqlalchemy import ForeignKey, Index
from sqlalchemy.orm import Mapped, mapped_column

from records.base import Base, Identity


class Encounter(Identity, Base):
    """A stay or visit; a stay's `ended_at` is the discharge."""

    __tablename__ = "encounter"

    patient_id: Mapped[int] = mapped_column(ForeignKey("patient.id"))
    kind: Mapped[str]
    department: Mapped[str]
    started_at: Mapped[datetime]
    ended_at: Mapped[datetime | None]

    __table_args__ = (Index("ix_encounter_patient_id_started_at", "patient_id", "started_at"),)
