"""The primary dies for good while families write, and its standby takes over: with both addresses, as docs/deployment.md tells, everybody
goes on by himself, and nothing is lost or done twice."""

import asyncio
from pathlib import Path
from random import Random

import pytest
from sqlalchemy import text

from bot import jobs
from bot.app import Core
from bot.clock import Clock
from bot.jobs import Job, defer
from bot.settings import Settings
from bot.worker import keep_engine
from records.database import Database
from tests.durability.books import findings, open_books
from tests.durability.families import families, farewell, introduce, plan_tasks, plant, talking, total
from tests.durability.hospital import open_hospital, settings, simulator_at
from tests.durability.pair import open_pair
from tests.durability.processes import Forked, Program
from tests.durability.test_healing import heard, say
from tests.keys import KEYRING

pytestmark = pytest.mark.durability

SEED = 20260302
FAMILIES, MESSAGES, TIMES = 30, 60, 5


async def test_pool_and_engine_find_the_server_that_took_over(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(jobs, "HEARTBEAT", 0.2)
    monkeypatch.setattr(jobs, "STALLED_AFTER", 1.0)
    async with open_pair(folder) as pair:
        database, over = Database(url=pair.url, pool_size=4, keyring=KEYRING), False

        async def work(key: str) -> None:
            nonlocal over
            if key == "2" and not over:
                over = True
                await asyncio.to_thread(pair.fail_over)
            await say(database, key)

        await database.open()
        await database.migrate()
        async with database.transaction() as tx:
            await tx.execute(text("create table said (words text)"))
            await defer(tx, [Job("work", key, lock="chat:1") for key in "123"])
        await pair.followed()
        engine = asyncio.create_task(keep_engine(Core(Settings(worker_concurrency=1), database, Clock()), {"work": work}))
        try:
            async with asyncio.timeout(120):
                # The job under which the server died is offered again when its worker is known to be dead, and its chat waits for it.
                while not set("123") <= set(said := await database.insist(lambda: heard(database))):  # noqa: ASYNC110 - others say it
                    await asyncio.sleep(0.1)
            assert over and [words for words in said if words != "2"] == ["1", "3"]
        finally:
            engine.cancel()
            await asyncio.gather(engine, return_exceptions=True)
            await database.close()


@pytest.mark.long
async def test_a_standby_takes_over_and_nothing_is_lost_or_doubled(folder: Path) -> None:
    rng, everybody = Random(SEED), families()[:FAMILIES]
    async with open_pair(folder) as pair:

        def roles(data: Path, simulator: int, gateway: int) -> dict[str, Program]:
            ours = settings(data, simulator) | {"CARELOOP_DATABASE_URL": pair.url, "CARELOOP_PORT": str(gateway)}
            made = [
                Program("simulator", simulator_at(simulator, gateway), {}, data),
                Program("gateway", ["bot", "gateway"], ours, data),
                *(Forked(name, ours, data, hurry=False) for name in ("worker-1", "worker-2")),
            ]
            return {program.name: program for program in made}

        async with open_hospital(folder, roles=roles, plant=plant, url=pair.url) as hospital:
            await introduce(hospital, everybody)
            await asyncio.gather(*(family.says(hospital, "你好") for family in everybody))
            await hospital.settle(total(everybody))
            planned = await hospital.ask(lambda tx: plan_tasks(tx, hospital.clock()))
            for number in range(TIMES):
                if number:
                    await asyncio.to_thread(pair.follow)
                await pair.followed()
                talk = asyncio.create_task(talking(hospital, everybody, rng, MESSAGES))
                await asyncio.sleep(0.5 + rng.random())
                await asyncio.to_thread(pair.fail_over)
                hospital.note("the standby has taken over")
                await talk
                await hospital.settle(total(everybody))
                hospital.note("everything is done")
            await farewell(hospital, everybody)
            books = await open_books(hospital, everybody)
            wrong = list(findings(books, everybody))
            assert not wrong, f"seed {SEED}, {len(wrong)} findings:\n" + "\n".join(wrong[:20]) + "\n" + hospital.logs()
            assert len(books.tasks) == planned and books.openings() and len(books.inbound) > MESSAGES * TIMES
            assert all(program.alive() for program in hospital.programs.values()), "nobody has to be started again"
