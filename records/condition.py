"""Diagnoses and problems, as the hospital's doctors put them (FHIR Condition). Nothing in here is ever concluded by us."""

from datetime import datetime

from sqlalchemy import Index, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from records.base import Base, Changing
from records.source import Sourced


class Condition(Sourced, Changing, Base):
    """One diagnosis. `text` is the doctor's words, `code` with `system` what the source coded; `icd10` the code in ICD-10, where it is
    one or was read from the words, and None where these leave it open (待排, ？).

    `status`: active, inactive (over, or taken back). `onset_at` is when it began, None where nobody said.
    """

    __tablename__ = "condition"

    code: Mapped[str | None]
    system: Mapped[str | None]
    text: Mapped[str]
    icd10: Mapped[str | None]
    status: Mapped[str] = mapped_column(default="active")
    onset_at: Mapped[datetime | None]
    recorded_at: Mapped[datetime]

    __table_args__ = (
        UniqueConstraint("source", "source_id"),
        Index("ix_condition_patient_id_status", "patient_id", "status"),
        Index("ix_condition_icd10", "icd10"),
    )
