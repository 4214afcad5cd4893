"""A hospital of real processes: database, simulated WeCom, gateway and two workers, which can be killed and started again."""

import asyncio
import signal
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
from tests.durability.file_clock import store_in
from tests.durability.processes import Program
from tests.keys import KEYRING

ZONE = ZoneInfo("Asia/Shanghai")
# Slow machines need it; nothing waits for it on a fast one.
PATIENCE = 180.0

T = TypeVar("T")


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
    patience: float = PATIENCE

    @property
    def workers(self) -> list[Program]:
        return [program for name, program in self.programs.items() if name.startswith("worker")]

    def note(self, words: str) -> None:
        print(f"{time.monotonic() - self.started:6.1f} s  {words}", flush=True)

    async def control(self, method: str, path: str, /, **body: Any) -> Any:
        """The simulator's control API."""
        async with self.session.request(method, f"{self.simulator_url}/sim/{path}", json=body or None) as answer:
            assert answer.status < 300, f"{path}: {await answer.text()}"
            return await answer.json()

    async def ask(self, question: Callable[[AsyncSession], Awaitable[T]]) -> T:
        """`question` in a transaction, again and again while the database is down."""
        async with asyncio.timeout(self.patience):
            while True:
                try:
                    async with self.db.transaction() as tx:
                        return await question(tx)
                except (DBAPIError, OSError):
                    await asyncio.sleep(0.2)

    async def set_clock(self, offset: timedelta) -> None:
        """Our processes' clocks, from the machine's: in the database, and in the file that some follow. WeCom has its own."""
        store_in(self.folder / "clock", offset)
        await self.clock.store(self.db, offset)

    async def move_clock(self, by: timedelta) -> None:
        """Time passes for every process."""
        await self.set_clock(self.clock.offset + by)
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
        # A living worker shows itself every other second.
        fresh = "select count(*) from procrastinate_workers where last_heartbeat > now() - interval '5 seconds'"
        return int(await tx.scalar(text(fresh)) or 0)

    async def until(self, holds: Callable[[], Awaitable[bool]], what: str) -> None:
        try:
            async with asyncio.timeout(self.patience):
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


# The roles of a hospital: from the folder of its data, the simulator's port and the gateway's.
Roles = Callable[[Path, int, int], dict[str, Program]]
H = TypeVar("H", bound=Hospital)


def two_workers(*, dialogue: bool) -> Roles:
    """WeCom calls the gateway; two workers. All start the embedded database, and start it again."""

    def roles(folder: Path, simulator: int, gateway: int) -> dict[str, Program]:
        environment = settings(folder, simulator) | {"CARELOOP_PORT": str(gateway)}
        worker = ["bot", "worker", "--dialogue" if dialogue else "--no-dialogue"]
        arguments = {
            "simulator": simulator_at(simulator, gateway),
            "gateway": ["bot", "gateway"],
            "worker-1": worker,
            "worker-2": worker,
        }
        return {name: Program(name, line, environment, folder) for name, line in arguments.items()}

    return roles


def settings(folder: Path, simulator: int) -> dict[str, str]:
    """What every role is told."""
    return {
        "CARELOOP_DATA_DIR": str(folder),
        "CARELOOP_WECOM__BASE_URL": f"http://127.0.0.1:{simulator}",
        "CARELOOP_LOG_LEVEL": "info",
    }


def simulator_at(port: int, callbacks: int) -> list[str]:
    """The simulated WeCom, which calls back at a port of this machine."""
    return ["integrations.wecom.simulator", "--port", str(port), "--callback", f"http://127.0.0.1:{callbacks}/wecom/callback"]


@asynccontextmanager
async def open_hospital(
    folder: Path,
    *,
    roles: Roles,
    plant: Callable[[AsyncSession, datetime], Awaitable[None]],
    kind: type[H] = Hospital,  # type: ignore[assignment]
    url: str | None = None,
    migrate: bool = True,
) -> AsyncIterator[H]:
    """Everything started, at ten in the morning of the hospital's day; `plant` fills the fresh database before the workers start.

    `url`: the database, where it is not one that is embedded in `folder`. `migrate` false: its schema is an older one, and stays.
    """
    simulator, gateway = free_port(), free_port()
    programs = roles(folder, simulator, gateway)
    programs["simulator"].start()
    server = EmbeddedServer(folder / POSTGRES_FOLDER)
    db = Database(url=url or await asyncio.to_thread(server.ensure), pool_size=4, application="durability", keyring=KEYRING)
    await db.open()
    try:
        async with aiohttp.ClientSession() as session:
            hospital = kind(folder, db, session, f"http://127.0.0.1:{simulator}", f"http://127.0.0.1:{gateway}/healthz", programs, Clock())
            if migrate:
                await db.migrate()
            morning = datetime.now(ZONE).replace(hour=10, minute=0, second=0)
            await hospital.set_clock(morning.astimezone(UTC) - datetime.now(UTC))
            async with db.transaction() as tx:
                await plant(tx, hospital.clock())
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
