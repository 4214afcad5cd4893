"""Results of tests, as the hospital reported them (FHIR Observation of the laboratory). What is not released is shown to nobody."""

from datetime import datetime

from sqlalchemy import Index, UniqueConstraint, select
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import Mapped, mapped_column

from records.base import Base, Changing
from records.source import Sourced

# HL7 table 0078, as far as the hospital marks a value itself: low, high, both twice over, abnormal, normal.
LAB_FLAGS = ("L", "H", "LL", "HH", "A", "N")


class LabResult(Sourced, Changing, Base):
    """One item of one report. `text` is the value as it was written (5.10, <0.5, 阴性), `value` the same as a number where it is one.

    `code` is the item's LOINC code, where known. `status` follows FHIR: registered, preliminary, final, cancelled, entered-in-error.
    `released_at` None means that the hospital has not released it, or has taken it back.
    """

    __tablename__ = "lab_result"

    report: Mapped[str]
    item: Mapped[str]
    code: Mapped[str | None]
    value: Mapped[float | None]
    text: Mapped[str]
    unit: Mapped[str | None]
    reference_range: Mapped[str | None]
    flag: Mapped[str | None]
    status: Mapped[str] = mapped_column(default="final")
    collected_at: Mapped[datetime]
    released_at: Mapped[datetime | None]

    __table_args__ = (UniqueConstraint("source", "source_id"), Index("ix_lab_result_patient_id_released_at", "patient_id", "released_at"))


async def released(tx: AsyncSession, patient_id: int, now: datetime, *, since: datetime, limit: int = 300) -> list[LabResult]:
    """The results that the hospital has released between `since` and `now`, the latest report first, its items as they came."""
    chosen = select(LabResult).where(LabResult.patient_id == patient_id, LabResult.released_at <= now, LabResult.released_at > since)
    order = (LabResult.collected_at.desc(), LabResult.report, LabResult.id)
    return list(await tx.scalars(chosen.order_by(*order).limit(limit)))
