"""Alive, ready, and what is counted: by each role, and for the worker by the process above it."""

import asyncio
import os
import signal
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from aiohttp import ClientSession, web
from aiohttp.test_utils import TestClient, TestServer
from prometheus_client.parser import text_string_to_metric_families
from pytest import MonkeyPatch

from bot import health, metrics
from bot.health import Readiness, add_health_routes
from bot.process import stopped
from bot.worker_health import HEALTH, asked, listening_socket, worker_health


@asynccontextmanager
async def role(readiness: Readiness, worker: str = "") -> AsyncIterator[ClientSession]:
    async def beside() -> str:
        return worker

    app = web.Application()
    add_health_routes(app, readiness.checks, readiness, beside=beside)
    async with TestClient(TestServer(app)) as client:
        yield client  # type: ignore[misc]


class Part:
    """Something that a role depends on."""

    def __init__(self) -> None:
        self.there = True
        self.hangs = False

    async def check(self) -> bool:
        if self.hangs:
            await asyncio.Event().wait()
        return self.there


async def test_ready_while_it_can_work_and_nobody_asked_it_to_end(monkeypatch: MonkeyPatch) -> None:
    monkeypatch.setattr(health, "PATIENCE", 0.05)
    database = Part()
    readiness = Readiness({"database": database.check})
    async with role(readiness) as client:

        async def looked() -> tuple[int, str]:
            answer = await client.get("/readyz")
            return answer.status, (await answer.json())["status"]

        assert await looked() == (200, "ready")
        database.there = False
        assert await looked() == (503, "unavailable")
        database.there, database.hangs = True, True
        assert await looked() == (503, "unavailable")
        database.hangs = False
        readiness.leave()
        assert await looked() == (503, "draining")
        # It is well all the same: nobody should kill it while it finishes.
        assert (await client.get("/healthz")).status == 200


async def test_asked_to_end_it_lingers_and_is_no_longer_ready() -> None:
    readiness = Readiness({})
    ending = asyncio.create_task(stopped(readiness.leave, linger=60))
    await asyncio.sleep(0)
    os.kill(os.getpid(), signal.SIGTERM)
    while not readiness.draining:  # noqa: ASYNC110 - a signal tells nobody else
        await asyncio.sleep(0.01)
    assert not ending.done()
    # Asked twice, it goes at once.
    os.kill(os.getpid(), signal.SIGTERM)
    await asyncio.wait_for(ending, 10)


async def test_a_worker_is_asked_by_the_process_above_it(monkeypatch: MonkeyPatch) -> None:
    made = listening_socket()
    port = made.getsockname()[1]
    monkeypatch.setenv(HEALTH, str(os.dup(made.fileno())))
    made.close()
    dialogue = Part()
    readiness = Readiness({"database": Part().check, "dialogue": dialogue.check})
    async with worker_health(readiness, "127.0.0.1", None):
        assert await asked(port, "/readyz") is not None
        dialogue.there = False
        assert await asked(port, "/readyz") is None and await asked(port, "/healthz") is not None
        told = await asked(port, "/metrics") or ""
    assert "careloop_turn_seconds" in told
    assert await asked(port, "/readyz") is None
    metrics.MESSAGES_OUT.labels("kf", "sent").inc(0)
    async with role(readiness, told) as client:
        both = await (await client.get("/metrics")).text()
    families = list(text_string_to_metric_families(both))
    assert len(families) == len({family.name for family in families})
    turns = next(family for family in families if family.name == "careloop_turn_seconds")
    assert {sample.labels.get("role") for sample in turns.samples} == {None, "worker"}


async def test_a_worker_that_nobody_asks_listens_nowhere() -> None:
    async with worker_health(Readiness({}), "127.0.0.1", None):
        assert HEALTH not in os.environ
