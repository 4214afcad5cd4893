"""The worker's part in adaptive choice: what each option has come to is counted once a day, and an opening is worded as chosen."""

from collections.abc import Callable
from datetime import datetime, timedelta
from random import Random
from zoneinfo import ZoneInfo

from sqlalchemy import func, select
from sqlalchemy.ext.asyncio import AsyncSession

from plans.experiment.choose import Wanted, choose_wording
from plans.experiment.opening import PLAIN
from plans.experiment.tally import count_choices
from plans.follow_up import opening
from plans.follow_up_sweep import Route
from plans.template import PlanTemplate
from records.care_plan import CarePlan, Task
from records.database import Database
from records.experiment import OptionTally

# How old a count may become, and any fixed number: one worker at a time counts.
EVERY = timedelta(hours=24)
ONE_AT_A_TIME = 5282


class Choices:
    """Counts what options have come to. Without any choice a look costs two small queries."""

    def __init__(self, db: Database, clock: Callable[[], datetime]) -> None:
        self._db, self._clock = db, clock

    async def look(self) -> int:
        """Count anew where the last count is a day old; how many options there are, 0 where it was not time."""
        now = self._clock()
        async with self._db.transaction() as tx:
            if not await tx.scalar(select(func.pg_try_advisory_xact_lock(ONE_AT_A_TIME))):
                return 0
            last = await tx.scalar(select(func.max(OptionTally.counted_at)))
            return await count_choices(tx, now) if last is None or last <= now - EVERY else 0


async def opening_words(
    tx: AsyncSession, task: Task, route: Route, template: PlanTemplate, *, now: datetime, zone: ZoneInfo, rng: Random
) -> str:
    """The message that opens the follow-up, with the opening that is chosen for this family around the plan's own question."""
    if route.carer is None:
        return opening(task, route.patient, template)
    plan = await tx.get_one(CarePlan, task.care_plan_id)
    want = Wanted(
        carer_id=route.carer.id,
        care_plan_id=plan.id,
        patient_id=task.patient_id,
        team_id=route.patient.team_id,
        template=plan.template,
        day=now.astimezone(zone).date(),
        default=PLAIN,
        step=task.step,
        task_id=task.id,
    )
    chosen = await choose_wording(tx, want, now=now, rng=rng)
    return opening(task, route.patient, template, around=chosen.text)
