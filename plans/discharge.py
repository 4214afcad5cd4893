"""What hangs on a discharge: plans that count their days from it end with it, move with it, and come again with the next one."""

from datetime import date, datetime
from zoneinfo import ZoneInfo

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from plans.definition import template_at
from plans.enrolment import RUNNING, EnrolmentError, end_plan, enrol
from plans.replan import replan
from plans.template import TemplateError
from plans.timeline import anchors_of
from records.care_plan import CarePlan
from records.patient import Patient
from records.state import StateChange

ANCHOR = "discharge"
TAKEN_BACK = "discharge_taken_back"


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
        await template_at(tx, plan.template, plan.template_version)
    except TemplateError:
        # Without its days they cannot be moved; a wrong day is worse than none.
        await end_plan(tx, plan, state="withdrawn", by=by, reason=TAKEN_BACK, now=now)
        return
    plan.anchors = {**plan.anchors, ANCHOR: new.isoformat()}
    reason = f"discharge {old} -> {new}"
    tx.add(StateChange(entity="care_plan", entity_id=plan.id, old=plan.state, new=plan.state, at=now, by=by, reason=reason))
    await replan(tx, plan, by=by, reason=reason, now=now, zone=zone, move=True)


async def _begin_again(tx: AsyncSession, patient: Patient, new: date, *, by: str, now: datetime, zone: ZoneInfo) -> None:
    """The plans that were withdrawn with an earlier discharge; one that is refused now (over, data missing) stays withdrawn."""
    because = select(StateChange.entity_id).where(
        StateChange.entity == "care_plan",
        StateChange.entity_id.in_(select(CarePlan.id).where(CarePlan.patient_id == patient.id)),
        StateChange.new == "withdrawn",
        StateChange.reason == TAKEN_BACK,
    )
    plans = (await tx.scalars(select(CarePlan).where(CarePlan.id.in_(because)).order_by(CarePlan.id.desc()))).all()
    for plan in {plan.template: plan for plan in reversed(plans)}.values():
        try:
            template = await template_at(tx, plan.template, plan.template_version)
            anchors = {**anchors_of(plan), ANCHOR: new}
            await enrol(tx, patient, template, anchors=anchors, hour=plan.hour, by=by, now=now, zone=zone)
        except (EnrolmentError, TemplateError):
            continue
