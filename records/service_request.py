"""Orders for tests and services, as the hospital gave them (FHIR ServiceRequest). Their results are rows of their own."""

from datetime import datetime

from sqlalchemy import Index, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from records.base import Base, Changing
from records.source import Sourced

SERVICE_REQUEST_STATUS = ("active", "on-hold", "stopped", "completed")


class ServiceRequest(Sourced, Changing, Base):
    """One order: `name` in the hospital's words, `kind` test or other. `starts_at` is when it is to be done, where that was said."""

    __tablename__ = "service_request"

    name: Mapped[str]
    code: Mapped[str | None]
    system: Mapped[str | None]
    kind: Mapped[str]
    status: Mapped[str] = mapped_column(default="active")
    frequency: Mapped[str | None]
    ordered_at: Mapped[datetime]
    starts_at: Mapped[datetime | None]
    ends_at: Mapped[datetime | None]

    __table_args__ = (
        UniqueConstraint("source", "source_id"),
        Index("ix_service_request_patient_id_ordered_at", "patient_id", "ordered_at"),
    )
