"""What a carer has agreed to for a child, as rows that are never changed: the newest one counts."""

from datetime import datetime

from sqlalchemy import BigInteger, ForeignKey, Index, select
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import Mapped, mapped_column

from records.base import Base, Identity


class Consent(Identity, Base):
    """One answer to the consent question. `answer`: given, refused, withdrawn; `text_version` says which words were shown.

    `relationship` is what the carer is to the child, `said` his own words, `by` who wrote the row down (family, a staff member's userid,
    command line).
    """

    __tablename__ = "consent"

    patient_id: Mapped[int] = mapped_column(ForeignKey("patient.id"))
    carer_id: Mapped[int | None] = mapped_column(ForeignKey("carer.id"))
    external_userid: Mapped[str]
    answer: Mapped[str]
    text_version: Mapped[str]
    relationship: Mapped[str]
    said: Mapped[str | None]
    message_id: Mapped[int | None] = mapped_column(BigInteger)
    by: Mapped[str]
    at: Mapped[datetime]

    __table_args__ = (Index("ix_consent_patient_id", "patient_id", "id"),)


async def consents(tx: AsyncSession, patient_id: int) -> list[Consent]:
    """All answers about this child, oldest first."""
    return list(await tx.scalars(select(Consent).where(Consent.patient_id == patient_id).order_by(Consent.id)))
