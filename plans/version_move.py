"""Moving people to another version of their plan: what was changed for each of them stays where its step still exists."""

from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from random import Random
from zoneinfo import ZoneInfo

from sqlalchemy import select, update
from sqlalchemy.ext.asyncio import AsyncSession

from plans.anchor import known_anchors
from plans.change import EVERY_STEP
from plans.enrolment import RUNNING, EnrolmentError
from plans.personal import changes_of
from plans.replan import Replanned, replan
from plans.template import PlanTemplate, anchor_title
from plans.timeline import anchors_json, anchors_of
from records.care_plan import CarePlan, CarePlanChange, Task
from records.patient import Patient
from records.retag import ask_retag
from records.state import StateChange


@dataclass(frozen=True)
class Moved:
    """What became of one patient's plan. `lost` are changes of his whose step the new version has not: a clinician looks at them."""

    plan_id: int
    patient_id: int
    old: int
    became: Replanned
    lost: tuple[CarePlanChange, ...]


async def move_plan(
    tx: AsyncSession, plan: CarePlan, new: PlanTemplate, *, by: str, now: datetime, zone: ZoneInfo, rng: Random | None = None
) -> Moved:
    """Put a plan on the version `new` of its template. Follow-ups that stand in both stay as they are, what was sent goes on as it began.

    Raises EnrolmentError: the plan is over, of another template, on this version already, or a date is missing that the new version needs.
    """
    if plan.state not in RUNNING or plan.template != new.id:
        raise EnrolmentError("not_on_plan", "plan", title=new.title)
    old = plan.template_version
    if old == new.version:
        raise EnrolmentError("on_version", "plan", title=new.title, version=old)
    patient = await tx.get_one(Patient, plan.patient_id)
    anchors = anchors_of(plan)
    if missing := [name for name in new.anchors if name not in anchors]:
        known = (await known_anchors(tx, [patient], missing, now=now, zone=zone)).get(patient.id, {})
        for name in missing:
            if name not in known:
                raise EnrolmentError("anchor_missing", name, anchor=anchor_title(name))
            plan.anchors = {**plan.anchors, **anchors_json({name: known[name]})}
    # What is sent or over is read by the version under which it was asked, for ever.
    sent = update(Task).where(Task.care_plan_id == plan.id, Task.state != "scheduled", Task.template_version.is_(None))
    await tx.execute(sent.values(template_version=old).execution_options(synchronize_session="fetch"))
    plan.template_version = new.version
    detail = {"version": {"from": old, "to": new.version}}
    tx.add(
        StateChange(entity="care_plan", entity_id=plan.id, old=plan.state, new=plan.state, at=now, by=by, reason="version", detail=detail)
    )
    await tx.flush()
    became = await replan(tx, plan, by=by, reason=f"version {old} -> {new.version}", now=now, zone=zone, rng=rng)
    steps = {step.id for step in new.steps} | {EVERY_STEP}
    changes = (await changes_of(tx, [plan])).get(plan.id, [])
    own = {change.step for change in changes if "body" in change.detail}
    await ask_retag(tx, [plan.patient_id], now)
    return Moved(plan.id, plan.patient_id, old, became, tuple(each for each in changes if each.step not in steps | own))


@dataclass(frozen=True)
class Stays:
    """Somebody who cannot be moved, and the sentence that says why."""

    patient_id: int
    name: str
    text: str


@dataclass
class MovedAll:
    """What became of many plans. `versions` are those that they were on; the numbers count follow-ups."""

    moved: list[Moved] = field(default_factory=list)
    refused: list[Stays] = field(default_factory=list)
    versions: set[int] = field(default_factory=set)
    added: int = 0
    withdrawn: int = 0
    kept: int = 0


async def move_all(
    tx: AsyncSession,
    plans: AsyncIterator[CarePlan],
    new: PlanTemplate,
    *,
    by: str,
    now: datetime,
    zone: ZoneInfo,
    rng: Random | None = None,
) -> MovedAll:
    """Put these plans on the version `new`; who cannot be moved does not hold up the others."""
    done = MovedAll()
    async for plan in plans:
        done.versions.add(plan.template_version)
        try:
            one = await move_plan(tx, plan, new, by=by, now=now, zone=zone, rng=rng)
        except EnrolmentError as err:
            patient = await tx.get_one(Patient, plan.patient_id)
            done.refused.append(Stays(patient.id, patient.name, str(err)))
            continue
        done.moved.append(one)
        done.added += one.became.added
        done.withdrawn += one.became.withdrawn
        done.kept += one.became.kept + one.became.moved
    return done


async def plans_below(tx: AsyncSession, new: PlanTemplate, teams: Sequence[int], *, after: int = 0, limit: int = 300) -> list[CarePlan]:
    """Running plans of these teams' patients on other versions of the template, by id behind `after`, locked."""
    chosen = (
        select(CarePlan)
        .join(Patient, Patient.id == CarePlan.patient_id)
        .where(
            CarePlan.template == new.id,
            CarePlan.template_version != new.version,
            CarePlan.state.in_(RUNNING),
            CarePlan.id > after,
            Patient.team_id.in_(teams),
        )
        .order_by(CarePlan.id)
        .limit(limit)
        .with_for_update(of=CarePlan)
        .execution_options(populate_existing=True)
    )
    return list(await tx.scalars(chosen))
