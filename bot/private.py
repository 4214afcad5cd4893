"""A whole installation in one process and a throw-away database: for `replay` and for the benchmarks."""

import asyncio
import random
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import aiohttp
from aiohttp import web

from bot.app import Core, wecom_client
from bot.clock import Clock
from bot.demo import demo_people, plant
from bot.jobs import Engine
from bot.ocr import OcrProcess
from bot.sandbox import SimulatorControl
from bot.settings import Settings, WecomSettings
from bot.sweep import sweep
from bot.turn import Talker, TurnTaker
from bot.web import gateway_app
from bot.worker import compose
from integrations.wecom.simulator import SimClock, create_app, demo_config
from records.database import Database
from records.keyring import KeyFile, Keyring


@dataclass
class Installation:
    """A running installation and the simulator it talks to."""

    core: Core
    session: aiohttp.ClientSession
    simulator: str
    gateway: str
    account: str
    turns: TurnTaker

    async def control(self, method: str, path: str, **body: Any) -> Any:
        """Call the simulator's control API. Raises aiohttp.ClientResponseError."""
        async with self.session.request(method, f"{self.simulator}/sim/{path}", json=body or None, raise_for_status=True) as answer:
            return await answer.json()


def free_port() -> int:
    """A port that nobody listens on at the moment, below those that the system gives to outgoing connections, which could take it first.

    Raises OSError when there is none.
    """
    choose = random.SystemRandom()
    for _ in range(100):
        port = choose.randrange(10_000, 32_768)
        with socket.socket() as probe:
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
        return port
    raise OSError("no free port on the loopback address")


@asynccontextmanager
async def listening(app: web.Application, port: int) -> AsyncIterator[None]:
    """Serve `app` on the loopback address."""
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=1)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", port).start()
    try:
        yield
    finally:
        await runner.cleanup()


def keys_of(db: Database) -> str:
    """Where a throw-away database's keys are, for processes beside this one."""
    return db.keyring.store.where if db.keyring is not None else ""


@asynccontextmanager
async def throw_away_database(*, pool_size: int = 12) -> AsyncIterator[Database]:
    """An embedded, migrated database in a temporary folder, gone with its server at the end."""
    with TemporaryDirectory(prefix="careloop-") as folder:
        keyring = Keyring(KeyFile(Path(folder) / "keyring", own=True))
        db = Database(folder=Path(folder) / "postgres", pool_size=pool_size, application="careloop-private", keyring=keyring)
        await db.open()
        try:
            await db.migrate()
            await db.take_up_keys()
            yield db
        finally:
            await db.close()
            if db.embedded is not None:
                await asyncio.to_thread(db.embedded.stop)


@asynccontextmanager
async def installation(talker: Talker | None, *, concurrency: int = 16) -> AsyncIterator[Installation]:
    """Database (embedded, in a temporary folder), simulator, gateway, engine and sweep, with the demo people in it."""
    async with throw_away_database() as db, _running(db, talker, concurrency) as running:
        yield running


@asynccontextmanager
async def _running(db: Database, talker: Talker | None, concurrency: int) -> AsyncIterator[Installation]:
    gateway_port, simulator_port = free_port(), free_port()
    config = demo_config(f"http://127.0.0.1:{gateway_port}/wecom/callback")
    settings = Settings(wecom=WecomSettings(base_url=f"http://127.0.0.1:{simulator_port}"))
    core = Core(settings, db, Clock())
    # Mid-morning in the hospital's zone, so that no quiet hours stand in the way.
    morning = datetime.now(settings.tz).replace(hour=10, minute=0)
    core.clock.offset = morning.astimezone(UTC) - datetime.now(UTC)
    async with db.transaction() as tx:
        await plant(tx, core.clock(), settings.tz)
    sim_clock = SimClock(offset=core.clock.offset.total_seconds())
    async with (
        listening(create_app(config, clock=sim_clock, rng=random.Random(1)), simulator_port),  # noqa: S311 - ids, not secrets
        listening(gateway_app(core), gateway_port),
        aiohttp.ClientSession() as session,
        wecom_client(core) as client,
    ):
        simulator = f"http://127.0.0.1:{simulator_port}"
        await SimulatorControl(session, simulator).introduce(demo_people()["carers"])
        turns = TurnTaker(talker, settings.tz, emergency_phone=settings.emergency_phone)
        loops = [
            asyncio.create_task(Engine(db.url, compose(core, client, turns, OcrProcess()), concurrency=concurrency).run()),
            asyncio.create_task(_sweeping(core)),
        ]
        try:
            yield Installation(core, session, simulator, f"http://127.0.0.1:{gateway_port}", config.kf_accounts[0].open_kfid, turns)
        finally:
            for task in loops:
                task.cancel()
            await asyncio.gather(*loops, return_exceptions=True)


async def _sweeping(core: Core) -> None:
    while True:
        await sweep(core.db, core.clock)
        await asyncio.sleep(1)
