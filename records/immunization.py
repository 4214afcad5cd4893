"""Vaccines that were given, or were refused (FHIR Immunization)."""

from datetime import datetime

from sqlalchemy import Index, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from records.base import Base, Changing
from records.source import Sourced


class Immunization(Sourced, Changing, Base):
    """One dose. `vaccine` is the source's words, `code` with `system` its code; `status`: completed, not-done (refused or taken back)."""

    __tablename__ = "immunization"

    vaccine: Mapped[str]
    code: Mapped[str | None]
    system: Mapped[str | None]
    given_at: Mapped[datetime]
    lot: Mapped[str | None]
    dose_number: Mapped[int | None]
    status: Mapped[str] = mapped_column(default="completed")

    __table_args__ = (UniqueConstraint("source", "source_id"), Index("ix_immunization_patient_id_given_at", "patient_id", "given_at"))
