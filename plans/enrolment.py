"""Putting a patient on a plan, and taking him off it."""

from datetime import date, datetime, timedelta
from random import Random
from zoneinfo import ZoneInfo

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from plans.clock import local_day
from plans.guard import QUIET
from plans.planning import plan_these
from plans.replan import withdraw
from plans.schedule import Anchors, Due, next_day, occurrences, schedule
from plans.task import OPEN
from plans.template import PlanTemplate, anchor_title
from plans.timeline import HORIZON, USUAL_HOUR, anchors_json, first_day
from plans.wording import say, words
from records.care_plan import CarePlan, Task
from records.erasure import being_erased
from records.patient import Patient
from records.retag import ask_retag
from records.state import Moves, created, move

PLAN_MOVES: Moves = {
    "active": frozenset({"paused", "ended", "withdrawn"}),
    "paused": frozenset({"active", "ended", "withdrawn"}),
    "ended": frozenset(),
    "withdrawn": frozenset(),
}
# A paused plan is still one: nobody is put on it twice, and what ends plans ends it too.
RUNNING = ("active", "paused")


class EnrolmentError(ValueError):
    """The patient cannot be put on the plan. `code` says why, `field` what to look at; the text is a sentence for the clinician."""

    permanent = True

    def __init__(self, code: str, field: str | None = None, **values: object):
        super().__init__(say(f"refused.{code}", **values))
        self.code, self.field = code, field


def check_can_enrol(
    patient: Patient, template: PlanTemplate, *, anchors: Anchors, hour: int | None, now: datetime, zone: ZoneInfo
) -> list[Due]:
    """The follow-ups that enrolment would make at once: those up to the horizon, from today on (`hour` None: as at the usual one).

    Raises EnrolmentError when data are missing, absurd or too old. Pure.
    """
    names = words("fields")
    if patient.died_at is not None:
        raise EnrolmentError("died", "patient")
    for anchor in template.anchors:
        if not occurrences(anchors, anchor):
            raise EnrolmentError("anchor_missing", anchor, anchor=anchor_title(anchor))
    for anchor in anchors:
        if anchor not in (*template.anchors, *template.later):
            raise EnrolmentError("anchor_unknown", anchor, anchor=anchor_title(anchor))
    today = local_day(now, zone)
    _check_dates(patient, template, anchors, today)
    for field, bounds in template.requires.items():
        value = getattr(patient, field)
        if value is None and field not in template.optional:
            raise EnrolmentError("missing", field, what=names[field])
        if value is not None and not bounds.min <= value <= bounds.max:
            raise EnrolmentError("absurd", field, what=names[field], value=f"{value:g}", min=f"{bounds.min:g}", max=f"{bounds.max:g}")
    if hour is not None and hour not in QUIET.open_hours:
        raise EnrolmentError("hour", "hour", hour=hour)
    start = first_day(now, zone)
    dues = schedule(template, anchors, hour=USUAL_HOUR if hour is None else hour, zone=zone, start=start, end=today + HORIZON)
    waits = any(step.anchor in template.later and not occurrences(anchors, step.anchor) for step in template.steps)
    if not dues and not waits and next_day(template, anchors, start) is None:
        raise EnrolmentError("over", "discharge", title=template.title)
    return dues


def _check_dates(patient: Patient, template: PlanTemplate, anchors: Anchors, today: date) -> None:
    birth, discharge = (next(iter(occurrences(anchors, name)), None) for name in ("birth", "discharge"))
    if birth is not None:
        if birth > today:
            raise EnrolmentError("birth_in_future", "birth", birth=birth)
        if birth != patient.birth_date:
            raise EnrolmentError("birth_differs", "birth", birth=birth, record=patient.birth_date)
    if discharge is not None:
        if birth is not None and discharge < birth:
            raise EnrolmentError("discharge_before_birth", "discharge", discharge=discharge, birth=birth)
        if discharge > today + timedelta(days=template.latest_discharge_days_ahead):
            raise EnrolmentError("not_discharged", "discharge", discharge=discharge, days=template.latest_discharge_days_ahead)


def new_plan(patient: Patient, template: PlanTemplate, *, anchors: Anchors, hour: int | None, by: str, now: datetime) -> CarePlan:
    """The row of an enrolment that has been checked."""
    return CarePlan(
        patient_id=patient.id,
        template=template.id,
        template_version=template.version,
        anchors=anchors_json(anchors),
        state="active",
        hour=hour,
        created_at=now,
        created_by=by,
    )


async def enrol(
    tx: AsyncSession,
    patient: Patient,
    template: PlanTemplate,
    *,
    anchors: Anchors,
    hour: int | None,
    by: str,
    now: datetime,
    zone: ZoneInfo,
    rng: Random | None = None,
) -> CarePlan:
    """Put `patient` on this version of the plan and make its first follow-ups, at `hour` o'clock of the hospital's `zone` (None: when
    the family likes).

    A discharge of some days ago starts today. Raises EnrolmentError (a ValueError) when data are missing or absurd, and when the
    patient is on this plan already.
    """
    check_can_enrol(patient, template, anchors=anchors, hour=hour, now=now, zone=zone)
    # The patient's row is the lock: two enrolments at once cannot both find nothing.
    await tx.execute(select(Patient.id).where(Patient.id == patient.id).with_for_update())
    if await being_erased(tx, [patient.id]):
        raise EnrolmentError("erasing", "patient")
    running = await tx.scalar(
        select(CarePlan).where(CarePlan.patient_id == patient.id, CarePlan.template == template.id, CarePlan.state.in_(RUNNING))
    )
    if running is not None:
        raise EnrolmentError("enrolled", "patient", title=template.title, since=local_day(running.created_at, zone))
    plan = new_plan(patient, template, anchors=anchors, hour=hour, by=by, now=now)
    tx.add(plan)
    await tx.flush()
    created(tx, plan, at=now, by=by, reason="enrolled")
    await plan_these(tx, [plan], now=now, zone=zone, rng=rng, by=by)
    await ask_retag(tx, [patient.id], now)
    return plan


async def end_plan(tx: AsyncSession, plan: CarePlan, *, state: str, by: str, reason: str, now: datetime) -> int:
    """End the plan as `ended` or `withdrawn` and withdraw its open tasks, with what of them still waits to be sent; how many tasks.

    Raises MoveRefused when it has ended before.
    """
    await move(tx, plan, state, moves=PLAN_MOVES, at=now, by=by, reason=reason)
    withdrawn = await withdraw_open(tx, plan, by=by, reason=reason, now=now)
    await ask_retag(tx, [plan.patient_id], now)
    return withdrawn


async def withdraw_open(tx: AsyncSession, plan: CarePlan, *, by: str, reason: str, now: datetime) -> int:
    """Withdraw all open tasks of a plan; how many there were."""
    open_ = select(Task).where(Task.care_plan_id == plan.id, Task.state.in_(OPEN)).order_by(Task.id).with_for_update()
    tasks = (await tx.scalars(open_.execution_options(populate_existing=True))).all()
    return await withdraw(tx, tasks, by=by, reason=reason, now=now)
