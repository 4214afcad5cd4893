"""The worker's part in plans: follow-ups are made as their time comes nearer, pauses end, and what is over is ended."""

from collections.abc import Callable
from dataclasses import asdict
from datetime import datetime
from random import Random, SystemRandom
from zoneinfo import ZoneInfo

import structlog

from plans.auto_enrolment import AutoDone, enrol_joined
from plans.finish import finish
from plans.hold import resume_due
from plans.planning import AT_ONCE, Planned, plan_on
from records.database import Database

log = structlog.get_logger(__name__)

# After so many rounds others have their turn, and the next look goes on.
ROUNDS = 1000


class Planning:
    """Keeps the plans planned. Idle, a look costs two probes of an index."""

    def __init__(self, db: Database, clock: Callable[[], datetime], zone: ZoneInfo, rng: Random | None = None) -> None:
        self._db, self._clock, self._zone, self._rng = db, clock, zone, rng or SystemRandom()
        self._finished: tuple[int, int] | None = None

    async def look(self) -> Planned:
        """One look, in rounds of a transaction each; what was planned."""
        async with self._db.transaction() as tx:
            resumed = await resume_due(tx, now=self._clock(), zone=self._zone, rng=self._rng)
        async with self._db.transaction() as tx:
            auto = await enrol_joined(tx, now=self._clock(), zone=self._zone, rng=self._rng)
        total = Planned()
        for _ in range(ROUNDS):
            async with self._db.transaction() as tx:
                done = await plan_on(tx, now=self._clock(), zone=self._zone, rng=self._rng)
            total = total.plus(done)
            if done.plans < AT_ONCE:
                break
        ended = await self._finish()
        if total.plans or resumed or ended or auto != AutoDone():
            log.info("planned", plans=total.plans, tasks=total.tasks, resumed=resumed, finished=ended, **asdict(auto))
        return total

    async def _finish(self) -> int:
        """Once an hour: it reads more than an index."""
        now = self._clock()
        hour = (now.toordinal(), now.hour)
        if hour == self._finished:
            return 0
        async with self._db.transaction() as tx:
            ended = await finish(tx, now=now)
        self._finished = hour
        return ended
