"""The job that adapts care: what happened to patients is heard by the rules, and once a day the clock."""

from collections.abc import Callable
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

import structlog
from sqlalchemy.ext.asyncio import AsyncSession

from plans.adaptation.apply import AT_ONCE, Adapted, adapt
from plans.adaptation.book import BookKeeper
from plans.adaptation.care import Actions, Care
from plans.adaptation.clock import clock_is_due, tick
from plans.adaptation.ready import RuleBook
from plans.adaptation.rule import shipped_rules
from records.adaptation import hold_back, waiting_patients
from records.database import Database, is_lost_connection

log = structlog.get_logger(__name__)

JOB = "adapt"
# One job hears so many, then the sweep makes the next, so that a long queue does not hold a worker's place for ever.
A_JOB = 6000
# How long a patient whose events cannot be taken in is left alone.
PAUSE = timedelta(hours=1)


class Adapter:
    """Takes in events, batch by batch. One at a time in the whole installation (the job's lock); each event exactly once.

    Raises AuthoringError for shipped rules that cannot be used.
    """

    def __init__(self, db: Database, clock: Callable[[], datetime], zone: ZoneInfo, actions: Actions | None = None) -> None:
        self._db, self._clock, self._zone = db, clock, zone
        self._actions: Actions = actions or Care()
        self._keeper = BookKeeper()
        self._told: dict[str, str] = {}
        # A mistake in the files stops the start with one sentence, not the first job.
        shipped_rules()

    async def run(self, key: str) -> None:
        """Hear what there is; in a batch that fails, patient by patient."""
        total = Adapted()
        while total.heard < A_JOB:
            adapted = await self._batch()
            total = total.plus(adapted)
            # What the rules did is heard too.
            if not adapted.heard:
                break
        if total.held_depth or total.held_many:
            # Rules that chase each other have passed the check: somebody has to look at them.
            log.error("rules were held back", depth=total.held_depth, many=total.held_many, fired=total.fired)

    async def tick(self) -> None:
        """Make the day's events of the clock, once its hour has come."""
        async with self._db.transaction() as tx:
            if await clock_is_due(tx, self._clock(), self._zone):
                await tick(tx, await self._book(tx), now=self._clock(), zone=self._zone)

    async def _batch(self) -> Adapted:
        try:
            return await self._hear(None)
        except Exception as err:
            if is_lost_connection(err):
                raise
        async with self._db.transaction() as tx:
            patients = await waiting_patients(tx, self._clock(), AT_ONCE)
        total = Adapted()
        for patient_id in patients:
            total = total.plus(await self._alone(patient_id))
        return total

    async def _hear(self, only: int | None) -> Adapted:
        async with self._db.transaction() as tx:
            book = await self._book(tx)
            return await adapt(tx, book, self._actions, now=self._clock(), zone=self._zone, only=only)

    async def _alone(self, patient_id: int) -> Adapted:
        """One patient; where even that fails, he waits, and the others go on."""
        try:
            return await self._hear(patient_id)
        except Exception as err:
            if is_lost_connection(err):
                raise
            log.error("events cannot be taken in", patient=patient_id, error=type(err).__name__, code=getattr(err, "code", None))
            async with self._db.transaction() as tx:
                await hold_back(tx, patient_id, self._clock() + PAUSE)
            return Adapted()

    async def _book(self, tx: AsyncSession) -> RuleBook:
        book = await self._keeper.book(tx, now=self._clock(), zone=self._zone)
        if self._keeper.broken != self._told:
            self._told = dict(self._keeper.broken)
            for key, why in self._told.items():
                log.error("a rule cannot be used", rule=key, why=why)
        return book
