"""The database is killed under us: whoever waits for it starts it again, and what was begun is done once."""

import asyncio
import signal
from collections.abc import AsyncIterator
from pathlib import Path

import psutil
import pytest
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError

from bot import jobs
from bot.app import Core
from bot.clock import Clock
from bot.jobs import Job, defer
from bot.settings import Settings
from bot.worker import keep_engine
from records.database import Database, is_lost_connection
from tests.keys import KEYRING

pytestmark = pytest.mark.durability


@pytest.fixture
async def own(folder: Path) -> AsyncIterator[Database]:
    """A database whose server nobody else uses."""
    database = Database(folder=folder / "postgres", pool_size=4, keyring=KEYRING)
    await database.open()
    await database.migrate()
    async with database.transaction() as tx:
        await tx.execute(text("create table said (words text)"))
    yield database
    await database.close()
    assert database.embedded is not None
    await asyncio.to_thread(database.embedded.stop)


def kill_server(database: Database) -> int:
    """kill -9 for the server and all its processes; its former number."""
    assert database.embedded is not None
    server = psutil.Process(number(database))
    processes = [server, *server.children(recursive=True)]
    for process in processes:
        process.send_signal(signal.SIGKILL)
    psutil.wait_procs(processes, timeout=10)
    return server.pid


def number(database: Database) -> int:
    assert database.embedded is not None
    return int((database.embedded.folder / "postmaster.pid").read_text().split("\n", 1)[0])


async def say(database: Database, words: str) -> None:
    async with database.transaction() as tx:
        await tx.execute(text("insert into said values (:words)"), {"words": words})


async def heard(database: Database) -> list[str]:
    async with database.transaction() as tx:
        return list(await tx.scalars(text("select words from said order by words")))


async def test_healing_brings_a_killed_server_back_with_what_was_committed(own: Database) -> None:
    await say(own, "1")
    with pytest.raises(DBAPIError) as lost:
        async with own.transaction() as tx:
            await tx.execute(text("insert into said values ('not committed')"))
            kill_server(own)
    assert is_lost_connection(lost.value)
    assert not await own.ready()
    with pytest.raises(DBAPIError) as refused:
        await heard(own)
    assert is_lost_connection(refused.value)
    await own.heal()
    assert await heard(own) == ["1"]


async def test_many_who_heal_at_once_start_one_server_and_leave_a_living_one_alone(own: Database) -> None:
    before = kill_server(own)
    await asyncio.gather(*(own.heal() for _ in range(5)))
    started = number(own)
    assert started != before
    await own.heal()
    assert number(own) == started
    assert await heard(own) == []


async def test_a_step_that_is_insisted_upon_survives_two_deaths_and_is_done_once(own: Database) -> None:
    deaths = 0

    async def step() -> int:
        nonlocal deaths
        async with own.transaction() as tx:
            await tx.execute(text("insert into said values ('once')"))
            if deaths < 2:
                deaths += 1
                kill_server(own)
            return deaths

    assert await own.insist(step) == 2
    assert await heard(own) == ["once"]


async def test_the_engine_goes_on_after_its_server_was_killed_under_a_job(own: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(jobs, "HEARTBEAT", 0.2)
    monkeypatch.setattr(jobs, "STALLED_AFTER", 1.0)
    killed = False

    async def work(key: str) -> None:
        nonlocal killed
        if not killed:
            killed = True
            kill_server(own)
        await say(own, key)

    async def left() -> int:
        async with own.transaction() as tx:
            return int(await tx.scalar(text("select count(*) from procrastinate_jobs")) or 0)

    async def all_done() -> list[str]:
        async with asyncio.timeout(120):
            while True:
                if not await own.insist(left):
                    return await heard(own)
                await asyncio.sleep(0.1)

    engine = asyncio.create_task(keep_engine(Core(Settings(worker_concurrency=1), own, Clock()), {"work": work}))
    try:
        async with own.transaction() as tx:
            await defer(tx, [Job("work", "1", lock="chat:1"), Job("work", "2", lock="chat:1"), Job("work", "3")])
        # The job under which the server died is no more; the sweep makes it anew, and its chat is free for it.
        assert [words for words in await all_done() if words != "1"] == ["2", "3"]
        assert killed
        async with own.transaction() as tx:
            await defer(tx, [Job("work", "1 again", lock="chat:1")])
        assert "1 again" in await all_done()
    finally:
        engine.cancel()
        await asyncio.gather(engine, return_exceptions=True)
