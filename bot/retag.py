"""The job that keeps patients' tags true: those whose facts have changed, whose time has come, and whose tags have run out."""

from collections.abc import Callable
from datetime import datetime
from zoneinfo import ZoneInfo

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from records.database import Database
from records.retag import RetagRequest, ask_retag
from tagging.tags.engine import outlived, retag_asked

# So many patients share a transaction: few enough that nothing else in this process waits long, many enough that statements are shared.
AT_ONCE = 50
# One job looks at so many, then the sweep makes the next, so that a long queue does not hold a worker's place for ever.
A_JOB = 1200
JOB = "retag"


class Retagger:
    """Looks at patients' tags. One at a time in the whole installation (the job's lock), at least once for each request."""

    def __init__(self, db: Database, clock: Callable[[], datetime], zone: ZoneInfo) -> None:
        self._db, self._clock, self._zone = db, clock, zone

    async def run(self, key: str) -> None:
        """Look at those who are asked for, batch by batch."""
        async with self._db.transaction() as tx:
            now = self._clock()
            await ask_retag(tx, await outlived(tx, now, A_JOB), now)
        done = 0
        while done < A_JOB:
            async with self._db.transaction() as tx:
                looked = await retag_asked(tx, now=self._clock(), zone=self._zone, most=AT_ONCE)
            if not looked.patients:
                return
            done += looked.patients


async def anybody_to_look_at(tx: AsyncSession, now: datetime) -> bool:
    """Whether there is work for the job."""
    due = await tx.scalar(select(RetagRequest.patient_id).where(RetagRequest.asked_at <= now).limit(1))
    return due is not None or bool(await outlived(tx, now, 1))
