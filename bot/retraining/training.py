"""Training in the background: a child process does it, rows tell how far it is, and anybody may cancel it."""

import asyncio
import hashlib
import json
import os
import signal
import sys
from collections.abc import Callable, Sequence
from contextlib import suppress
from datetime import datetime, timedelta
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import structlog
from sqlalchemy import select, update
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncSession

from bot.dialogue.train import program
from bot.retraining.data import cut
from bot.retraining.inspection import inspect_data
from bot.retraining.rasa_yaml import write_examples
from bot.retraining.texts import RetrainingError, say
from records.database import Database
from records.model_version import RUN_MOVES, ModelArchive, ModelVersion, TrainingRun, TrainingSet
from records.state import created, move

log = structlog.get_logger(__name__)

ROOT = Path(__file__).parents[2]
# A run that showed no sign of life for so long has lost its process.
SILENCE = timedelta(seconds=60)
OPEN = ("waiting", "running")


async def start(tx: AsyncSession, root: Path, *, by: str, now: datetime) -> TrainingRun:
    """Cut the data set and line a training up; `run` then does it. Raises RetrainingError when the data or another training forbid it."""
    await bury_silent(tx, now)
    if wrong := (await inspect_data(tx, root)).refused:
        raise RetrainingError("bad_data", count=len(wrong), first=wrong[0].sentence)
    data = await cut(tx, root, by=by, now=now)
    run = TrainingRun(training_set_id=data.id, by=by, created_at=now)
    try:
        async with tx.begin_nested():
            tx.add(run)
    except IntegrityError as err:
        raise RetrainingError("already_training") from err
    created(tx, run, at=now, by=by)
    return run


async def cancel(tx: AsyncSession, *, by: str, now: datetime) -> TrainingRun:
    """End the training that waits or runs; its process ends within a second. Raises RetrainingError when there is none."""
    run = await tx.scalar(select(TrainingRun).where(TrainingRun.state.in_(OPEN)).with_for_update())
    if run is None:
        raise RetrainingError("not_training")
    run.cancel_by = by
    await tx.flush()
    if run.state == "waiting":
        await move(tx, run, "cancelled", moves=RUN_MOVES, at=now, by=by, ended_at=now)
    return run


async def latest(tx: AsyncSession) -> TrainingRun | None:
    """The last training, whatever became of it."""
    found: TrainingRun | None = await tx.scalar(select(TrainingRun).order_by(TrainingRun.id.desc()).limit(1))
    return found


async def bury_silent(tx: AsyncSession, now: datetime) -> None:
    """A training whose process is gone, with its machine or by a kill, has failed; another may begin."""
    for run in await tx.scalars(select(TrainingRun).where(TrainingRun.state == "running", TrainingRun.heard_at < now - SILENCE)):
        await move(tx, run, "failed", moves=RUN_MOVES, at=now, by="system", error=say("training.silent"), ended_at=now)


Seen = Callable[[float, str], None]


async def run(
    db: Database,
    run_id: int,
    root: Path,
    clock: Callable[[], datetime],
    *,
    on_progress: Seen = lambda done, step: None,
    child: Sequence[str] = (sys.executable, "-W", "ignore", "-m", "bot.retraining.child"),
    every: float = 0.5,
) -> TrainingRun:
    """Do a training that waits: at most once, however many try. The run as it ended; the process has ended with it, whatever happens.

    A cancelled task ends the process and the run as well.
    """
    async with db.transaction() as tx:
        row = await tx.get_one(TrainingRun, run_id)
        now = clock()
        if row.state != "waiting" or not await move(tx, row, "running", moves=RUN_MOVES, at=now, by=row.by, heard_at=now):
            return row
        data = await tx.get_one(TrainingSet, row.training_set_id)
        content = data.content
    told: dict[str, Any] = {}
    with TemporaryDirectory(prefix="careloop-training-") as folder:
        (Path(folder) / "data").mkdir()
        (Path(folder) / "data" / "nlu.yml").write_text(write_examples(content), encoding="utf-8")
        out = Path(folder) / "model.tar.gz"
        process = await asyncio.create_subprocess_exec(
            *child, str(root), f"{folder}/data", str(out), cwd=ROOT, start_new_session=True,
            stdin=asyncio.subprocess.DEVNULL, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.DEVNULL, limit=2**20,
        )  # fmt: skip
        try:
            cancelled = await _listen(db, run_id, process, told, clock, on_progress, every)
        except BaseException:
            await asyncio.shield(_end(db, run_id, "cancelled", clock, error=None))
            raise
        finally:
            _kill(process)
            await process.wait()
        if cancelled:
            return await _end(db, run_id, "cancelled", clock, error=None)
        if process.returncode != 0 or "metrics" not in told or not out.exists():
            return await _end(db, run_id, "failed", clock, error=told.get("error") or say("training.died", code=process.returncode))
        return await _keep(db, run_id, await asyncio.to_thread(out.read_bytes), told["metrics"], program(root), clock)


async def _listen(
    db: Database,
    run_id: int,
    process: asyncio.subprocess.Process,
    told: dict[str, Any],
    clock: Callable[[], datetime],
    on_progress: Seen,
    every: float,
) -> bool:
    """Write down what the process says, with a sign of life meanwhile; True as soon as somebody wants it to end."""
    lines = process.stdout
    if lines is None:
        raise OSError("no pipe")
    reading = asyncio.create_task(lines.readline())
    try:
        while True:
            await asyncio.wait({reading}, timeout=every)
            if process.returncode is not None:
                # What it has started may hold its pipe open, and would be waited for.
                _kill(process)
            if reading.done():
                line = reading.result()
                if not line:
                    await process.wait()
                    return False
                told.update(json.loads(line))
                reading = asyncio.create_task(lines.readline())
            values = {"heard_at": clock(), "progress": told.get("done", 0.0), "step": told.get("step", "starting")}
            async with db.transaction() as tx:
                cancel_by = await tx.scalar(
                    update(TrainingRun).where(TrainingRun.id == run_id).values(**values).returning(TrainingRun.cancel_by)
                )
            if cancel_by is not None:
                return True
            on_progress(values["progress"], values["step"])
    finally:
        reading.cancel()


def _kill(process: asyncio.subprocess.Process) -> None:
    """The process and whatever it has started: they are a group of their own."""
    with suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)


async def _end(db: Database, run_id: int, state: str, clock: Callable[[], datetime], *, error: str | None) -> TrainingRun:
    async with db.transaction() as tx:
        row = await tx.get_one(TrainingRun, run_id)
        now = clock()
        await move(tx, row, state, moves=RUN_MOVES, at=now, by=row.cancel_by or row.by, error=error, ended_at=now)
        return row


async def _keep(
    db: Database, run_id: int, content: bytes, metrics: dict[str, Any], made_for: str, clock: Callable[[], datetime]
) -> TrainingRun:
    """The model becomes a candidate, in the same transaction that ends the run."""
    async with db.transaction() as tx:
        row = await tx.get_one(TrainingRun, run_id)
        now = clock()
        version = ModelVersion(
            training_set_id=row.training_set_id,
            program=made_for,
            sha256=hashlib.sha256(content).hexdigest(),
            metrics=metrics,
            by=row.by,
            at=now,
        )
        tx.add(version)
        await tx.flush()
        created(tx, version, at=now, by=row.by)
        tx.add(ModelArchive(version_id=version.id, content=content))
        await tx.flush()
        await move(tx, row, "done", moves=RUN_MOVES, at=now, by=row.by, version_id=version.id, progress=1.0, step="ready", ended_at=now)
        log.info("dialogue model trained", version=version.id)
        return row
