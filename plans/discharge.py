"""What hangs on a discharge: plans that count their days from it end with it, move with it, and come again with the next one."""

from datetime import date, datetime
from zoneinfo import ZoneInfo

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from plans.enrolment import RUNNING, EnrolmentError, end_plan, enrol
from plans.schedule import Due, schedule
from plans.task import close
from plans.template import TemplateError, find_template
from records.care_plan import CarePlan, Task
from records.patient import Patient, primary_carer
from records.state import StateChange, created

ANCHOR = "discharge"
TAKEN_BACK = "discharge_taken_back"
# Of families who have not said when they want to be asked.
USUAL_HOUR = 9


async def discharge_changed(
    tx: AsyncSession, patient: Patient, old: date | None, new: date | None, *, by: str, now: datetime, zone: ZoneInfo
) -> None:
    """A stay that ended on `old` ends on `new` (None: it has not ended). Days are the hospital's.

    Plans anchored on `old` are withdrawn when it is taken back; what is not sent yet moves when it is corrected. Those that were
    withdrawn so begin anew with the next discharge, on the version of then. Nobody is put on a plan here who was on none.
    """
    if old == new:
        return
    if old is not None:
        running = select(CarePlan).where(
            CarePlan.patient_id == patient.id, CarePlan.state.in_(RUNNING), CarePlan.anchors[ANCHOR].astext == old.isoformat()
        )
        for plan in (await tx.scalars(running.order_by(CarePlan.id).with_for_update())).all():
            if new is None:
                await end_plan(tx, plan, state="withdrawn", by=by, reason=TAKEN_BACK, now=now)
            else:
                await _move(tx, plan, old, new, by=by, now=now, zone=zone)
    elif new is not None:
        await _begin_again(tx, patient, new, by=by, now=now, zone=zone)


async def _move(tx: AsyncSession, plan: CarePlan, old: date, new: date, *, by: str, now: datetime, zone: ZoneInfo) -> None:
    """Give the plan its new anchor and its unsent follow-ups their new days; what was sent stays as it was."""
    try:
        template = find_template(plan.template, plan.template_version)
    except TemplateError:
        # Without its days they cannot be moved; a wrong day is worse than none.
        await end_plan(tx, plan, state="withdrawn", by=by, reason=TAKEN_BACK, now=now)
        return
    plan.anchors = {**plan.anchors, ANCHOR: new.isoformat()}
    reason = f"discharge {old} -> {new}"
    tx.add(StateChange(entity="care_plan", entity_id=plan.id, old="active", new="active", at=now, by=by, reason=reason))
    tasks = list(await tx.scalars(select(Task).where(Task.care_plan_id == plan.id).order_by(Task.day, Task.id).with_for_update()))
    unsent = [task for task in tasks if task.state == "scheduled"]
    hour = (unsent or tasks)[0].due_at.astimezone(zone).hour if tasks else USUAL_HOUR
    anchors = {name: date.fromisoformat(day) for name, day in plan.anchors.items()}
    taken = {(task.step, task.day) for task in tasks}
    wanted = [due for due in schedule(template, anchors, hour=hour, zone=zone) if due.useful_until > now]
    left = [due for due in wanted if (due.step, due.day) not in taken]
    kept = {(due.step, due.day) for due in wanted}
    for task in unsent:
        if (task.step, task.day) in kept:
            continue
        due = next((due for due in left if due.step == task.step), None)
        if due is None:
            await close(tx, task, "withdrawn", now=now, by=by, reason=reason)
        else:
            left.remove(due)
            task.day, task.due_at, task.useful_until, task.next_at = due.day, due.due_at, due.useful_until, None
            tx.add(StateChange(entity="task", entity_id=task.id, old="scheduled", new="scheduled", at=now, by=by, reason=reason))
            await tx.flush()
    await _add(tx, plan, left, by=by, now=now)


async def _add(tx: AsyncSession, plan: CarePlan, dues: list[Due], *, by: str, now: datetime) -> None:
    made = [
        Task(
            care_plan_id=plan.id,
            patient_id=plan.patient_id,
            step=due.step,
            day=due.day,
            slot=due.slot,
            due_at=due.due_at,
            useful_until=due.useful_until,
        )
        for due in dues
    ]
    tx.add_all(made)
    await tx.flush()
    for task in made:
        created(tx, task, at=now, by=by)


async def _begin_again(tx: AsyncSession, patient: Patient, new: date, *, by: str, now: datetime, zone: ZoneInfo) -> None:
    """The plans that were withdrawn with an earlier discharge; one that is refused now (over, data missing) stays withdrawn."""
    because = select(StateChange.entity_id).where(
        StateChange.entity == "care_plan",
        StateChange.entity_id.in_(select(CarePlan.id).where(CarePlan.patient_id == patient.id)),
        StateChange.new == "withdrawn",
        StateChange.reason == TAKEN_BACK,
    )
    plans = (await tx.scalars(select(CarePlan).where(CarePlan.id.in_(because)).order_by(CarePlan.id.desc()))).all()
    carer = await primary_carer(tx, patient.id) if plans else None
    for plan in {plan.template: plan for plan in reversed(plans)}.values():
        anchors = {name: date.fromisoformat(day) for name, day in plan.anchors.items()}
        try:
            template = find_template(plan.template, plan.template_version)
            hour = carer.follow_up_hour if carer is not None else USUAL_HOUR
            await enrol(tx, patient, template, anchors={**anchors, ANCHOR: new}, hour=hour, by=by, now=now, zone=zone)
        except (EnrolmentError, TemplateError):
            continue
