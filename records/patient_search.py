"""Finding a patient of one's own teams by what people say of him: name, record number, a telephone of the family."""

import re
from datetime import datetime

from sqlalchemy import Text, cast, exists, func, literal_column, or_, select
from sqlalchemy.ext.asyncio import AsyncSession

from records.patient import RECORD_KEY, Carer, Patient, PatientCarer, ReadAudit, note_reads
from records.patient_identifier import VALUE_KEY, PatientIdentifier
from records.staff import Staff, teams_of

WHY = "search"
FOUND, LONGEST = 30, 60
# Fewer digits of a telephone would find half the hospital.
LEAST_DIGITS = 4


async def search_patients(tx: AsyncSession, staff: Staff, said: str, *, now: datetime) -> list[Patient]:
    """The patients of an active clinician's teams whom `said` may mean, by name, FOUND at most; each is a read in the audit.

    A name by any part of it, a number by its beginning, a telephone by any four digits of it or more.
    """
    said = said.strip()[:LONGEST]
    if not said or not staff.active:
        return []
    plain, digits = re.sub(r"[^0-9A-Za-z]", "", said).upper(), re.sub(r"\D", "", said)
    meant = [Patient.name.contains(said, autoescape=True)]
    if plain:
        meant.append(literal_column(RECORD_KEY).startswith(plain))
        of_patient = (PatientIdentifier.patient_id == Patient.id, PatientIdentifier.until.is_(None))
        meant.append(exists().where(*of_patient, literal_column(VALUE_KEY) == plain))
    if len(digits) >= LEAST_DIGITS and digits == re.sub(r"[\s\-+()]", "", said):
        of_carer = (PatientCarer.patient_id == Patient.id, Carer.id == PatientCarer.carer_id)
        meant += [exists().where(*of_carer, Carer.phone.contains(digits)), cast(Patient.phones, Text).contains(digits)]
    own = select(Patient).where(Patient.team_id.in_(teams_of(staff.id)), or_(*meant))
    query = own.order_by(Patient.name, Patient.birth_date.desc()).limit(FOUND)
    found = list(await tx.scalars(query))
    await note_reads(tx, staff, {patient.id for patient in found}, why=WHY, now=now)
    return found


async def opened_lately(tx: AsyncSession, staff: Staff, limit: int = 12) -> list[Patient]:
    """Whom the clinician opened last, of those who are still his teams' to see; only who was opened, not who stood in a list."""
    mine = teams_of(staff.id)
    last = (
        select(ReadAudit.patient_id, func.max(ReadAudit.id).label("last"))
        .where(ReadAudit.staff_id == staff.id, ReadAudit.why.in_(("portrait", "patient")))
        .group_by(ReadAudit.patient_id)
        .subquery()
    )
    query = select(Patient).join(last, last.c.patient_id == Patient.id).where(Patient.team_id.in_(mine)).order_by(last.c.last.desc())
    return list(await tx.scalars(query.limit(limit))) if staff.active else []
