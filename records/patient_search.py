"""Finding a patient of one's own teams by what people say of him: name, record number, a telephone of the family."""

import re
from collections.abc import Callable, Sequence
from datetime import datetime, timedelta

from sqlalchemy import BigInteger, any_, bindparam, func, select
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.ext.asyncio import AsyncSession

from records.patient import Patient, ReadAudit, note_reads
from records.patient_identifier import plain_number
from records.search_entry import PATIENT, PatientTexts, alike, texts_of_patients, with_news
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
    news = await with_news(tx, PATIENT)
    # The keys of a few who are not meant fit too; seldom could they hide somebody who is.
    for most in (MOST, None):
        near = await alike(tx, PATIENT, teams, sought, most)
        ids = [
            each.id
            async for some in texts_of_patients(tx, sorted({*near, *news}))
            for each in some
            if each.team_id in teams and meant(each)
        ]
        if len(near) != most or len(ids) >= FOUND:
            break
    found = sorted(await tx.scalars(select(Patient).where(Patient.id == any_(bindparam("ids", ids, ARRAY(BigInteger))))), key=_place)[
        :FOUND
    ]
    await note_reads(tx, staff, {patient.id for patient in found}, why=WHY, now=now)
    return found


async def called(tx: AsyncSession, teams: Sequence[int], begins: Sequence[str]) -> list[int]:
    """The ids of those patients of these teams whose name begins so, whether large or small."""
    near = await alike(tx, PATIENT, teams, [name_sought(each) for each in begins if each], None)
    folded = tuple(each.casefold() for each in begins)
    some = texts_of_patients(tx, sorted({*near, *await with_news(tx, PATIENT)}))
    return [each.id async for of in some for each in of if each.team_id in teams and each.name.casefold().startswith(folded)]


def _place(patient: Patient) -> tuple[str, int, int]:
    """By name, in the order of its characters, the youngest first."""
    return patient.name, -patient.birth_date.toordinal(), patient.id


def _meant(said: str) -> tuple[Callable[[PatientTexts], bool], list[set[str]]]:
    """Who is meant, for one reason or the other, and the pieces that whoever fulfils one of them has."""
    sought = [name_sought(said)]
    plain, digits = plain_number(said), re.sub(r"\D", "", said)
    if plain:
        sought += [number_sought(plain), whole_piece(plain)]
    if len(digits) < LEAST_DIGITS or digits != re.sub(r"[\s\-+()]", "", said):
        digits = ""
    else:
        sought.append(phone_sought(digits))

    def meant(patient: PatientTexts) -> bool:
        numbered = plain and (patient.number.startswith(plain) or plain in patient.others)
        return said in patient.name or bool(numbered) or (bool(digits) and any(digits in phone for phone in patient.phones))

    return meant, sought


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
