"""Dates from which plans count: what the record knows of them, and what follows when one comes, moves, or is taken back."""

from collections import defaultdict
from collections.abc import Collection, Sequence
from datetime import date, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from sqlalchemy import and_, func, select
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.sql import Select

from plans.clock import local_day
from plans.definition import templates_at
from plans.enrolment import RUNNING
from plans.replan import Replanned, replan
from plans.schedule import Anchors
from plans.template import PlanTemplate, anchor_kinds
from plans.timeline import anchors_json
from records.appointment import Appointment
from records.care_plan import CarePlan
from records.condition import Condition
from records.encounter import Encounter
from records.lab_result import LabResult
from records.patient import Patient
from records.state import StateChange

# Visits that are further back have no steps left that hang on them: no plan counts further from one (R).
VISITS_BACK = timedelta(days=90)
# Visits that nobody is discharged from.
NO_STAY = ("outpatient", "emergency", "home")
TERM_WEEKS = 40
MOVED = "anchor"

Known = dict[int, dict[str, date | list[date]]]


async def known_anchors(tx: AsyncSession, patients: Sequence[Patient], names: Collection[str], *, now: datetime, zone: ZoneInfo) -> Known:
    """What the record knows of these anchors, by patient; one that it does not know is left out. A statement for each name at most."""
    found: Known = defaultdict(dict)
    today = local_day(now, zone)
    for patient in patients:
        if "birth" in names:
            found[patient.id]["birth"] = patient.birth_date
        if "term" in names and patient.gestational_age_weeks is not None:
            found[patient.id]["term"] = patient.birth_date + timedelta(weeks=TERM_WEEKS - patient.gestational_age_weeks)
        if "enrolment" in names:
            found[patient.id]["enrolment"] = today
    ids = [patient.id for patient in patients]
    for name, query in _queries(ids, now).items():
        if name in names:
            for row in await tx.execute(query):
                found[row[0]][name] = local_day(row[1], zone)
    if "next_visit" in names:
        booked = select(Appointment.patient_id, Appointment.starts_at).where(
            Appointment.patient_id.in_(ids), Appointment.status != "cancelled", Appointment.starts_at >= now - VISITS_BACK
        )
        days: dict[int, set[date]] = defaultdict(set)
        for patient_id, moment in await tx.execute(booked):
            days[patient_id].add(local_day(moment, zone))
        for patient_id, each in days.items():
            found[patient_id]["next_visit"] = sorted(each)
    return found


def _queries(ids: Sequence[int], now: datetime) -> dict[str, Select[Any]]:
    """(patient, moment) for each anchor that is the first or the last of something."""
    stay, been = Encounter.kind.not_in((*NO_STAY, "preadmit")), Encounter.state.in_(("in-progress", "finished"))
    visited = and_(Encounter.kind != "preadmit", been, Encounter.started_at <= now)

    def each(table: Any, moment: Any, *where: Any) -> Select[Any]:
        return select(table.patient_id, moment).where(table.patient_id.in_(ids), *where).group_by(table.patient_id)

    began = func.coalesce(Condition.onset_at, Condition.recorded_at)
    return {
        "discharge": each(Encounter, func.max(Encounter.ended_at), stay, Encounter.state == "finished", Encounter.ended_at.is_not(None)),
        "admission": each(Encounter, func.max(Encounter.started_at), Encounter.kind == "inpatient", been, Encounter.started_at <= now),
        "visit": each(Encounter, func.max(Encounter.started_at), visited),
        "first_visit": each(Encounter, func.min(Encounter.started_at), visited),
        "diagnosis": each(Condition, func.max(began), Condition.status == "active"),
        "result": each(LabResult, func.max(LabResult.released_at), LabResult.status == "final", LabResult.released_at <= now),
    }


def told_later(template: PlanTemplate) -> frozenset[str]:
    """The anchors of a template that may come after enrolment and that the record knows by itself."""
    return frozenset(name for name in template.later if anchor_kinds()[name].source not in (None, "today"))


