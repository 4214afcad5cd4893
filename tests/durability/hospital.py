"""A hospital of real processes: database, simulated WeCom, gateway and two workers, which can be killed and started again."""

import asyncio
import os
import signal
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, TypeVar
from zoneinfo import ZoneInfo

import aiohttp
import psutil
from sqlalchemy import func, select, text
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncSession

from bot.app import POSTGRES_FOLDER
from bot.clock import Clock
from bot.outbox import HELD
from bot.private import free_port
from plans.family import due_families
from records.database import Database
from records.embedded import EmbeddedServer
from records.flag import Flag
from records.message import Inbound, Outbound
from records.wecom import CallbackEvent

ROOT = Path(__file__).parent.parent.parent
ZONE = ZoneInfo("Asia/Shanghai")
# Slow machines need it; nothing waits for it on a fast one.
PATIENCE = 180.0

T = TypeVar("T")


class Program:
    """One of our processes. Its output is appended to a file in `folder`."""

    def __init__(self, name: str, arguments: list[str], environment: dict[str, str], folder: Path) -> None:
        self.name, self.log = name, folder / f"{name}.log"
        self._arguments, self._environment = arguments, environment
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        with self.log.open("ab") as log:
            self._process = subprocess.Popen(
                [sys.executable, "-m", *self._arguments], cwd=ROOT, env={**os.environ, **self._environment}, stdout=log, stderr=log
            )

    def kill(self) -> None:
        """kill -9, as a crash or the kernel's memory killer does it."""
        assert self._process is not None, f"{self.name} was never started"
        assert self._process.poll() is None, f"{self.name} ended by itself: {self.tail()}"
        self._process.kill()
        self._process.wait()

    def stop(self) -> None:
        if self._process is not None and self._process.poll() is None:
            self._process.terminate()
            try:
                self._process.wait(15)
            except subprocess.TimeoutExpired:
                self._process.kill()
                self._process.wait()

    def alive(self) -> bool:
        return self._process is not None and self._process.poll() is None

    def tail(self, lines: int = 15) -> str:
        return "\n".join(self.log.read_text("utf-8", "replace").splitlines()[-lines:])


@dataclass
class Hospital:
    """The running installation, and what the test needs to look at it and to hurt it."""

    folder: Path
    db: Database
    session: aiohttp.ClientSession
    simulator_url: str
    gateway_url: str
    programs: dict[str, Program]
    clock: Clock
    started: float = field(default_factory=time.monotonic)
    kills: int = 0

    @property
    def workers(self) -> list[Program]:
        return [program for name, program in self.programs.items() if name.startswith("worker")]

    def note(self, words: str) -> None:
        print(f"{time.monotonic() - self.started:6.1f} s  {words}", flush=True)

    async def control(self, method: str, path: str, **body: Any) -> Any:
        """The simulator's control API."""
        async with self.session.request(method, f"{self.simulator_url}/sim/{path}", json=body or None) as answer:
            assert answer.status < 300, f"{path}: {await answer.text()}"
            return await answer.json()

    async def ask(self, question: Callable[[AsyncSession], Awaitable[T]]) -> T:
        """`question` in a transaction, again and again while the database is down."""
        async with asyncio.timeout(PATIENCE):
            while True:
                try:
                    async with self.db.transaction() as tx:
                        return await question(tx)
                except (DBAPIError, OSError):
                    await asyncio.sleep(0.2)

    async def move_clock(self, by: timedelta) -> None:
        """Time passes for every process."""
        await self.clock.store(self.db, self.clock.offset + by)
        await self.control("POST", "clock", set=self.clock().isoformat())

    def kill(self, program: Program) -> None:
        """kill -9 and start again."""
        self.note(f"kill -9 {program.name}")
        program.kill()
        self.kills += 1
        program.start()

    def kill_database(self) -> None:
        """kill -9 the postmaster and all its children. Nobody here starts it again: the product has to."""
        postmaster = psutil.Process(int((self.folder / POSTGRES_FOLDER / "postmaster.pid").read_text().split("\n", 1)[0]))
        family = [postmaster, *postmaster.children(recursive=True)]
        self.note(f"kill -9 the database ({len(family)} processes)")
        for process in family:
            try:
                process.send_signal(signal.SIGKILL)
            except psutil.NoSuchProcess:
                continue
        psutil.wait_procs(family, timeout=10)
        self.kills += 1

    async def all_at_work(self) -> None:
        """Until every worker runs its jobs, which it does only once it has loaded its dialogue."""

        async def at_work() -> bool:
            return await self.ask(self._at_work) >= len(self.workers)

        await self.until(at_work, "all workers are at work")

    @staticmethod
    async def _at_work(tx: AsyncSession) -> int:
        # A living worker shows itself every 3 s.
        fresh = "select count(*) from procrastinate_workers where last_heartbeat > now() - interval '5 seconds'"
        return int(await tx.scalar(text(fresh)) or 0)

    async def until(self, holds: Callable[[], Awaitable[bool]], what: str) -> None:
        try:
            async with asyncio.timeout(PATIENCE):
                while not await holds():  # noqa: ASYNC110 - what we wait for happens in other processes
                    await asyncio.sleep(0.2)
        except TimeoutError:
            left, stuck = await self.ask(self.left_to_do), await self.ask(self._stuck)
            raise AssertionError("\n".join([f"never came true: {what}", str(left), *stuck, self.logs()])) from None

    async def settle(self, said: int) -> None:
        """Until all `said` messages are stored and nothing is left to do."""

        async def quiet() -> bool:
            left = await self.ask(self.left_to_do)
            stored = left.pop("stored")
            return stored >= said and not any(left.values())

        await self.until(quiet, f"{said} messages are stored and everything is done")

    async def left_to_do(self, tx: AsyncSession) -> dict[str, int]:
        now = self.clock()
        count = select(func.count())
        return {
            "stored": await tx.scalar(count.where(Inbound.origin == 3)) or 0,
            "messages not handled": await tx.scalar(count.where(Inbound.state == "new")) or 0,
            "callbacks not handled": await tx.scalar(count.where(CallbackEvent.handled_at.is_(None))) or 0,
            "rows not sent": await tx.scalar(count.where(Outbound.state.in_(("queued", "sending")), Outbound.error.is_distinct_from(HELD)))
            or 0,
            "alerts due": await tx.scalar(count.where(Flag.next_at <= now, Flag.state.in_(("raised", "delivered")))) or 0,
            "follow-ups due": len(await due_families(tx, now, most=1000)),
            "jobs": await tx.scalar(text("select count(*) from procrastinate_jobs where status in ('todo', 'doing')")) or 0,
        }

    @staticmethod
    async def _stuck(tx: AsyncSession) -> list[str]:
        """The trail of what waits: messages that nobody handled, rows that were not sent."""
        inbound = await tx.scalars(select(Inbound).where(Inbound.state == "new").order_by(Inbound.id).limit(20))
        outbound = await tx.scalars(select(Outbound).where(Outbound.state.in_(("queued", "sending"))).order_by(Outbound.seq).limit(20))
        return [
            *(f"inbound {row.id} {row.msgid} chat {row.chat_id} attempts {row.attempts} error {row.error}" for row in inbound),
            *(
                f"outbound {row.key} {row.line} {row.state} attempts {row.attempts} error {row.error} from {row.not_before}"
                for row in outbound
            ),
        ]

    def logs(self) -> str:
        return "\n".join(f"--- {program.name}, alive: {program.alive()}\n{program.tail()}" for program in self.programs.values())


