"""Visits that the hospital has booked (FHIR Appointment)."""

from datetime import datetime

from sqlalchemy import Index, UniqueConstraint, select
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import Mapped, mapped_column

from records.base import Base, Changing
from records.source import Sourced

# The hospital's word counts, whatever it said before: there is no table of moves.
APPOINTMENT_STATUS = ("booked", "cancelled", "fulfilled")


class Appointment(Sourced, Changing, Base):
    """One visit. `time_text` is what the hospital wrote beside or instead of an hour (上午, 8:30-9:30); without an hour `starts_at` is
    the day's midnight.

    `prepare` is quoted to the family as it stands; `fasting` None means that the hospital has not said.
    """

    __tablename__ = "appointment"

    starts_at: Mapped[datetime]
    time_text: Mapped[str | None]
    department: Mapped[str]
    place: Mapped[str | None]
    doctor: Mapped[str | None]
    prepare: Mapped[str | None]
    fasting: Mapped[bool | None]
    status: Mapped[str] = mapped_column(default="booked")

    __table_args__ = (UniqueConstraint("source", "source_id"), Index("ix_appointment_patient_id_starts_at", "patient_id", "starts_at"))


async def appointments(
    tx: AsyncSession, patient_id: int, *, since: datetime, until: datetime | None = None, limit: int = 20
) -> list[Appointment]:
    """The visits of every status from `since` on, the earliest first."""
    chosen = select(Appointment).where(Appointment.patient_id == patient_id, Appointment.starts_at >= since)
    if until is not None:
        chosen = chosen.where(Appointment.starts_at < until)
    return list(await tx.scalars(chosen.order_by(Appointment.starts_at, Appointment.id).limit(limit)))
