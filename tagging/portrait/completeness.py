"""What is missing in a record, and how many records of a team miss it. A record is built when nothing that is required is missing."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Literal

from sqlalchemy import ColumnElement, Executable, and_, bindparam, exists, func, literal, or_, select
from sqlalchemy.ext.asyncio import AsyncSession

from records.care_plan import CarePlan
from records.condition import Condition
from records.consent import Consent
from records.encounter import Encounter
from records.patient import Patient, PatientCarer
from records.staff import Staff, TeamMember

Field = Literal["sex", "diagnosis", "visit", "carer", "consent", "phone", "birth_weight", "gestational_age", "plan"]

# Clinical reference §7, record-building rate: identity, diagnosis, anchor date, guardian, consent.
REQUIRED: tuple[Field, ...] = ("sex", "diagnosis", "visit", "carer", "consent")
# Good to have: a number to ring; at birth, what growth is judged by; a plan.
WANTED: tuple[Field, ...] = ("phone", "birth_weight", "gestational_age", "plan")

# Weight and weeks at birth are asked for as long as growth is corrected by them (two years).
_BIRTH_MATTERS_DAYS = 730


@dataclass(frozen=True)
class Completeness:
    """How many records there are, how many are built, and how many miss each field (only fields that some miss, most missed first)."""

    patients: int
    built: int
    missing: Mapping[Field, int]


@cache
def conditions() -> Mapping[Field, ColumnElement[bool]]:
    """For each field what is true of a patient who misses it, as a condition of a statement about Patient."""
    given = select(Consent.answer).where(Consent.patient_id == Patient.id).order_by(Consent.id.desc()).limit(1).scalar_subquery()
    young = Patient.birth_date > func.current_date() - _BIRTH_MATTERS_DAYS
    return {
        "sex": Patient.sex.is_(None),
        "diagnosis": ~exists().where(Condition.patient_id == Patient.id, Condition.status == "active"),
        "visit": ~exists().where(Encounter.patient_id == Patient.id, Encounter.state != "cancelled"),
        "carer": ~exists().where(PatientCarer.patient_id == Patient.id),
        "consent": func.coalesce(given, "") != "given",
        "phone": Patient.phones == [],
        "birth_weight": and_(young, Patient.birth_weight_g.is_(None)),
        "gestational_age": and_(young, Patient.gestational_age_weeks.is_(None)),
        "plan": ~exists().where(CarePlan.patient_id == Patient.id, CarePlan.state.in_(("active", "paused"))),
    }


async def completeness(tx: AsyncSession, staff: Staff, *, team_id: int | None = None) -> Completeness:
    """The records of the teams of an active `staff` (or of the one team, if it is one of hers), counted in one statement.

    Somebody who is in none of them counts none.
    """
    missing = conditions()
    theirs = (
        select(Patient.id, *(condition.label(name) for name, condition in missing.items()))
        .join(TeamMember, TeamMember.team_id == Patient.team_id)
        .where(TeamMember.staff_id == staff.id)
        .where(literal(staff.active))
    )
    if team_id is not None:
        theirs = theirs.where(Patient.team_id == team_id)
    rows = theirs.subquery()
    unbuilt = or_(*(rows.c[name] for name in REQUIRED))
    counts = (
        await tx.execute(select(func.count(), func.count().filter(~unbuilt), *(func.count().filter(rows.c[name]) for name in missing)))
    ).one()
    counted: dict[Field, int] = dict(zip(missing, counts[2:], strict=True))
    return Completeness(counts[0], counts[1], {name: n for name, n in sorted(counted.items(), key=lambda each: -each[1]) if n})


async def missing_fields(tx: AsyncSession, patient_id: int) -> Sequence[Field]:
    """What this one record misses, the required fields first. The caller has been let in to the patient."""
    row = (await tx.execute(_of_one(), {"patient": patient_id})).one()
    return [name for name, is_missing in zip(conditions(), row, strict=True) if is_missing]


@cache
def _of_one() -> Executable:
    return select(*(condition.label(name) for name, condition in conditions().items())).where(Patient.id == bindparam("patient"))