@asynccontextmanager
async def open_hospital(
    folder: Path, *, dialogue: bool, plant: Callable[[AsyncSession, datetime], Awaitable[None]]
) -> AsyncIterator[Hospital]:
    """Everything started, at ten in the morning of the hospital's day; `plant` fills the fresh database before the workers start."""
    simulator, gateway = free_port(), free_port()
    environment = {
        "CARELOOP_DATA_DIR": str(folder),
        "CARELOOP_PORT": str(gateway),
        "CARELOOP_WECOM__BASE_URL": f"http://127.0.0.1:{simulator}",
        "CARELOOP_LOG_LEVEL": "info",
    }
    worker = ["bot", "worker", "--dialogue" if dialogue else "--no-dialogue"]
    callback = f"http://127.0.0.1:{gateway}/wecom/callback"
    arguments = {
        "simulator": ["integrations.wecom.simulator", "--port", str(simulator), "--callback", callback],
        "gateway": ["bot", "gateway"],
        "worker-1": worker,
        "worker-2": worker,
    }
    programs = {name: Program(name, line, environment, folder) for name, line in arguments.items()}
    programs["simulator"].start()
    server = EmbeddedServer(folder / POSTGRES_FOLDER)
    db = Database(url=await asyncio.to_thread(server.ensure), pool_size=4, application="durability")
    await db.open()
    clock = Clock()
    try:
        async with aiohttp.ClientSession() as session:
            hospital = Hospital(
                folder, db, session, f"http://127.0.0.1:{simulator}", f"http://127.0.0.1:{gateway}/healthz", programs, clock
            )
            await db.migrate()
            morning = datetime.now(ZONE).replace(hour=10, minute=0, second=0)
            await clock.store(db, morning.astimezone(UTC) - datetime.now(UTC))
            async with db.transaction() as tx:
                await plant(tx, clock())
            await hospital.until(lambda: _answers(session, f"http://127.0.0.1:{simulator}/sim/state"), "the simulator answers")
            await hospital.move_clock(timedelta())
            for program in programs.values():
                if not program.alive():
                    program.start()
            await hospital.until(lambda: _answers(session, hospital.gateway_url), "the gateway answers")
            yield hospital
    finally:
        await db.close()
        for program in reversed(programs.values()):
            program.stop()
        await asyncio.to_thread(server.stop)


async def _answers(session: aiohttp.ClientSession, url: str) -> bool:
    try:
        async with session.get(url) as answer:
            return answer.status == 200
    except aiohttp.ClientError:
        return False
