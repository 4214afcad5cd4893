"""A rolling upgrade: the version before the newest migrations and this one at work on one database, while families write and workers die.

CARELOOP_LONG=1 CARELOOP_OLDER=v0.3.0 python -m pytest tests/durability/test_two_versions.py
"""

import asyncio
import io
import os
import subprocess
import sys
import tarfile
from datetime import datetime
from pathlib import Path
from random import Random

import pytest
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

from bot.app import POSTGRES_FOLDER
from bot.job_kinds import strangers
from bot.jobs import Job, defer
from records.embedded import EmbeddedServer
from records.migrating import MIGRATIONS
from tests.durability.books import findings, open_books
from tests.durability.families import families, farewell, introduce, plan_tasks, talking, total
from tests.durability.hospital import open_hospital, settings, simulator_at
from tests.durability.newer import KIND
from tests.durability.processes import ROOT, Program

pytestmark = [pytest.mark.durability, pytest.mark.long]

SEED, MESSAGES = 20260302, 40
# In the tree of the older version: its own schema and families.
PLANT = """
import asyncio, importlib, importlib.util, sys
from datetime import UTC, datetime
from records.database import Database
from tests.durability.families import plant

async def main():
    # Before names were sealed nobody had keys.
    sealed = importlib.util.find_spec("tests.keys") is not None
    database = Database(url=sys.argv[1], **({"keyring": importlib.import_module("tests.keys").KEYRING} if sealed else {}))
    await database.open()
    await database.migrate()
    async with database.transaction() as tx:
        await plant(tx, datetime.now(UTC))
    await database.close()

asyncio.run(main())
"""


def git(*arguments: str) -> bytes:
    return subprocess.run(["git", *arguments], cwd=ROOT, check=True, capture_output=True).stdout


def older_version() -> str:
    """The newest commit from whose schema the migrations lead to this one; or the one that CARELOOP_OLDER names. Skips without history."""
    known = sorted(path.name for path in MIGRATIONS.glob("versions/[0-9]*.py"))
    try:
        if named := os.environ.get("CARELOOP_OLDER"):
            return git("rev-parse", "--short", "--verify", named).decode().strip()
        for commit in git("log", "--first-parent", "--format=%h", "--", "records/migrations/versions").decode().split():
            there = git("ls-tree", "--name-only", f"{commit}^:records/migrations/versions").decode().split()
            migrations = sorted(name for name in there if name[0].isdigit())
            if migrations != known and migrations == known[: len(migrations)]:
                return git("rev-parse", "--short", f"{commit}^").decode().strip()
    except (OSError, subprocess.CalledProcessError) as err:
        pytest.skip(f"there is no history to take an older version from: {err}")
    pytest.skip("no older version in this history has a schema that leads here")


def unpack(commit: str, into: Path) -> None:
    """Its sources. Blocking."""
    with tarfile.open(fileobj=io.BytesIO(git("archive", commit))) as archive:
        archive.extractall(into, filter="data")


def run(tree: Path, url: str, data: Path, *arguments: str) -> None:
    """A program of that version, to its end. Blocking."""
    environment = os.environ | {"CARELOOP_DATABASE_URL": url, "CARELOOP_DATA_DIR": str(data)}
    subprocess.run([sys.executable, *arguments], cwd=tree, env=environment, check=True)


async def _planted_already(tx: AsyncSession, now: datetime) -> None:
    """The older version has done it."""


async def _at_it(tx: AsyncSession) -> list[int]:
    """The workers that have a job in hand."""
    return list(
        await tx.scalars(text("select distinct worker_id from procrastinate_jobs where status = 'doing' and worker_id is not null"))
    )


