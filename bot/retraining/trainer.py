"""Trainings and comparisons as jobs of a worker, one at a time; each ends in a row, and a repeat finds it."""

from collections.abc import Callable
from datetime import datetime
from pathlib import Path

from sqlalchemy.ext.asyncio import AsyncSession

from bot.jobs import BULK, Job, defer
from bot.retraining import compare, training
from bot.retraining.apart import in_a_process
from bot.retraining.texts import RetrainingError
from records.database import Database
from records.model_version import ModelComparison, TrainingRun

TRAIN, COMPARE = "train", "compare_models"


async def ask_to_train(tx: AsyncSession, root: Path, *, by: str, now: datetime) -> TrainingRun:
    """Let a worker train on the data as they are now. Raises RetrainingError."""
    run = await training.start(tx, root, by=by, now=now)
    await defer(tx, [Job(TRAIN, str(run.id), lock=TRAIN)], priority=BULK)
    return run


async def ask_to_compare(tx: AsyncSession, version_id: int, *, by: str, now: datetime) -> ModelComparison:
    """Let a worker compare a version with what is live. Raises RetrainingError."""
    row = await compare.ask(tx, version_id, by=by, now=now)
    await defer(tx, [Job(COMPARE, str(row.id), lock=TRAIN)], priority=BULK)
    return row


class Trainer:
    """Does them. Models are fetched into `folder`."""

    def __init__(self, db: Database, root: Path, folder: Path, clock: Callable[[], datetime]) -> None:
        self._db, self._root, self._folder, self._clock = db, root, folder, clock

    async def train(self, key: str) -> None:
        """The training whose id is `key`; what comes of it is compared at once, for that is what everybody wants next."""
        run = await training.run(self._db, int(key), self._root, self._clock)
        if run.version_id is not None:
            async with self._db.transaction() as tx:
                await ask_to_compare(tx, run.version_id, by=run.by, now=self._clock())

    async def compare(self, key: str) -> None:
        """The comparison whose id is `key`; one that cannot be done has failed and says why."""
        try:
            await compare.do(self._db, int(key), self._root, self._folder, self._clock, apart=in_a_process)
        except RetrainingError:
            return
