"""A plan of which nothing is left ends by itself, so that reports and cohorts need not guess."""

from datetime import datetime

from sqlalchemy import exists, select
from sqlalchemy.ext.asyncio import AsyncSession

from plans.enrolment import end_plan
from plans.personal import plan_templates
from plans.task import OPEN
from plans.timeline import NEVER
from records.care_plan import CarePlan, Task

FINISHED = "finished"


async def finish(tx: AsyncSession, *, now: datetime, limit: int = 200) -> int:
    """End the plans that are planned to their end and of which no follow-up is open any more; how many.

    One that waits for dates which may still come (`later` of its template) goes on until somebody ends it.
    """
    open_ = exists().where(Task.care_plan_id == CarePlan.id, Task.state.in_(OPEN))
    been = exists().where(Task.care_plan_id == CarePlan.id)
    over = select(CarePlan).where(CarePlan.state == "active", CarePlan.planned_until == NEVER, ~open_, been).order_by(CarePlan.id)
    rows = over.limit(limit).with_for_update(of=CarePlan, skip_locked=True).execution_options(populate_existing=True)
    plans = (await tx.scalars(rows)).all()
    templates = await plan_templates(tx, plans)
    done = [plan for plan in plans if plan.id in templates and not templates[plan.id].later]
    for plan in done:
        await end_plan(tx, plan, state="ended", by="system", reason=FINISHED, now=now)
    return len(done)
