"""The job engine: whoever works is found, whoever died is relieved of his jobs."""

import asyncio
import os
import subprocess
import sys
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from procrastinate.manager import JobManager
from sqlalchemy import text

from bot import jobs
from bot.app import Core
from bot.clock import Clock
from bot.job_kinds import KINDS, strangers
from bot.jobs import Engine, Handler, Job, defer, workers_alive
from bot.process import end
from bot.settings import Settings
from bot.worker import keep_engine
from records.database import Database
from tests.bot.stage import open_stage

ROOT = Path(__file__).parent.parent.parent

# A worker that takes one job and never ends it.
HANGING = """
import asyncio, sys
from bot import jobs
jobs.HEARTBEAT, jobs.STALLED_AFTER = 0.2, 1.0
async def work(key): await asyncio.Event().wait()
asyncio.run(jobs.Engine(sys.argv[1], {"work": work}, concurrency=1).run())
"""


@pytest.fixture(autouse=True)
def short_lives(monkeypatch: pytest.MonkeyPatch) -> None:
    """The dead are known to be dead after a second."""
    monkeypatch.setattr(jobs, "HEARTBEAT", 0.2)
    monkeypatch.setattr(jobs, "STALLED_AFTER", 1.0)


async def deferred(db: Database, *keys: str, lock: str = "") -> None:
    async with db.transaction() as tx:
        await defer(tx, [Job("work", key, lock=lock) for key in keys])


async def status(db: Database) -> list[tuple[str, str]]:
    async with db.transaction() as tx:
        rows = await tx.execute(text("select args->>'key', status::text from procrastinate_jobs order by id"))
        return [(key, state) for key, state in rows]


async def listening(db: Database) -> bool:
    """Whether an engine hears of new jobs: what came before would be found by its own look alone."""
    hears = "select exists (select from pg_stat_activity where datname = current_database() and query ilike 'listen %')"
    async with db.transaction() as tx:
        return bool(await tx.scalar(text(hears)))


async def until(true: Callable[[], bool | Awaitable[bool]]) -> None:
    """Wait for what must come."""
    async with asyncio.timeout(60):
        while True:
            found = true()
            if found if isinstance(found, bool) else await found:
                return
            await asyncio.sleep(0.05)


@contextmanager
def hanging_worker(db: Database) -> Iterator[subprocess.Popen[bytes]]:
    worker = subprocess.Popen([sys.executable, "-c", HANGING, db.url], cwd=ROOT, env=os.environ | {"PYTHONPATH": str(ROOT)})
    try:
        yield worker
    finally:
        worker.kill()
        worker.wait()


@asynccontextmanager
async def working(db: Database, handler: Handler, *, concurrency: int = 2) -> AsyncIterator[asyncio.Task[None]]:
    async with running(db, {"work": handler}, concurrency=concurrency) as engine:
        yield engine


@asynccontextmanager
async def running(db: Database, handlers: dict[str, Handler], *, concurrency: int = 2) -> AsyncIterator[asyncio.Task[None]]:
    engine = asyncio.create_task(Engine(db.url, handlers, concurrency=concurrency).run())
    try:
        yield engine
    finally:
        engine.cancel()
        await asyncio.gather(engine, return_exceptions=True)


async def test_a_dead_workers_job_is_given_to_the_living_and_its_chat_goes_on(db: Database) -> None:
    done: list[str] = []

    async def work(key: str) -> None:
        done.append(key)

    await deferred(db, "first", "second", lock="chat:1")

    async def taken() -> bool:
        return ("first", "doing") in await status(db)

    with hanging_worker(db) as worker:
        await until(taken)
        async with working(db, work):
            # While it lives, its chat is its own.
            await deferred(db, "other")
            await until(lambda: done == ["other"])
            async with db.transaction() as tx:
                assert await workers_alive(tx) == 2
            worker.kill()
            await until(lambda: done == ["other", "first", "second"])

            async def alone() -> bool:
                async with db.transaction() as tx:
                    return await workers_alive(tx) == 1

            await until(alone)
    assert await status(db) == []


