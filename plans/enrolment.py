"""Putting a patient on a plan, and taking him off it."""

from collections.abc import Mapping, Sequence
from datetime import date, datetime, timedelta
from zoneinfo import ZoneInfo

from sqlalchemy import func, select, update
from sqlalchemy.ext.asyncio import AsyncSession

from plans.clock import local_day
from plans.guard import QUIET, is_quiet
from plans.schedule import Due, schedule
from plans.task import OPEN, close
from plans.template import PlanTemplate
from plans.wording import say, words
from records.care_plan import CarePlan, Task
from records.message import Outbound
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
    patient: Patient, template: PlanTemplate, *, anchors: Mapping[str, date], hour: int, now: datetime, zone: ZoneInfo
) -> list[Due]:
    """The follow-ups that enrolment would plan. Raises EnrolmentError when data are missing, absurd or too old. Pure."""
    names = words("fields")
    if patient.died_at is not None:
        raise EnrolmentError("died", "patient")
    for anchor in template.anchors:
        if anchor not in anchors:
            raise EnrolmentError("anchor_missing", anchor, anchor=names.get(anchor, anchor))
    for anchor in anchors:
        if anchor not in template.anchors:
            raise EnrolmentError("anchor_unknown", anchor, anchor=anchor)
    today = local_day(now, zone)
    _check_dates(patient, template, anchors, today)
    for field, bounds in template.requires.items():
        value = getattr(patient, field)
        if value is None and field not in template.optional:
            raise EnrolmentError("missing", field, what=names[field])
        if value is not None and not bounds.min <= value <= bounds.max:
            raise EnrolmentError("absurd", field, what=names[field], value=f"{value:g}", min=f"{bounds.min:g}", max=f"{bounds.max:g}")
    if not QUIET.end.hour <= hour < QUIET.start.hour:
        raise EnrolmentError("hour", "hour", hour=hour)
    # In the evening's quiet hours nothing could be sent any more today.
    start = today + timedelta(days=1) if is_quiet(now, zone) and now.astimezone(zone).time() >= QUIET.start else today
    dues = schedule(template, anchors, hour=hour, zone=zone, start=start)
    if not dues:
        raise EnrolmentError("over", "discharge", title=template.title)
    return dues


def _check_dates(patient: Patient, template: PlanTemplate, anchors: Mapping[str, date], today: date) -> None:
    birth, discharge = anchors.get("birth"), anchors.get("discharge")
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


async def enrol(
    tx: AsyncSession,
    patient: Patient,
    template: PlanTemplate,
    *,
    anchors: dict[str, date],
    hour: int,
    by: str,
    now: datetime,
    zone: ZoneInfo,
) -> CarePlan:
    """Put `patient` on this version of the plan and plan all its follow-ups at `hour` o'clock of the hospital's `zone`.

    A discharge of some days ago starts today. Raises EnrolmentError (a ValueError) when data are missing or absurd, and when the
    patient is on this plan already.
    """
    dues = check_can_enrol(patient, template, anchors=anchors, hour=hour, now=now, zone=zone)
    # The patient's row is the lock: two enrolments at once cannot both find nothing.
    await tx.execute(select(Patient.id).where(Patient.id == patient.id).with_for_update())
    running = await tx.scalar(
        select(CarePlan).where(CarePlan.patient_id == patient.id, CarePlan.template == template.id, CarePlan.state.in_(RUNNING))
    )
    if running is not None:
        raise EnrolmentError("enrolled", "patient", title=template.title, since=local_day(running.created_at, zone))
    plan = CarePlan(
        patient_id=patient.id,
        template=template.id,
        template_version=template.version,
        anchors={name: day.isoformat() for name, day in anchors.items()},
        state="active",
        hour=hour,
        planned_until=dues[-1].day,
        created_at=now,
        created_by=by,
    )
    tx.add(plan)
    await tx.flush()
    created(tx, plan, at=now, by=by, reason="enrolled")
    tasks = [
        Task(
            care_plan_id=plan.id,
            patient_id=patient.id,
            step=due.step,
            day=due.day,
            slot=due.slot,
            due_at=due.due_at,
            useful_until=due.useful_until,
        )
        for due in dues
    ]
    tx.add_all(tasks)
    await tx.flush()
    for task in tasks:
        created(tx, task, at=now, by=by)
    await ask_retag(tx, [patient.id], now)
    return plan


async def end_plan(tx: AsyncSession, plan: CarePlan, *, state: str, by: str, reason: str, now: datetime) -> int:
    """End the plan as `ended` or `withdrawn` and withdraw its open tasks, with what of them still waits to be sent; how many tasks.

    Raises MoveRefused when it has ended before.
    """
    await move(tx, plan, state, moves=PLAN_MOVES, at=now, by=by, reason=reason)
    open_ = select(Task).where(Task.care_plan_id == plan.id, Task.state.in_(OPEN)).order_by(Task.id).with_for_update()
    tasks = (await tx.scalars(open_)).all()
    await _unsend(tx, [task for task in tasks if task.chat_id is not None], reason)
    withdrawn = [await close(tx, task, "withdrawn", now=now, by=by, reason=reason) for task in tasks]
    await ask_retag(tx, [plan.patient_id], now)
    return sum(withdrawn)


async def _unsend(tx: AsyncSession, tasks: Sequence[Task], reason: str) -> None:
    """Withdraw openings and reminders of these tasks that are still in the outbox."""
    if tasks:
        await tx.execute(
            update(Outbound)
            .where(
                Outbound.chat_id.in_({task.chat_id for task in tasks}),
                Outbound.state == "queued",
                Outbound.key.startswith("task:"),
                func.split_part(Outbound.key, ":", 2).in_([str(task.id) for task in tasks]),
            )
            .values(state="withdrawn", error=reason)
            .execution_options(synchronize_session=False)
        )
