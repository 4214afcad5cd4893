"""Patients, the carers who speak for them, and the one door to both."""

import re
from collections import defaultdict
from collections.abc import Collection, Sequence
from datetime import date, datetime, timedelta

from sqlalchemy import BigInteger, ForeignKey, Index, any_, bindparam, literal_column, or_, select, text
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import Mapped, mapped_column

from records.base import Base, Changing, Identity
from records.patient_identifier import VALUE_KEY, PatientIdentifier, plain_number
from records.said import Saying
from records.sealed import Sealed, SealedJson, blind_of, follow_blinds, found_by
from records.staff import Staff, TeamMember

# A record number as it is compared (`plain_number`), of rows that an older version wrote and nobody has sealed yet.
RECORD_KEY = "upper(regexp_replace(record_number, '[^0-9A-Za-z]', '', 'g'))"

# A mainland mobile number, as the registry and the SMS providers write it.
MOBILE = r"1[3-9][0-9]{9}"
# One look in an hour is one read, however often a page refreshes itself.
SAME_LOOK = timedelta(hours=1)


class Patient(Identity, Saying, Changing, Base):
    """A child (or adult) in follow-up. `tags` are the clinical tags that triage knows, such as `preterm` or `chemo`; `phones` are the
    family's numbers that the hospital has on file. `birth_order` tells twins apart; `mother` are the mother's own numbers, as
    `system:value`, which are never the child's. Found again by the number as it is written, by the number as it is compared, and by birth
    date and name together."""

    __tablename__ = "patient"

    team_id: Mapped[int] = mapped_column(ForeignKey("team.id"))
    record_number: Mapped[str] = mapped_column(Sealed("patient.record_number", "record_number_blind"))
    record_number_blind: Mapped[str | None] = blind_of("patient.record_number", lambda row: row["record_number"], "record_number")
    record_key_blind: Mapped[str | None] = blind_of("record_key", lambda row: plain_number(row["record_number"]), "record_number")
    name: Mapped[str] = mapped_column(Sealed("patient.name"))
    face_blind: Mapped[str | None] = blind_of("patient.face", lambda row: face(row["birth_date"], row["name"]), "birth_date", "name")
    sex: Mapped[str | None]
    birth_date: Mapped[date]
    birth_weight_g: Mapped[float | None]
    gestational_age_weeks: Mapped[int | None]
    tags: Mapped[list[str]] = mapped_column(default=list)
    phones: Mapped[list[str]] = mapped_column(SealedJson("patient.phones"), default=list)
    birth_order: Mapped[int | None]
    mother: Mapped[list[str]] = mapped_column(SealedJson("patient.mother"), default=list)
    died_at: Mapped[datetime | None]

    __table_args__ = (
        Index("ix_patient_team_id", "team_id"),
        Index(
            "uq_patient_record_number_blind", "record_number_blind", unique=True, postgresql_where=text("record_number_blind is not null")
        ),
        Index("ix_patient_record_key_blind", "record_key_blind", postgresql_where=text("record_key_blind is not null")),
        Index("ix_patient_face_blind", "face_blind", postgresql_where=text("face_blind is not null")),
        # Older versions look up and insert by these; they go once none of them can be beside us.
        Index("uq_patient_record_number", "record_number", unique=True),
        Index("ix_patient_record_key", text(RECORD_KEY)),
        Index("ix_patient_birth_date_name", "birth_date", "name"),
        # Of rows that nobody has sealed yet.
        Index("ix_patient_record_number_plain", "record_number", postgresql_where=text("record_number_blind is null")),
        Index("ix_patient_record_key_plain", text(RECORD_KEY), postgresql_where=text("record_key_blind is null")),
        Index("ix_patient_face_plain", "birth_date", "name", postgresql_where=text("face_blind is null")),
    )  # fmt: skip


def face(birth_date: date, name: str) -> str:
    """Birth date and name as one text, by which those who may be one person are found."""
    return f"{birth_date.isoformat()} {name}"


follow_blinds(Patient)


class Carer(Identity, Base):
    """A RelatedPerson who writes for one or several patients. `follow_up_hour` is when the family wants to be asked (local hour).

    `hour_chosen_at` is when the family chose it itself; None where it is only the usual one. After `stopped_at`, and until
    `paused_until`, no follow-ups are sent.
    """

    __tablename__ = "carer"

    name: Mapped[str] = mapped_column(Sealed("carer.name"))
    external_userid: Mapped[str | None] = mapped_column(unique=True)
    phone: Mapped[str | None] = mapped_column(Sealed("carer.phone"))
    phone_blind: Mapped[str | None] = blind_of("address", lambda row: as_address(row.get("phone")), "phone")
    follow_up_hour: Mapped[int] = mapped_column(default=9)
    hour_chosen_at: Mapped[datetime | None]
    stopped_at: Mapped[datetime | None]
    paused_until: Mapped[datetime | None]

    __table_args__ = (
        Index("ix_carer_stopped_at", "stopped_at", postgresql_where=text("stopped_at is not null")),
        Index("ix_carer_phone_blind", "phone_blind", postgresql_where=text("phone_blind is not null")),
    )


def as_address(phone: str | None) -> str | None:
    """A telephone as an address of text messages, to be compared with those that are on file; "" for one that takes none."""
    return None if phone is None else phone if re.fullmatch(MOBILE, phone) else ""


follow_blinds(Carer)


