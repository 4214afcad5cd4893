"""Due follow-ups, by families in batches: each batch one transaction, and a family that raises goes alone and is set aside."""

import asyncio
from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from random import Random, SystemRandom
from time import monotonic

import structlog
from sqlalchemy import exists, select
from sqlalchemy.ext.asyncio import AsyncSession

from bot.family_round import FamilyRound
from bot.give_way import Way
from bot.jobs import BULK, NORMAL
from bot.reach import Means
from bot.turn import TurnTaker
from plans.family import LANES, Key, due_families, family_of, read_families, set_aside
from records.care_plan import Task
from records.database import Database, is_lost_connection
from records.message import Inbound

log = structlog.get_logger(__name__)

# So many families share a transaction: enough that reading and writing cost little for each, few enough that it is short.
FAMILIES = 50
# A family that raised is looked at again after this, so that it cannot stop the line.
ASIDE = timedelta(minutes=10)
# A lane's job ends after so long, so that others of its worker get their turn; the sweep makes the next one.
STINT = 5.0
# While messages of families wait to be answered, a batch waits so long for them, at most.
GIVE_WAY, GIVE_WAY_STEP = 0.5, 0.05


class FollowUps:
    """Runs what is due. A repeat finds the follow-ups moved and does nothing."""

    def __init__(
        self,
        db: Database,
        turns: TurnTaker,
        clock: Callable[[], datetime],
        means: Means,
        rng: Random | None = None,
        *,
        way: Way | None = None,
    ) -> None:
        self._db, self._turns, self._clock, self._means, self._way = db, turns, clock, means, way or Way()
        self._rng = rng or SystemRandom()

    async def run(self, key: str) -> None:
        """Do what is due for the family of task `key`: open it, announce it, remind, or end it. Raises what went wrong."""
        async with self._db.transaction() as tx:
            task = await tx.get(Task, int(key))
            family = await family_of(tx, task) if task is not None else None
        if family is not None:
            await self._batch([family], NORMAL)

    async def run_lane(self, key: str) -> None:
        """Do what is due for the families of lane `key`, batch by batch, until nothing is or the stint is over."""
        begun, seen = monotonic(), set[Key]()
        while monotonic() - begun < STINT:
            async with self._db.transaction() as tx:
                keys = await due_families(tx, self._clock(), most=2 * FAMILIES * LANES, lane=int(key))
            # One that was looked at and is still due, because somebody is working on its chat, is the next job's.
            left = [family for family in keys if family not in seen][:FAMILIES]
            if not left:
                return
            seen.update(left)
            try:
                async with self._way.batch():
                    await self._batch(left, BULK)
            except Exception as err:
                if is_lost_connection(err):
                    raise
                log.error("follow-ups failed, each family goes alone", families=len(left), error=type(err).__name__)
                await self._each_alone(left)
            await self._give_way()

    async def _each_alone(self, keys: Sequence[Key]) -> None:
        for key in keys:
            try:
                await self._batch([key], BULK)
            except Exception as err:
                if is_lost_connection(err):
                    raise
                log.error("follow-up failed", carer=key.carer_id, patient=key.patient_id, error=type(err).__name__)

    async def _batch(self, keys: Sequence[Key], priority: int) -> None:
        """One transaction over these families. One that raises alone is set aside."""
        now, chats = self._clock(), list[int]()
        try:
            async with self._db.transaction() as tx:
                families = await read_families(tx, keys, now)
                chats += [family.chat.id for family in families if family.chat is not None]
                await FamilyRound(tx, families, turns=self._turns, means=self._means, now=now, priority=priority, rng=self._rng).run()
        except Exception as err:
            for chat in chats:
                self._turns.forget(chat)
            if len(keys) == 1 and not is_lost_connection(err) and getattr(err, "permanent", True):
                async with self._db.transaction() as tx:
                    await set_aside(tx, keys, now + ASIDE, now)
            raise

    async def _give_way(self) -> None:
        """Families who are talking go first."""
        waited = 0.0
        while waited < GIVE_WAY and await self._somebody_waits():
            await asyncio.sleep(GIVE_WAY_STEP)
            waited += GIVE_WAY_STEP

    async def _somebody_waits(self) -> bool:
        async with self._db.transaction() as tx:
            return await _messages_wait(tx)


async def _messages_wait(tx: AsyncSession) -> bool:
    return bool(await tx.scalar(select(exists().where(Inbound.state == "new"))))