async def test_the_rescue_outlives_a_moment_without_connections(db: Database) -> None:
    """The worker's own connections are cut, the rescue's with them; a job that hung on a dead worker is freed all the same."""
    done: list[str] = []

    async def work(key: str) -> None:
        done.append(key)

    core = Core(Settings(worker_concurrency=2), db, Clock())
    engine = asyncio.create_task(keep_engine(core, {"work": work}))
    try:
        await deferred(db, "before")
        await until(lambda: done == ["before"])
        async with db.transaction() as tx:
            # As a worker leaves it that died at this very moment.
            await tx.execute(text("insert into procrastinate_workers (last_heartbeat) values (now())"))
            await defer(tx, [Job("work", "hung", lock="chat:1"), Job("work", "behind", lock="chat:1")])
            await tx.execute(
                text(
                    "update procrastinate_jobs set status = 'doing', worker_id = (select max(id) from procrastinate_workers)"
                    " where args->>'key' = 'hung'"
                )
            )
        async with db.transaction() as tx:
            await tx.execute(
                text(
                    "select pg_terminate_backend(pid) from pg_stat_activity where datname = current_database() and pid <> pg_backend_pid()"
                )
            )
        await until(lambda: done == ["before", "hung", "behind"])
    finally:
        engine.cancel()
        await asyncio.gather(engine, return_exceptions=True)


