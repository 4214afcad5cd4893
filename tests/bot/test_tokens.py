"""One access token for all processes: fetched once, renewed once, and never at the price of the connection pool."""

import asyncio
import itertools
import random
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

import aiohttp
import pytest
from aiohttp import web

from bot.clock import Clock
from bot.private import free_port, listening
from bot.tokens import DatabaseTokenStore
from integrations.wecom import kf
from integrations.wecom.client import WecomClient
from integrations.wecom.errors import WecomError
from integrations.wecom.simulator import SimClock, create_app, demo_config
from records.database import Database

NOW = datetime(2026, 3, 2, 1, 30, tzinfo=UTC)


@dataclass
class Wecom:
    """A simulated WeCom that counts the calls it serves, and processes that share one database and call it."""

    url: str
    clock: Clock
    calls: list[str] = field(default_factory=list)
    processes: list[WecomClient] = field(default_factory=list)
    fetching: asyncio.Event = field(default_factory=asyncio.Event)

    async def control(self, call: str, /, **body: Any) -> None:
        async with aiohttp.ClientSession() as session, session.post(f"{self.url}/sim/{call}", json=body) as answer:
            assert answer.status == 200, await answer.text()

    def fetched(self) -> int:
        return self.calls.count("/cgi-bin/gettoken")


async def quick(_: float) -> None:
    """A pause of the client, in no time."""


@asynccontextmanager
async def wecom_with(databases: list[Database]) -> AsyncIterator[Wecom]:
    clock, port = Clock(), free_port()
    config = demo_config()
    world = Wecom(f"http://127.0.0.1:{port}", clock)

    @web.middleware
    async def count(request: web.Request, handler: Callable[[web.Request], Awaitable[web.StreamResponse]]) -> web.StreamResponse:
        world.calls.append(request.path)
        if request.path == "/cgi-bin/gettoken":
            world.fetching.set()
        return await handler(request)

    app = create_app(config, clock=SimClock(), rng=random.Random(3))
    app.middlewares.append(count)
    async with listening(app, port), aiohttp.ClientSession() as session:
        for db in databases:
            store = DatabaseTokenStore(db)
            client = WecomClient(session, world.url, config.corp_id, config.apps[0].secret, store, clock, sleep=quick, rng=random.Random(5))
            world.processes.append(client)
        yield world


@pytest.fixture
async def wecom(db: Database) -> AsyncIterator[Wecom]:
    """Two processes."""
    other = Database(url=db.url, pool_size=2)
    await other.open()
    async with wecom_with([db, other]) as world:
        yield world
    await other.close()


async def list_accounts(wecom: Wecom, calls: int) -> None:
    """`calls` calls at once, shared evenly among the processes."""
    clients = wecom.processes
    found = await asyncio.gather(*(kf.account_list(clients[number % len(clients)]) for number in range(calls)))
    assert all(found)


async def test_thirty_calls_of_two_processes_fetch_one_token(wecom: Wecom) -> None:
    await list_accounts(wecom, 30)
    assert wecom.fetched() == 1
    # A third process that starts later finds the token.
    await list_accounts(wecom, 30)
    assert wecom.fetched() == 1


async def test_an_early_revocation_heals_with_one_refresh(wecom: Wecom) -> None:
    await list_accounts(wecom, 4)
    await wecom.control("tokens/revoke")
    await list_accounts(wecom, 30)
    assert wecom.fetched() == 2


async def test_a_token_is_renewed_once_before_it_expires(wecom: Wecom) -> None:
    await list_accounts(wecom, 2)
    # 7200 s less the 5 minutes' margin: WeCom still takes the token, and gives the same one again.
    wecom.clock.offset += timedelta(seconds=7000)
    await wecom.control("clock", advance=7000)
    await list_accounts(wecom, 30)
    assert wecom.fetched() == 2


async def test_a_slow_gettoken_leaves_the_pool_to_others(db: Database) -> None:
    small = Database(url=db.url, pool_size=1)
    await small.open()
    async with wecom_with([small]) as wecom:
        await wecom.control("faults", path="gettoken", delay=1.0)
        calls = asyncio.create_task(list_accounts(wecom, 30))
        await wecom.fetching.wait()
        # There are two connections; the fetch holds one, its 29 waiters none.
        assert await small.ready()
        assert not calls.done()
        await calls
    await small.close()


async def test_a_refused_secret_reaches_every_waiter_and_is_not_asked_again_at_once(wecom: Wecom) -> None:
    await wecom.control("faults", path="gettoken", errcode=40001)
    answers = await asyncio.gather(*(kf.account_list(wecom.processes[0]) for _ in range(10)), return_exceptions=True)
    assert {answer.code for answer in answers if isinstance(answer, WecomError)} == {"bad_secret"}
    assert wecom.fetched() == 1
    # A minute later the administrator has put it right.
    wecom.clock.offset += timedelta(seconds=61)
    await list_accounts(wecom, 2)


async def test_a_failed_renewal_leaves_the_store_usable(wecom: Wecom) -> None:
    await list_accounts(wecom, 2)
    await wecom.control("tokens/revoke")
    await wecom.control("faults", path="gettoken", http_status=500, times=8)
    answers = await asyncio.gather(*(kf.account_list(client) for client in wecom.processes), return_exceptions=True)
    assert {answer.code for answer in answers if isinstance(answer, WecomError)} == {"unreachable"}
    await list_accounts(wecom, 2)


async def test_a_caller_that_goes_away_does_not_take_the_fetch_along(db: Database) -> None:
    store, begun, go = DatabaseTokenStore(db), asyncio.Event(), asyncio.Event()

    async def fetch() -> tuple[str, int]:
        begun.set()
        await go.wait()
        return "fresh", 7200

    first = asyncio.create_task(store.refresh("k", None, fetch, NOW))
    second = asyncio.create_task(store.refresh("k", None, fetch, NOW))
    await begun.wait()
    first.cancel()
    go.set()
    assert await second == "fresh"


async def test_whoever_joins_a_fetch_does_not_get_the_token_he_complains_of(db: Database) -> None:
    """A process that starts (it has no token yet) finds in the table the very token that WeCom has just refused."""
    store = DatabaseTokenStore(db)

    async def fetch() -> tuple[str, int]:
        return f"token-{next(numbers)}", 7200

    numbers = itertools.count(1)
    assert await store.refresh("k", None, fetch, NOW) == "token-1"
    fresh_process = DatabaseTokenStore(db)
    starting, refused = await asyncio.gather(
        fresh_process.refresh("k", None, fetch, NOW), fresh_process.refresh("k", "token-1", fetch, NOW)
    )
    assert (starting, refused) == ("token-1", "token-2")
