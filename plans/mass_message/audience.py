"""Whose families a mass message goes to: chosen by a sentence, a kept cohort or a list, always within the author's teams."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

from sqlalchemy import ColumnElement, Select, func, insert, literal, select
from sqlalchemy.dialects.postgresql import distinct_on
from sqlalchemy.ext.asyncio import AsyncSession

from plans.mass_message.errors import MassRefused
from plans.mass_message.words import say
from records.cohort import CohortMember
from records.mass_message import MassChild, MassMessage, MassRecipient
from records.patient import Patient, PatientCarer, patients_by_number
from records.patient_index import PatientIndex
from records.staff import Staff
from tagging.cohort.builder import build, read
from tagging.cohort.preview import plan_well
from tagging.cohort.saved import access_cohort
from tagging.cohort.scope import Scope, scope_of_staff
from tagging.cohort.sql import Compiled
from tagging.cohort.write import write
from tagging.particulars import record_key

# So many record numbers of a list say which it is.
SHOWN = 5


@dataclass(frozen=True)
class Chosen:
    """An audience as it is stored, and in words."""

    definition: dict[str, Any]
    text: str


async def choose(
    tx: AsyncSession,
    staff: Staff,
    *,
    query: str | None = None,
    cohort: int | None = None,
    record_numbers: Sequence[str] = (),
    now: datetime,
    zone: ZoneInfo,
    teams: Collection[int] | None = None,
) -> Chosen:
    """Check an audience; `teams` narrows it to some of the author's.

    Raises MassRefused (`audience`, `unknown_patients`), CohortError and CohortRefused with sentences of their own.
    """
    if (query is not None) + (cohort is not None) + bool(record_numbers) != 1:
        raise MassRefused("audience")
    scope = await _scope(tx, staff, teams, now=now, zone=zone)
    if query is not None:
        tree = scope.read(query)
        return Chosen({"query": build(tree)}, write(tree, names=scope.name_of))
    if cohort is not None:
        kept = await access_cohort(tx, staff, cohort)
        return Chosen({"cohort": kept.id}, kept.name)
    known = await patients_by_number(tx, [record_key(number) for number in record_numbers])
    within = scope.teams
    mine = {key for key, found in known.items() if any(within is None or patient.team_id in within for patient in found)}
    if strange := [number for number in record_numbers if record_key(number) not in mine]:
        raise MassRefused("unknown_patients", numbers="、".join(strange[:20]))
    numbers = sorted({record_key(number) for number in record_numbers})
    shown = "、".join(numbers[:SHOWN])
    more = say("message.more", numbers=shown, count=len(numbers))
    return Chosen({"patients": numbers}, shown if len(numbers) <= SHOWN else more)


async def _scope(tx: AsyncSession, staff: Staff, teams: Collection[int] | None, *, now: datetime, zone: ZoneInfo) -> Scope:
    scope = await scope_of_staff(tx, staff, now=now, zone=zone)
    if teams is None:
        return scope
    return replace(scope, teams=frozenset(teams) if scope.teams is None else scope.teams & frozenset(teams))


async def patient_ids(
    tx: AsyncSession, staff: Staff, audience: dict[str, Any], *, now: datetime, zone: ZoneInfo, teams: Collection[int] | None = None
) -> Select[Any]:
    """A statement of the patients (one column) whom the audience means now, within the teams of `staff` (`teams`: within these of them)."""
    scope = await _scope(tx, staff, teams, now=now, zone=zone)
    if "query" in audience:
        compiled = Compiled(scope)
        condition = compiled.matches(scope.known(read(audience["query"])))
        return select(PatientIndex.patient_id).select_from(compiled.source).where(condition)
    reach: ColumnElement[bool] = Patient.team_id.in_(sorted(scope.teams)) if scope.teams is not None else Patient.id.is_not(None)
    if "cohort" in audience:
        kept = await access_cohort(tx, staff, audience["cohort"])
        members = select(CohortMember.patient_id).where(CohortMember.cohort_id == kept.id, CohortMember.inactive.is_(False))
        return select(Patient.id).where(Patient.id.in_(members), reach)
    found = await patients_by_number(tx, audience["patients"])
    return select(Patient.id).where(Patient.id.in_([patient.id for each in found.values() for patient in each]), reach)


def families(patients: Select[Any]) -> Select[int, int]:
    """A statement of the living children among these patients with their primary carers (patient_id, carer_id)."""
    return (
        select(PatientCarer.patient_id, PatientCarer.carer_id)
        .join(Patient, Patient.id == PatientCarer.patient_id)
        .where(PatientCarer.patient_id.in_(patients), Patient.died_at.is_(None))
        .ext(distinct_on(PatientCarer.patient_id))
        .order_by(PatientCarer.patient_id, PatientCarer.primary.desc(), PatientCarer.carer_id)
    )


async def fix(
    tx: AsyncSession, message: MassMessage, staff: Staff, *, now: datetime, zone: ZoneInfo, teams: Collection[int] | None = None
) -> int:
    """Write down the families that the message goes to, set by set; how many. From now on they stay the same."""
    chosen = families(await patient_ids(tx, staff, message.audience, now=now, zone=zone, teams=teams)).subquery("chosen")
    await plan_well(tx)
    children = select(chosen.c.patient_id, chosen.c.carer_id, literal(message.id))
    await tx.execute(insert(MassChild).from_select(["patient_id", "carer_id", "mass_message_id"], children))
    carers = select(MassChild.carer_id, literal(message.id), literal("waiting")).where(MassChild.mass_message_id == message.id).distinct()
    await tx.execute(insert(MassRecipient).from_select(["carer_id", "mass_message_id", "state"], carers))
    return int(await tx.scalar(select(func.count()).where(MassRecipient.mass_message_id == message.id)) or 0)


async def count(
    tx: AsyncSession, staff: Staff, audience: dict[str, Any], *, now: datetime, zone: ZoneInfo, teams: Collection[int] | None = None
) -> tuple[int, int, int]:
    """How many patients are meant, how many of them have nobody who is registered for them, and to how many families it goes."""
    chosen = await patient_ids(tx, staff, audience, now=now, zone=zone, teams=teams)
    meant = chosen.subquery("meant")
    await plan_well(tx)
    patients = int(await tx.scalar(select(func.count()).select_from(meant)) or 0)
    children = families(chosen).subquery("children")
    cared, of = (await tx.execute(select(func.count(), func.count(children.c.carer_id.distinct())).select_from(children))).one()
    return patients, patients - int(cared), int(of)
