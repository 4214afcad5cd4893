"""Programs of other systems that may use the FHIR edge, what they may do, and the one door through which they see patients."""

from collections.abc import Iterable
from datetime import datetime

from sqlalchemy import ForeignKey, Index, ScalarSelect, Select, delete, select
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import Mapped, mapped_column

from records.base import Base, Identity
from records.patient import AccessRefused, Patient, ReadAudit


class FhirClient(Identity, Base):
    """One program. `secret_hash` is Argon2id's (PHC string), `scopes` are SMART's (`system/Patient.read`, `system/*.write`). What it
    sends arrives in the feed `feed_id`; without one it may only read. After `revoked_at` it may nothing."""

    __tablename__ = "fhir_client"

    client_id: Mapped[str] = mapped_column(unique=True)
    name: Mapped[str]
    secret_hash: Mapped[str]
    scopes: Mapped[list[str]]
    feed_id: Mapped[int | None] = mapped_column(ForeignKey("feed.id"))
    created_at: Mapped[datetime]
    revoked_at: Mapped[datetime | None]


class FhirClientTeam(Base):
    """Whose patients a program may see."""

    __tablename__ = "fhir_client_team"

    client_id: Mapped[int] = mapped_column(ForeignKey("fhir_client.id"), primary_key=True)
    team_id: Mapped[int] = mapped_column(ForeignKey("team.id"), primary_key=True)


class FhirToken(Base):
    """An access token, known by its SHA-256 alone, with the scopes that it was given."""

    __tablename__ = "fhir_token"

    token_hash: Mapped[str] = mapped_column(primary_key=True)
    client_id: Mapped[int] = mapped_column(ForeignKey("fhir_client.id"))
    scopes: Mapped[list[str]]
    issued_at: Mapped[datetime]
    expires_at: Mapped[datetime]

    __table_args__ = (Index("ix_fhir_token_client_id_expires_at", "client_id", "expires_at"),)


def teams_of(client_id: int) -> ScalarSelect[int]:
    """The teams whose patients the program may see, as a subquery."""
    return select(FhirClientTeam.team_id).where(FhirClientTeam.client_id == client_id).scalar_subquery()


def patients_seen_by(client_id: int) -> Select[int]:
    """The ids of all patients that the program may see: whatever it reads is chosen through this."""
    return select(Patient.id).where(Patient.team_id.in_(teams_of(client_id)))


def note_reads(tx: AsyncSession, client_id: int, patient_ids: Iterable[int], *, now: datetime, why: str) -> None:
    """Write down that the program has read about these patients, once for each."""
    tx.add_all(ReadAudit(patient_id=one, client_id=client_id, at=now, why=why) for one in sorted(set(patient_ids)))


async def access_patient_as_client(
    tx: AsyncSession, client_id: int, patient_id: int, *, now: datetime, why: str, lock: bool = False
) -> Patient:
    """The patient, if he is of a team that the program may see; the read is audited. Raises AccessRefused."""
    query = select(Patient).where(Patient.id == patient_id, Patient.team_id.in_(teams_of(client_id)))
    patient: Patient | None = await tx.scalar(query.with_for_update(of=Patient) if lock else query)
    if patient is None:
        raise AccessRefused(f"patient {patient_id}")
    note_reads(tx, client_id, [patient.id], now=now, why=why)
    return patient


async def token_holder(tx: AsyncSession, token_hash: str, now: datetime) -> tuple[FhirClient, list[str]] | None:
    """The program that holds this token with the scopes it was given; None when it is unknown, expired, or the program is revoked."""
    found = await tx.execute(
        select(FhirClient, FhirToken.scopes)
        .join(FhirToken, FhirToken.client_id == FhirClient.id)
        .where(FhirToken.token_hash == token_hash, FhirToken.expires_at > now, FhirClient.revoked_at.is_(None))
    )
    row = found.one_or_none()
    return (row[0], row[1]) if row is not None else None


async def end_tokens(tx: AsyncSession, client_id: int, *, before: datetime | None = None) -> None:
    """Forget the program's tokens: those that expired before `before`, without it all."""
    ending = delete(FhirToken).where(FhirToken.client_id == client_id)
    await tx.execute(ending if before is None else ending.where(FhirToken.expires_at < before))
