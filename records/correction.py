"""What a family says is wrong in its child's identity data, and what became of it (PIPL, article 46)."""

from datetime import datetime

from sqlalchemy import ForeignKey, Index, text
from sqlalchemy.orm import Mapped, mapped_column

from records.base import Base, Identity
from records.sealed import Sealed
from records.state import Moves

CORRECTION_MOVES: Moves = {"open": frozenset({"applied", "refused"}), "applied": frozenset(), "refused": frozenset()}


class Correction(Identity, Base):
    """One request. state: open → applied | refused. `field` is name, sex, birth_date, phone, relationship or other; `was` is what stood
    on file then, `wanted` what should, `said` why in the family's words, `answer` what the hospital says to it."""

    __tablename__ = "correction"

    patient_id: Mapped[int] = mapped_column(ForeignKey("patient.id"), index=True)
    carer_id: Mapped[int] = mapped_column(ForeignKey("carer.id"), index=True)
    field: Mapped[str]
    was: Mapped[str] = mapped_column(Sealed("correction.was"))
    wanted: Mapped[str] = mapped_column(Sealed("correction.wanted"))
    said: Mapped[str]
    state: Mapped[str] = mapped_column(default="open")
    filed_at: Mapped[datetime]
    decided_by: Mapped[int | None] = mapped_column(ForeignKey("staff.id"))
    decided_at: Mapped[datetime | None]
    answer: Mapped[str | None]

    __table_args__ = (
        Index("uq_correction_open", "patient_id", "carer_id", "field", unique=True, postgresql_where=text("state = 'open'")),
        Index("ix_correction_filed_at_open", "filed_at", postgresql_where=text("state = 'open'")),
    )
