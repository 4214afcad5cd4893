"""A training runs beside the service, says how far it is, can be cancelled, and leaves no process behind."""

import asyncio
import sys
from pathlib import Path

import psutil
import pytest
from sqlalchemy import func, select

from bot.retraining import training
from bot.retraining.queue import add_examples
from bot.retraining.texts import RetrainingError
from records.database import Database
from records.model_version import ModelArchive, ModelVersion, TrainingRun, TrainingSet
from records.state import StateChange
from tests.bot.test_cli import ROOT
from tests.retraining.conftest import NOW


def child(how: str, pids: Path) -> list[str]:
    return [sys.executable, str(Path(__file__).with_name("slow_child.py")), how, str(pids)]


def alive(pids: Path) -> list[int]:
    def runs(pid: int) -> bool:
        return psutil.pid_exists(pid) and psutil.Process(pid).status() != psutil.STATUS_ZOMBIE

    return [pid for pid in map(int, pids.read_text().split()) if runs(pid)]


async def started(db: Database) -> int:
    async with db.transaction() as tx:
        return (await training.start(tx, ROOT, by="lin", now=NOW)).id


async def test_a_training_becomes_a_candidate_with_its_data_and_figures(db: Database, tmp_path: Path) -> None:
    async with db.transaction() as tx:
        await add_examples(tx, [("那咱改天再唠哈", "goodbye")], by="lin", now=NOW, source="import")
    run_id, seen = await started(db), []
    run = await training.run(
        db, run_id, ROOT, lambda: NOW, child=child("good", tmp_path / "pids"), on_progress=lambda done, step: seen.append((done, step))
    )
    assert (run.state, run.progress) == ("done", 1.0)
    assert (0.3, "training") in seen
    async with db.transaction() as tx:
        version = await tx.get_one(ModelVersion, run.version_id)
        assert (version.state, version.by, version.metrics) == ("candidate", "lin", {"accuracy": [0.9, 0.88, 0.92]})
        assert (await tx.get_one(ModelArchive, version.id)).content == b"a model"
        data = await tx.get_one(TrainingSet, version.training_set_id)
        assert data.labelled == 1
        assert "那咱改天再唠哈" in data.content["goodbye"]
        moves = await tx.scalars(select(StateChange.new).where(StateChange.entity == "training_run").order_by(StateChange.id))
        assert list(moves) == ["waiting", "running", "done"]
    # Whoever comes late, a second worker or a repeated job, does not train again.
    again = await training.run(db, run_id, ROOT, lambda: NOW, child=child("break", tmp_path / "none"))
    assert again.state == "done"
    assert not (tmp_path / "none").exists()


async def test_only_one_at_a_time(db: Database) -> None:
    await started(db)
    with pytest.raises(RetrainingError, match="已经有一次训练"):
        await started(db)
    async with db.transaction() as tx:
        await training.cancel(tx, by="lin", now=NOW)
    await started(db)


async def test_cancelling_ends_the_process_and_all_that_it_started(db: Database, tmp_path: Path) -> None:
    run_id, pids = await started(db), tmp_path / "pids"
    running = asyncio.create_task(training.run(db, run_id, ROOT, lambda: NOW, child=child("hang", pids), every=0.05))
    async with asyncio.timeout(60):
        while not pids.exists() or len(pids.read_text().split()) < 2:  # noqa: ASYNC110 - another process writes it
            await asyncio.sleep(0.05)
    async with db.transaction() as tx:
        await training.cancel(tx, by="qin", now=NOW)
    run = await running
    assert run.state == "cancelled"
    assert alive(pids) == []
    async with db.transaction() as tx:
        last = (await tx.scalars(select(StateChange).order_by(StateChange.id.desc()).limit(1))).one()
        assert (last.new, last.by) == ("cancelled", "qin")
        assert await tx.scalar(select(func.count()).select_from(ModelVersion)) == 0


async def test_an_interrupted_command_leaves_nothing_behind(db: Database, tmp_path: Path) -> None:
    run_id, pids = await started(db), tmp_path / "pids"
    running = asyncio.create_task(training.run(db, run_id, ROOT, lambda: NOW, child=child("hang", pids), every=0.05))
    async with asyncio.timeout(60):
        while not pids.exists() or len(pids.read_text().split()) < 2:  # noqa: ASYNC110 - another process writes it
            await asyncio.sleep(0.05)
    running.cancel()
    await asyncio.gather(running, return_exceptions=True)
    assert alive(pids) == []
    async with db.transaction() as tx:
        assert (await tx.get_one(TrainingRun, run_id)).state == "cancelled"


async def test_a_failure_says_why(db: Database, tmp_path: Path) -> None:
    run = await training.run(db, await started(db), ROOT, lambda: NOW, child=child("break", tmp_path / "pids"))
    assert (run.state, run.error) == ("failed", "Rasa refuses")
    assert alive(tmp_path / "pids") == []


async def test_a_training_whose_machine_died_does_not_block_the_next(db: Database) -> None:
    run_id = await started(db)
    async with db.transaction() as tx:
        row = await tx.get_one(TrainingRun, run_id)
        row.state, row.heard_at = "running", NOW - training.SILENCE * 2
    await started(db)
    async with db.transaction() as tx:
        assert (await tx.get_one(TrainingRun, run_id)).state == "failed"


async def test_bad_data_are_not_learned(db: Database) -> None:
    async with db.transaction() as tx:
        await add_examples(tx, [("药吃了三天也不见效", "greet")], by="lin", now=NOW, source="import")
    with pytest.raises(RetrainingError, match=r"必须先改.*药吃了三天也不见效"):
        await started(db)