async def test_a_worker_that_starts_takes_over_from_the_dead_before_anything_else(db: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(jobs, "HEARTBEAT", 10_000.0)
    done: list[str] = []

    async def work(key: str) -> None:
        done.append(key)

    await deferred(db, "hung", "behind", lock="chat:1")
    async with db.transaction() as tx:
        await tx.execute(text("insert into procrastinate_workers (last_heartbeat) values (now() - interval '1 hour')"))
        hung = "status = 'doing', worker_id = (select max(id) from procrastinate_workers)"
        await tx.execute(text(f"update procrastinate_jobs set {hung} where args->>'key' = 'hung'"))  # noqa: S608 - our own words
    async with working(db, work):
        await until(lambda: done == ["hung", "behind"])


async def test_a_worker_that_was_given_up_while_it_lived_works_again(db: Database) -> None:
    """A machine that slept, or was cut off: the others have struck its worker off and taken its jobs."""
    done: list[str] = []

    async def work(key: str) -> None:
        done.append(key)

    engine = asyncio.create_task(keep_engine(Core(Settings(worker_concurrency=2), db, Clock()), {"work": work}))
    try:
        await deferred(db, "before")
        await until(lambda: done == ["before"])
        async with db.transaction() as tx:
            await tx.execute(text("delete from procrastinate_workers"))
        await deferred(db, "after")
        await until(lambda: done == ["before", "after"])
        async with db.transaction() as tx:
            assert await workers_alive(tx) == 1
    finally:
        engine.cancel()
        await asyncio.gather(engine, return_exceptions=True)


async def test_a_job_that_fails_frees_its_chat(db: Database) -> None:
    done: list[str] = []

    async def work(key: str) -> None:
        if key == "bad":
            raise ValueError("a mistake")
        done.append(key)

    async with working(db, work):
        await deferred(db, "bad", "good", lock="chat:1")
        await until(lambda: done == ["good"])


async def test_a_job_begins_as_soon_as_its_lock_is_free(db: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(jobs, "LOOK_EVERY", 600.0)
    done: list[str] = []
    begun, may_end = asyncio.Event(), asyncio.Event()

    async def work(key: str) -> None:
        begun.set()
        if key == "first":
            await may_end.wait()
        done.append(key)

    async with working(db, work):
        await until(partial(listening, db))
        await deferred(db, "first", lock="chat:1")
        await until(begun.is_set)
        await deferred(db, "second", lock="chat:1")
        # The engine has heard of the second and found it locked before the first ends.
        await deferred(db, "other", lock="chat:2")
        await until(lambda: done == ["other"])
        may_end.set()
        await until(lambda: done == ["other", "first", "second"])


async def test_a_job_that_comes_during_a_look_is_not_forgotten(db: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(jobs, "LOOK_EVERY", 600.0)
    look, late = JobManager.fetch_job, ["late"]

    async def slow(manager: JobManager, *args: Any, **kwargs: Any) -> Any:
        found = await look(manager, *args, **kwargs)
        if found is None and done == ["early"] and late:
            await deferred(db, late.pop())
            await asyncio.sleep(0.3)
        return found

    monkeypatch.setattr(JobManager, "fetch_job", slow)
    done: list[str] = []

    async def work(key: str) -> None:
        done.append(key)

    async with working(db, work):
        await until(partial(listening, db))
        await deferred(db, "early", lock="chat:1")
        await until(lambda: done == ["early", "late"])


async def test_an_engine_that_is_stopped_while_it_starts_leaves_nothing_running(db: Database) -> None:
    for turns in (1, 2, 5, 20, 100):
        before = asyncio.all_tasks()
        engine = asyncio.create_task(Engine(db.url, {}, concurrency=1).run())
        for _ in range(turns):
            await asyncio.sleep(0)
        engine.cancel()
        await asyncio.gather(engine, return_exceptions=True)
        assert asyncio.all_tasks() == before, f"cancelled after {turns} turns of the loop"


async def test_an_engine_that_is_asked_to_stop_while_it_starts_ends(database_url: str) -> None:
    """At whatever moment: one of them is where a cancellation gets lost."""
    moments = [0.004 * number for number in range(12)]
    engines = [asyncio.create_task(Engine(database_url, {}, concurrency=1).run()) for _ in moments]
    async with asyncio.timeout(60):
        for engine, moment in zip(engines, moments, strict=True):
            await asyncio.sleep(moment)
            await end([engine], patience=1)
    assert all(engine.done() for engine in engines)


async def test_who_does_not_hear_that_he_is_to_stop_is_asked_again() -> None:
    asked = 0

    async def deaf() -> None:
        nonlocal asked
        while asked < 2:
            try:
                await asyncio.Event().wait()
            except asyncio.CancelledError:
                asked += 1

    async def broken() -> None:
        try:
            await asyncio.Event().wait()
        finally:
            raise OSError("the database is away")

    tasks = [asyncio.create_task(deaf()), asyncio.create_task(broken())]
    await asyncio.sleep(0)
    await end(tasks, patience=0.01)
    assert asked == 2 and all(task.done() for task in tasks)


async def test_an_older_worker_leaves_a_new_kind_of_job_to_a_newer_one(db: Database) -> None:
    old, new = list[str](), list[str]()

    async def done(kind: str, by: list[str], key: str) -> None:
        by.append(f"{kind} {key}")

    async with db.transaction() as tx:
        # What the newer version has deferred: one kind that both know, one that the older does not.
        await defer(tx, [Job("work", "1"), Job("new_kind", "2", lock="chat:1"), Job("work", "3", lock="chat:2")])
        # And what is left of a version that knew one queue for all.
        await tx.execute(text("update procrastinate_jobs set queue_name = 'default' where args->>'key' = '3'"))

    async def left() -> bool:
        return await status(db) == [("2", "todo")]

    older = {"work": partial(done, "work", old)}
    async with running(db, older):
        await until(lambda: len(old) == 2)
        async with db.transaction() as tx:
            await defer(tx, [Job("work", "4")])
        await until(lambda: len(old) == 3)
        await until(left)
        async with db.transaction() as tx:
            assert await strangers(tx) == {"new_kind": 1}
        # Both versions side by side.
        async with running(db, {**older, "new_kind": partial(done, "new", new)}):
            await until(lambda: bool(new))
    assert new == ["new 2"]


async def test_a_worker_that_is_asked_to_end_finishes_what_it_holds_and_takes_nothing_new(db: Database) -> None:
    begun, go_on, done = asyncio.Event(), asyncio.Event(), list[str]()

    async def work(key: str) -> None:
        begun.set()
        await go_on.wait()
        done.append(key)

    engine = asyncio.create_task(Engine(db.url, {"work": work}, concurrency=2, patience=30).run())
    await deferred(db, "1")
    await begun.wait()
    engine.cancel()
    await asyncio.sleep(0)
    await deferred(db, "2")
    go_on.set()
    await asyncio.gather(engine, return_exceptions=True)
    assert done == ["1"] and await status(db) == [("2", "todo")]


async def test_every_kind_of_job_is_known_by_name(db: Database) -> None:
    async with open_stage(db, None, Path("/nonexistent")) as stage:
        assert set(stage.handlers) == KINDS
