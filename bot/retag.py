"""The job that keeps patients' tags true: those whose facts have changed, whose time has come, and whose tags have run out."""

import asyncio
from collections.abc import Callable
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

import structlog
from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from records.database import Database, is_lost_connection
from records.retag import RetagRequest, ask_retag, asked_for, postpone
from tagging.tags.engine import outlived, retag_seen
from tagging.tags.noted import read_note
from tagging.tags.rules import shipped_rules
from tagging.tags.told import read_told

log = structlog.get_logger(__name__)

# So many patients share a transaction: few enough that nothing else in this process waits long, many enough that statements are shared.
AT_ONCE = 50
# So many batches at a time: while the database works for one, we think about another.
LANES = 2
# One job looks at so many, then the sweep makes the next, so that a long queue does not hold a worker's place for ever.
A_JOB = 1200
# How long a patient whose record cannot be looked at is left alone.
PAUSE = timedelta(hours=1)
JOB = "retag"


class Retagger:
    """Looks at patients' tags. One at a time in the whole installation (the job's lock), at least once for each request.

    Raises TagError for rules or a library that cannot be used.
    """

    def __init__(self, db: Database, clock: Callable[[], datetime], zone: ZoneInfo) -> None:
        self._db, self._clock, self._zone = db, clock, zone
        # A mistake in the files that clinicians edit stops the start with one sentence, not the first job.
        self._rules = shipped_rules()
        read_told("")
        read_note("")

    async def run(self, key: str) -> None:
        """Look at those who are asked for, batch by batch; in a batch that fails, one by one."""
        async with self._db.transaction() as tx:
            now = self._clock()
            await ask_retag(tx, await outlived(tx, now, A_JOB), now)
        done = 0
        while done < A_JOB:
            async with self._db.transaction() as tx:
                seen = list((await asked_for(tx, self._clock(), AT_ONCE * LANES)).items())
            if not seen:
                return
            done += len(seen)
            await asyncio.gather(*(self._batch(dict(seen[start : start + AT_ONCE])) for start in range(0, len(seen), AT_ONCE)))

    async def _batch(self, seen: dict[int, int]) -> None:
        try:
            await self._look(seen)
        except Exception as err:
            if is_lost_connection(err):
                raise
            for patient_id, times in seen.items():
                await self._alone(patient_id, times)

    async def _look(self, seen: dict[int, int]) -> None:
        async with self._db.transaction() as tx:
            await retag_seen(tx, seen, now=self._clock(), zone=self._zone, rules=self._rules)

    async def _alone(self, patient_id: int, times: int) -> None:
        """One patient; where even that fails, he waits, and the others go on."""
        try:
            await self._look({patient_id: times})
        except Exception as err:
            if is_lost_connection(err):
                raise
            log.error("tags cannot be looked at", patient=patient_id, error=type(err).__name__, code=getattr(err, "code", None))
            async with self._db.transaction() as tx:
                await postpone(tx, patient_id, self._clock() + PAUSE)


async def anybody_to_look_at(tx: AsyncSession, now: datetime) -> bool:
    """Whether there is work for the job."""
    due = await tx.scalar(select(RetagRequest.patient_id).where(RetagRequest.asked_at <= now).limit(1))
    return due is not None or bool(await outlived(tx, now, 1))