async def test_old_and_new_work_side_by_side(folder: Path) -> None:
    older, data, rng, everybody = folder / "older", folder / "data", Random(SEED), families()[:20]
    commit = await asyncio.to_thread(older_version)
    await asyncio.to_thread(unpack, commit, older)
    url = await asyncio.to_thread(EmbeddedServer(data / POSTGRES_FOLDER).ensure)
    await asyncio.to_thread(run, older, url, data, "-c", PLANT, url)
    newer: dict[str, Program] = {}

    def roles(_: Path, simulator: int, gateway: int) -> dict[str, Program]:
        ours = settings(data, simulator) | {"CARELOOP_DATABASE_URL": url, "CARELOOP_MIGRATE": "false", "CARELOOP_PORT": str(gateway)}
        worker = ("bot", "worker", "--no-dialogue")
        lines = {"gateway": ["bot", "gateway"], "worker-1": [*worker], "worker-2": [*worker]}
        newer["gateway"] = Program("new-gateway", lines["gateway"], ours, folder)
        for name in ("worker-1", "worker-2"):
            newer[name] = Program(f"new-{name}", ["tests.durability.newer", *worker[1:]], ours, folder)
        old = {name: Program(f"old-{name}", line, ours, folder, tree=older) for name, line in lines.items()}
        return {"simulator": Program("simulator", simulator_at(simulator, gateway), {}, folder)} | old

    async with open_hospital(data, roles=roles, plant=_planted_already, url=url, migrate=False) as hospital:
        hospital.note(f"{commit} and what is newer")
        old = dict(hospital.programs)

        async def talk() -> None:
            await talking(hospital, everybody, rng, MESSAGES)

        async def replaced(name: str) -> None:
            """Asked to end, as in a rolling upgrade, and the new version in its place."""
            assert await asyncio.to_thread(old[name].stop), old[name].tail()
            hospital.programs[name] = newer[name]
            newer[name].start()

        await introduce(hospital, everybody)
        await asyncio.gather(*(family.says(hospital, "你好") for family in everybody))
        await hospital.settle(total(everybody))
        async with asyncio.TaskGroup() as meanwhile:
            meanwhile.create_task(talk())
            meanwhile.create_task(asyncio.to_thread(run, ROOT, url, data, "-m", "bot", "migrate", "--before"))
        planned = await hospital.ask(lambda tx: plan_tasks(tx, hospital.clock()))
        await hospital.settle(total(everybody))

        if patient := "BEFORE" in (older / "bot" / "jobs.py").read_text("utf-8"):
            # A kind of work that only the new version knows is left alone by the old one; before it had queues of its own it was not.
            await hospital.ask(lambda tx: defer(tx, [Job(KIND, "1")]))
        await talk()

        async def all_but_that() -> bool:
            left = await hospital.ask(hospital.left_to_do)
            return left.pop("stored") >= total(everybody) and left.pop("jobs") == patient and not any(left.values())

        await hospital.until(all_but_that, "the old version has done all but what it does not know")
        assert (await hospital.ask(strangers)).get(KIND, 0) == patient

        async with asyncio.TaskGroup() as meanwhile:
            meanwhile.create_task(talk())
            meanwhile.create_task(replaced("worker-2"))
        await hospital.all_at_work()
        took: set[int] = set()

        async def both_take_part() -> bool:
            await rng.choice(everybody).says(hospital, "今天挺好的")
            took.update(await hospital.ask(_at_it))
            return len(took) == 2

        await hospital.until(both_take_part, "both versions take from the same work")
        # Side by side, each takes up what the other leaves when it dies.
        for dies in ("worker-1", "worker-2"):
            async with asyncio.TaskGroup() as meanwhile:
                meanwhile.create_task(talk())
                await asyncio.sleep(0.3 + rng.random())
                hospital.kill(hospital.programs[dies])
            await hospital.all_at_work()
        await hospital.settle(total(everybody))
        for name in ("worker-1", "gateway"):
            async with asyncio.TaskGroup() as meanwhile:
                meanwhile.create_task(talk())
                meanwhile.create_task(replaced(name))
        await asyncio.to_thread(run, ROOT, url, data, "-m", "bot", "migrate")
        await talk()
        await hospital.settle(total(everybody))
        await farewell(hospital, everybody)

        books = await open_books(hospital, everybody)
        wrong = list(findings(books, everybody))
        assert not wrong, f"{commit}, seed {SEED}, {len(wrong)} findings:\n" + "\n".join(wrong[:20]) + "\n" + hospital.logs()
        assert len(books.tasks) == planned and books.openings() and books.flags and len(books.inbound) > 6 * MESSAGES
        told = [program.log.read_text("utf-8", "replace") for program in newer.values() if program.log.exists()]
        assert sum(words.count(f"{KIND} 1 done") for words in told) == patient