class PatientCarer(Base):
    """Who speaks for whom, and as what (母亲, 父亲, 祖母 …). Follow-ups go to the primary carer."""

    __tablename__ = "patient_carer"

    patient_id: Mapped[int] = mapped_column(ForeignKey("patient.id"), primary_key=True)
    carer_id: Mapped[int] = mapped_column(ForeignKey("carer.id"), primary_key=True, index=True)
    relationship: Mapped[str]
    primary: Mapped[bool] = mapped_column(default=True)


class ReadAudit(Identity, Base):
    """Who opened which patient, when and why: a clinician (`staff_id`) or a program of the FHIR edge (`client_id`)."""

    __tablename__ = "read_audit"

    patient_id: Mapped[int] = mapped_column(BigInteger, index=True)
    staff_id: Mapped[int | None] = mapped_column(BigInteger)
    client_id: Mapped[int | None] = mapped_column(BigInteger)
    at: Mapped[datetime]
    why: Mapped[str]

    __table_args__ = (Index("ix_read_audit_staff_id_at", "staff_id", "at"), Index("ix_read_audit_at", "at", "id"))


class AccessRefused(Exception):
    """The staff member may not see this patient, or there is no such patient: the two look alike from outside."""

    code, permanent = "access_refused", True


async def access_patient(
    tx: AsyncSession, staff: Staff, patient_id: int, *, now: datetime, why: str, lock: bool = False, lasting: bool = False
) -> Patient:
    """The patient, if `staff` is an active member of his team; the read is audited, when `lasting` with the look it belongs to.

    Raises AccessRefused.
    """
    query = (
        select(Patient)
        .join(TeamMember, TeamMember.team_id == Patient.team_id)
        .where(Patient.id == patient_id, TeamMember.staff_id == staff.id)
    )
    patient = await tx.scalar(query.with_for_update(of=Patient) if lock else query)
    if patient is None or not staff.active:
        raise AccessRefused(f"patient {patient_id}")
    if lasting:
        await note_reads(tx, staff, {patient.id}, why=why, now=now)
    else:
        tx.add(ReadAudit(patient_id=patient.id, staff_id=staff.id, at=now, why=why))
    return patient


async def note_reads(tx: AsyncSession, staff: Staff, patient_ids: Collection[int], *, why: str, now: datetime) -> None:
    """Note that `staff` looks at these patients, once for each look that lasts (SAME_LOOK)."""
    recent = select(ReadAudit.patient_id).where(ReadAudit.staff_id == staff.id, ReadAudit.why == why, ReadAudit.at > now - SAME_LOOK)
    seen = set(await tx.scalars(recent)) if patient_ids else set()
    tx.add_all(ReadAudit(patient_id=id, staff_id=staff.id, at=now, why=why) for id in sorted(set(patient_ids) - seen))


_PATIENTS = (
    select(PatientCarer.carer_id, Patient)
    .join(Patient, PatientCarer.patient_id == Patient.id)
    .where(PatientCarer.carer_id == any_(bindparam("carers", type_=ARRAY(BigInteger))))
    .order_by(Patient.birth_date.desc(), Patient.id)
)


async def patients_numbered(tx: AsyncSession, record_key: str) -> list[Patient]:
    """The patients whose record number, reduced to its letters and digits, is `record_key`."""
    return (await patients_by_number(tx, [record_key])).get(record_key, [])


async def patients_by_number(tx: AsyncSession, record_keys: Collection[str]) -> dict[str, list[Patient]]:
    """The patients by record number as it is compared; the number of a patient who was merged finds the one who was kept."""
    if not record_keys:
        return {}
    his = found_by(Patient.record_key_blind, literal_column(RECORD_KEY), record_keys)
    others = select(PatientIdentifier.patient_id, PatientIdentifier.value).where(
        PatientIdentifier.system == literal_column("'record-number'"),
        PatientIdentifier.until.is_(None),
        found_by(PatientIdentifier.value_key_blind, literal_column(VALUE_KEY), record_keys),
    )
    known = [(id, plain_number(value)) for id, value in await tx.execute(others)]
    patients = await tx.scalars(select(Patient).where(or_(his, Patient.id.in_([id for id, _ in known]))).order_by(Patient.id))
    found: dict[str, list[Patient]] = defaultdict(list)
    for patient in patients:
        for key in {plain_number(patient.record_number), *(key for id, key in known if id == patient.id)} & set(record_keys):
            found[key].append(patient)
    return found


async def patients_of(tx: AsyncSession, carer_id: int) -> list[Patient]:
    """The patients whom this carer speaks for, the youngest first."""
    return (await patients_by_carer(tx, [carer_id])).get(carer_id, [])


async def patients_by_carer(tx: AsyncSession, carer_ids: Sequence[int]) -> dict[int, list[Patient]]:
    """For each of these carers the patients whom he speaks for, the youngest first; those without any are left out."""
    found: dict[int, list[Patient]] = defaultdict(list)
    for carer_id, patient in await tx.execute(_PATIENTS, {"carers": list(carer_ids)}):
        found[carer_id].append(patient)
    return found


async def primary_carer(tx: AsyncSession, patient_id: int) -> Carer | None:
    """Whom follow-ups about this patient go to."""
    carer: Carer | None = await tx.scalar(
        select(Carer)
        .join(PatientCarer, PatientCarer.carer_id == Carer.id)
        .where(PatientCarer.patient_id == patient_id)
        .order_by(PatientCarer.primary.desc(), Carer.id)
        .limit(1)
    )
    return carer
