"""The worker's part in adaptive choice: what each option has come to is counted once a day, and an opening is worded as chosen."""

from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from random import Random
from zoneinfo import ZoneInfo

from sqlalchemy import func, select
from sqlalchemy.ext.asyncio import AsyncSession

from plans.bundle import Piece
from plans.experiment.choose import Wanted, choose_wordings
from plans.experiment.opening import PLAIN
from plans.experiment.tally import count_choices
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


async def opening_texts(
    tx: AsyncSession, openings: Sequence[tuple[int, Piece]], *, now: datetime, zone: ZoneInfo, rng: Random
) -> dict[int, str]:
    """The words around the question of each of these openings (carer, follow-up), by task; those that are the template's own are left
    out. One small query where nothing is chosen."""
    if not openings:
        return {}
    wanted = [
        Wanted(
            carer_id=carer_id,
            care_plan_id=piece.task.care_plan_id,
            patient_id=piece.patient.id,
            team_id=piece.patient.team_id,
            template=piece.template.id,
            day=now.astimezone(zone).date(),
            default=PLAIN,
            step=piece.task.step,
            task_id=piece.task.id,
        )
        for carer_id, piece in openings
    ]
    return {task: chosen.text for task, chosen in (await choose_wordings(tx, wanted, now=now, rng=rng)).items() if chosen.text is not None}
