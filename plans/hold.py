"""A plan that pauses: in hospital, on holiday, or because a clinician wants it. All of it stops at once; it goes on from the day of its
return, and nothing of the days between is asked after all."""

from datetime import date, datetime, timedelta
from random import Random
from typing import Literal
from zoneinfo import ZoneInfo

from sqlalchemy import exists, select
from sqlalchemy.ext.asyncio import AsyncSession

from plans.clock import local_day
from plans.enrolment import PLAN_MOVES, withdraw_open
from plans.planning import plan_these
from records.care_plan import CarePlan
from records.encounter import Encounter
from records.patient import Patient
from records.retag import ask_retag
from records.state import move

Why = Literal["stay", "holiday", "clinician"]
PAUSED = "paused"


async def pause_plan(tx: AsyncSession, plan: CarePlan, *, why: Why, by: str, now: datetime, until: date | None = None) -> int:
    """Pause an active plan, to the day `until` on which it goes on by itself (None: until somebody says so); how many follow-ups were
    withdrawn, with what of them waited to be sent.

    Raises MoveRefused when it is not active.
    """
    await move(tx, plan, "paused", moves=PLAN_MOVES, at=now, by=by, reason=why, paused_for=why, paused_until=until)
    withdrawn = await withdraw_open(tx, plan, by=by, reason=PAUSED, now=now)
    await ask_retag(tx, [plan.patient_id], now)
    return withdrawn


async def resume_plan(
    tx: AsyncSession, plan: CarePlan, *, by: str, now: datetime, zone: ZoneInfo, reason: str | None = None, rng: Random | None = None
) -> int:
    """Go on with a paused plan from this moment; how many follow-ups were made. Raises MoveRefused when it is not paused."""
    yesterday = local_day(now, zone) - timedelta(days=1)
    await move(
        tx, plan, "active", moves=PLAN_MOVES, at=now, by=by, reason=reason or "resumed", paused_for=None, paused_until=None,
        planned_until=yesterday,
    )  # fmt: skip
    made = await plan_these(tx, [plan], now=now, zone=zone, rng=rng, by=by, reason="resumed", only_after=now)
    await ask_retag(tx, [plan.patient_id], now)
    return made


async def resume_due(tx: AsyncSession, *, now: datetime, zone: ZoneInfo, rng: Random | None = None, limit: int = 300) -> int:
    """Go on with the plans whose pause is over by the calendar; how many."""
    due = (
        select(CarePlan)
        .join(Patient, Patient.id == CarePlan.patient_id)
        .where(CarePlan.state == "paused", CarePlan.paused_until <= local_day(now, zone), Patient.died_at.is_(None))
        .order_by(CarePlan.id)
        .limit(limit)
        .with_for_update(of=CarePlan, skip_locked=True)
        .execution_options(populate_existing=True)
    )
    plans = (await tx.scalars(due)).all()
    for plan in plans:
        await resume_plan(tx, plan, by="system", now=now, zone=zone, reason="pause_over", rng=rng)
    return len(plans)


async def stay_began(tx: AsyncSession, patient_id: int, *, by: str, now: datetime) -> int:
    """The patient is in hospital: his active plans pause until he is discharged; how many."""
    running = select(CarePlan).where(CarePlan.patient_id == patient_id, CarePlan.state == "active").order_by(CarePlan.id)
    plans = (await tx.scalars(running.with_for_update().execution_options(populate_existing=True))).all()
    for plan in plans:
        await pause_plan(tx, plan, why="stay", by=by, now=now)
    return len(plans)


async def stay_ended(tx: AsyncSession, patient_id: int, *, by: str, now: datetime, zone: ZoneInfo) -> int:
    """The patient has left the hospital: plans that paused for a stay go on, unless another stay is open; how many."""
    other = exists().where(Encounter.patient_id == patient_id, Encounter.kind == "inpatient", Encounter.state == "in-progress")
    held = select(CarePlan).where(CarePlan.patient_id == patient_id, CarePlan.state == "paused", CarePlan.paused_for == "stay", ~other)
    plans = (await tx.scalars(held.order_by(CarePlan.id).with_for_update().execution_options(populate_existing=True))).all()
    for plan in plans:
        await resume_plan(tx, plan, by=by, now=now, zone=zone, reason="stay_over")
    return len(plans)
