"""What a doctor has prescribed (FHIR MedicationRequest), word for word. Nothing in here is ever computed by us."""

from datetime import date

from sqlalchemy import Index, UniqueConstraint, or_, select
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import Mapped, mapped_column

from records.base import Base, Changing
from records.source import Sourced

MEDICATION_STATUS = ("active", "on-hold", "stopped", "completed")


class MedicationRequest(Sourced, Changing, Base):
    """One prescribed medicine. `name`, `dose`, `frequency`, `route`, `with_food` and `note` are the prescription's own words.

    `times` are clock times (08:00) where the prescription gives them; `starts_on` and `ends_on` are the first and last day, in the
    hospital's calendar, and None where it does not say.
    """

    __tablename__ = "medication_request"

    name: Mapped[str]
    dose: Mapped[str | None]
    frequency: Mapped[str | None]
    times: Mapped[list[str]] = mapped_column(default=list)
    route: Mapped[str | None]
    with_food: Mapped[str | None]
    starts_on: Mapped[date | None]
    ends_on: Mapped[date | None]
    status: Mapped[str] = mapped_column(default="active")
    note: Mapped[str | None]

    __table_args__ = (UniqueConstraint("source", "source_id"), Index("ix_medication_request_patient_id_status", "patient_id", "status"))


async def prescribed(tx: AsyncSession, patient_id: int, today: date, *, limit: int = 60) -> list[MedicationRequest]:
    """The medicines in use on `today` or later, in the order in which they came; not those that ended, were stopped or are held."""
    chosen = select(MedicationRequest).where(
        MedicationRequest.patient_id == patient_id,
        MedicationRequest.status == "active",
        or_(MedicationRequest.ends_on.is_(None), MedicationRequest.ends_on >= today),
    )
    return list(await tx.scalars(chosen.order_by(MedicationRequest.id).limit(limit)))
