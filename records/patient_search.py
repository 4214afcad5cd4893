"""Finding a patient of one's own teams by what people say of him: name, record number, a telephone of the family."""

import re
from datetime import datetime, timedelta

from sqlalchemy import ColumnElement, Select, Text, cast, func, literal_column, or_, select
from sqlalchemy.ext.asyncio import AsyncSession

from records.patient import RECORD_KEY, Carer, Patient, PatientCarer, ReadAudit, note_reads
from records.patient_identifier import VALUE_KEY, PatientIdentifier
from records.search_entry import PATIENT, alike, maybe
from records.search_keys import LEAST_DIGITS, name_sought, number_sought, phone_sought, whole_piece
from records.staff import Staff, teams_of

WHY = "search"
FOUND, LONGEST = 30, 60
# So many who may be meant are looked at, of whom the first by name are shown.
MOST = 300
LATELY = timedelta(days=30)


async def search_patients(tx: AsyncSession, staff: Staff, said: str, *, now: datetime) -> list[Patient]:
    """The patients of an active clinician's teams whom `said` may mean, by name, FOUND at most; each is a read in the audit.

    A name by any part of it, a number by its beginning, a telephone by any four digits of it or more. Where more than MOST are meant,
    FOUND of them.
    """
    said = said.strip()[:LONGEST]
    if not said or not staff.active:
        return []
    teams = list(await tx.scalars(teams_of(staff.id)))
    meant, sought = _meant(said)
    # The keys of a few who are not meant fit too; seldom could they hide somebody who is.
    for most in (MOST, None):
        near = await alike(tx, PATIENT, teams, sought, most)
        own = select(Patient).where(Patient.id.in_(maybe(PATIENT, near)), Patient.team_id.in_(teams), or_(*meant))
        found = list(await tx.scalars(own.order_by(Patient.name, Patient.birth_date.desc()).limit(FOUND)))
        if len(near) != most or len(found) == FOUND:
            break
    await note_reads(tx, staff, {patient.id for patient in found}, why=WHY, now=now)
    return found


def _meant(said: str) -> tuple[list[ColumnElement[bool]], list[set[str]]]:
    """What may be meant, one or the other: as conditions, and as the pieces that whoever fulfils them has."""
    meant, sought = [Patient.name.contains(said, autoescape=True)], [name_sought(said)]
    plain, digits = re.sub(r"[^0-9A-Za-z]", "", said).upper(), re.sub(r"\D", "", said)
    if plain:
        meant.append(literal_column(RECORD_KEY).startswith(plain))
        of_patient = (PatientIdentifier.patient_id == Patient.id, PatientIdentifier.until.is_(None))
        meant.append(_there_is(select(PatientIdentifier.id).where(*of_patient, literal_column(VALUE_KEY) == plain)))
        sought += [number_sought(plain), whole_piece(plain)]
    if len(digits) >= LEAST_DIGITS and digits == re.sub(r"[\s\-+()]", "", said):
        of_carer = select(Carer.id).where(
            PatientCarer.patient_id == Patient.id, Carer.id == PatientCarer.carer_id, Carer.phone.contains(digits)
        )
        meant += [_there_is(of_carer), cast(Patient.phones, Text).contains(digits)]
        sought.append(phone_sought(digits))
    return meant, sought


def _there_is(query: Select[int]) -> ColumnElement[bool]:
    """OFFSET has it asked for each patient: else what all patients have may be gathered for the few that are looked at."""
    return query.offset(0).exists()


async def opened_lately(tx: AsyncSession, staff: Staff, *, now: datetime, limit: int = 12) -> list[Patient]:
    """Whom the clinician opened last in LATELY, of those who are still his teams' to see; only who was opened, not who stood in a list."""
    mine = teams_of(staff.id)
    last = (
        select(ReadAudit.patient_id, func.max(ReadAudit.id).label("last"))
        .where(ReadAudit.staff_id == staff.id, ReadAudit.at > now - LATELY, ReadAudit.why.in_(("portrait", "patient")))
        .group_by(ReadAudit.patient_id)
        .subquery()
    )
    query = select(Patient).join(last, last.c.patient_id == Patient.id).where(Patient.team_id.in_(mine)).order_by(last.c.last.desc())
    return list(await tx.scalars(query.limit(limit))) if staff.active else []
