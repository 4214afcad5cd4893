"""CareLoop as it runs in production, for a benchmark: gateway, worker and a simulated WeCom as processes of their own."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any
from zoneinfo import ZoneInfo

import aiohttp

from bot.app import WecomAccess, wecom_access
from bot.bench.people import plant_families, plant_team
from bot.bench.processes import ROOT, Child, answers, child, database_cpu_seconds, until
from bot.private import free_port, keys_of, throw_away_database
from bot.settings import Settings
from records.database import Database

STARTS_WITHIN, LOADS_WITHIN = 30.0, 300.0


@dataclass
class Service:
    """What runs, and the memory of each process (MB), one sample after the other while it is watched."""

    db: Database
    session: aiohttp.ClientSession
    access: WecomAccess
    gateway_url: str
    gateway: Child
    workers: list[Child]
    worker_ready_s: float
    accounts: list[str]
    families: list[str]
    samples: dict[str, list[float]] = field(default_factory=dict)

    @property
    def rss(self) -> dict[str, float]:
        """How much memory each took at most (MB)."""
        return {name: max(found) for name, found in self.samples.items()}

    async def control(self, method: str, path: str, **body: Any) -> Any:
        """Call the simulator's control API. Raises aiohttp.ClientResponseError."""
        async with self.session.request(method, f"{self.access.base_url}/sim/{path}", json=body or None, raise_for_status=True) as answer:
            return await answer.json()

    async def say(self, family: str, said: str, *, account: str | None = None) -> str:
        """A family writes in WeChat, to the first account or to `account`; the message's id."""
        path = f"chats/{account or self.accounts[0]}/{family}/say"
        sent = await self.control("POST", path, msgtype="text", text={"content": said})
        return str(sent["msgid"])

    async def watch(self) -> None:
        """Note the memory of both every half second, until cancelled. Raises BenchError when one of them ends."""
        while True:
            for watched in (self.gateway, *self.workers):
                watched.check()
                self.samples.setdefault(watched.name, []).append(watched.rss_mb())
            await asyncio.sleep(0.5)

    def cpu(self) -> dict[str, float]:
        """Processor seconds of gateway, each worker and the database so far."""
        processes = {each.name: each.cpu_seconds() for each in (self.gateway, *self.workers)}
        return processes | {"database": database_cpu_seconds(self.db)}

    def cpu_since(self, before: Mapping[str, float]) -> dict[str, float]:
        """Processor seconds of each since `cpu` found `before`."""
        return {name: seconds - before[name] for name, seconds in self.cpu().items()}


@asynccontextmanager
async def service(*, accounts: int, families: int, workers: int = 1, zone: str | None = None) -> AsyncIterator[Service]:
    """Start everything over a throw-away database, configured as for a real corp; the dialogue is trained first if it has to be.

    `zone` is the hospital's time zone, the usual one if None.
    """
    async with AsyncExitStack() as stack:
        db = await stack.enter_async_context(throw_away_database())
        folder = Path(stack.enter_context(TemporaryDirectory(prefix="careloop-bench-")))
        session = await stack.enter_async_context(aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=64)))
        simulator_port, gateway_port = free_port(), free_port()
        access = wecom_access(Settings(port=simulator_port))
        access = WecomAccess(**{**vars(access), "base_url": f"http://127.0.0.1:{simulator_port}"})
        gateway_url = f"http://127.0.0.1:{gateway_port}"
        env = _settings(access, db) | ({"CARELOOP_ZONE": zone} if zone is not None else {})

        async def start(name: str, ready: Callable[[], Awaitable[bool]], patience: float, *arguments: str) -> tuple[Child, float]:
            started = await stack.enter_async_context(child(name, "bot", *arguments, folder=folder, env=env))
            return started, await until(ready, started, patience=patience)

        callback = f"{gateway_url}/wecom/callback"
        simulator = ("simulator", "--port", str(simulator_port), "--callback", callback)
        await start("simulator", lambda: answers(session, f"{access.base_url}/sim/state"), STARTS_WITHIN, *simulator)
        known = [str(each["open_kfid"]) for each in (await _get(session, f"{access.base_url}/sim/state"))["accounts"]]
        added = [f"wkBench{number:02d}" for number in range(accounts - len(known))]
        async with db.transaction() as tx:
            await plant_team(tx, [*known, *added])
            tz = ZoneInfo(zone) if zone is not None else Settings().tz
            carers = await plant_families(tx, families, prefix="wmBench", now=datetime.now(UTC), zone=tz)
        ready = f"{gateway_url}/healthz"
        gateway, _ = await start("gateway", lambda: answers(session, ready), STARTS_WITHIN, "gateway", "--port", str(gateway_port))
        names = [carer.external_userid or "" for carer in carers]
        running = Service(db, session, access, gateway_url, gateway, [], 0.0, [*known, *added], names)
        for account in added:
            await running.control("POST", "accounts", name=account, open_kfid=account)
        for name in names:
            await running.control("POST", "customers", nickname=name, external_userid=name)
        if workers:
            from bot.dialogue.train import train

            await asyncio.to_thread(train, ROOT, ROOT / "models")
        for number in range(workers):
            name = "worker" if number == 0 else f"worker{number + 1}"
            worker, seconds = await start(name, partial(_talks, folder / f"{name}.log"), LOADS_WITHIN, "worker")
            running.workers.append(worker)
            running.worker_ready_s = max(running.worker_ready_s, seconds)
        yield running


def _settings(access: WecomAccess, db: Database) -> dict[str, str]:
    """The environment that makes a child a production process of the simulated corp."""
    return {
        "CARELOOP_DATABASE_URL": db.url,
        "CARELOOP_KEYRING": keys_of(db),
        "CARELOOP_LOG_LEVEL": "info",
        "CARELOOP_WECOM__BASE_URL": access.base_url,
        "CARELOOP_WECOM__CORP_ID": access.corp_id,
        "CARELOOP_WECOM__SECRET": access.secret,
        "CARELOOP_WECOM__AGENT_ID": str(access.agent_id),
        "CARELOOP_WECOM__CALLBACK_TOKEN": access.callback_token,
        "CARELOOP_WECOM__CALLBACK_AES_KEY": access.callback_aes_key,
    }


async def _get(session: aiohttp.ClientSession, url: str) -> Any:
    async with session.get(url, raise_for_status=True) as answer:
        return await answer.json()


async def _talks(log: Path) -> bool:
    """Whether the worker says that its dialogue is loaded; it takes jobs before that, and lets ordinary messages wait."""
    return "dialogue ready" in await asyncio.to_thread(log.read_text, "utf-8", "replace")


async def at_a_steady_pace(count: int, per_second: float, send: Callable[[int], Awaitable[None]]) -> list[float]:
    """Open loop: start `send(0)` … `send(count - 1)` at their times whatever became of the others, and wait for all.

    Returns how late each was started, in seconds: what the sender itself is to blame for.
    """
    loop = asyncio.get_running_loop()
    lags: list[float] = []
    async with asyncio.TaskGroup() as sending:
        begin = loop.time()
        for number in range(count):
            due = begin + number / per_second
            if (wait := due - loop.time()) > 0:
                await asyncio.sleep(wait)
            lags.append(loop.time() - due)
            sending.create_task(send(number))  # type: ignore[arg-type]
    return lags