async def record_changed(tx: AsyncSession, patient_ids: Collection[int], *, by: str, now: datetime, zone: ZoneInfo) -> int:
    """Visits, results or diagnoses of these patients have changed: what hangs on them in their plans comes, moves, or is withdrawn.

    How many plans have got other dates. Looks at the record only where a plan waits for something of it.
    """
    if not patient_ids:
        return 0
    running = select(CarePlan).where(CarePlan.patient_id.in_(sorted(patient_ids)), CarePlan.state.in_(RUNNING))
    plans = (await tx.scalars(running.order_by(CarePlan.id).with_for_update().execution_options(populate_existing=True))).all()
    templates = await templates_at(tx, {(plan.template, plan.template_version) for plan in plans})
    waiting = {
        plan.id: names
        for plan in plans
        if (template := templates.get((plan.template, plan.template_version))) is not None and (names := told_later(template))
    }
    if not waiting:
        return 0
    patients = (await tx.scalars(select(Patient).where(Patient.id.in_({plan.patient_id for plan in plans if plan.id in waiting})))).all()
    known = await known_anchors(tx, patients, frozenset().union(*waiting.values()), now=now, zone=zone)
    changed = 0
    for plan in plans:
        if plan.id in waiting:
            told = {name: known[plan.patient_id].get(name) for name in waiting[plan.id]}
            by_hand = plan.anchors.get(BY_HAND, {})
            told = {name: _joined(name, said, by_hand.get(name)) for name, said in told.items()}
            changed += await _set(tx, plan, told, by=by, now=now, zone=zone) is not None
    return changed


# Dates that somebody gave for an anchor that the record knows too: {name: [day, …]} beside the anchors themselves.
BY_HAND = "by_hand"


def _joined(name: str, told: date | list[date] | None, by_hand: Sequence[str] | None) -> date | list[date] | None:
    if not by_hand:
        return told
    given = [date.fromisoformat(day) for day in by_hand]
    if not anchor_kinds()[name].several:
        return given[-1]
    return sorted({*given, *([told] if isinstance(told, date) else told or [])})


async def give_anchor(
    tx: AsyncSession, plan: CarePlan, name: str, days: Sequence[date], *, by: str, now: datetime, zone: ZoneInfo
) -> Replanned:
    """A clinician, a rule or the hospital gives a plan the days of an anchor (none: takes them back). Its steps are planned, moved or
    withdrawn accordingly."""
    kind = anchor_kinds()[name]
    said: date | list[date] | None = (sorted(set(days)) if kind.several else days[-1]) if days else None
    if kind.source not in (None, "today", "patient"):
        by_hand = {**plan.anchors.get(BY_HAND, {}), name: [day.isoformat() for day in days]}
        plan.anchors = {**plan.anchors, BY_HAND: {each: given for each, given in by_hand.items() if given}}
    return await _set(tx, plan, {name: said}, by=by, now=now, zone=zone) or Replanned()


async def _set(
    tx: AsyncSession, plan: CarePlan, said: dict[str, date | list[date] | None], *, by: str, now: datetime, zone: ZoneInfo
) -> Replanned | None:
    """Give a plan these dates (None takes one back); None when it had them."""
    fresh: Anchors = {name: each for name, each in said.items() if each}
    new = {**{name: old for name, old in plan.anchors.items() if name not in said}, **anchors_json(fresh)}
    if new == plan.anchors:
        return None
    detail = {name: {"from": plan.anchors.get(name), "to": new.get(name)} for name in said if plan.anchors.get(name) != new.get(name)}
    plan.anchors = new
    tx.add(
        StateChange(
            entity="care_plan", entity_id=plan.id, old=plan.state, new=plan.state, at=now, by=by, reason=MOVED, detail=detail
        )
    )  # fmt: skip
    templates = await templates_at(tx, [(plan.template, plan.template_version)])
    template = templates.get((plan.template, plan.template_version))
    hanging = {step.id for step in template.steps if step.anchor in detail} if template is not None else set[str]()
    reason = f"{MOVED}: {'、'.join(sorted(detail))}"
    return await replan(tx, plan, by=by, reason=reason, now=now, zone=zone, move=True, ends_talk_of=hanging)
