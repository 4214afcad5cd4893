"""The hospital in all its roles, on small disks, over wires that can be cut; a watchman starts again what has ended."""

import asyncio
import json
import os
import re
import subprocess
import time
from collections import Counter, defaultdict
from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack, asynccontextmanager, contextmanager, suppress
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from random import Random
from typing import Any

import aiohttp
import psutil
import psycopg
from sqlalchemy import func, select, text
from sqlalchemy.ext.asyncio import AsyncSession

from bot.app import POSTGRES_FOLDER
from bot.bench.intake import message
from bot.intake.feeds import add_feed, hash_token
from bot.private import free_port
from records.embedded import EmbeddedError, EmbeddedServer
from records.feed import FeedMessage
from records.message import Inbound
from tests.durability import families as people
from tests.durability.books import Books
from tests.durability.books import findings as book_findings
from tests.durability.families import Family, close_alerts, end_human_sessions, introduce, talking, total
from tests.durability.faults import Fault
from tests.durability.file_clock import FILE, store_in
from tests.durability.hospital import ZONE, Hospital, open_hospital, settings, simulator_at
from tests.durability.processes import Forked, Program
from tests.durability.wire import Wire, strung

KEY = "torture:" + "0123456789abcdef" * 2  # pragma: allowlist secret
TOKEN = "a-token-of-the-lis"  # pragma: allowlist secret
SOCKET = ".s.PGSQL.5432"
CHILDREN = 40
# The hospital's evening: families are not asked later.
LAST_HOUR = 19
BIG, SMALL = "700m", "3m"


@dataclass
class Torture(Hospital):
    """A hospital in all its roles, and the tools to hurt it."""

    rng: Random = field(default_factory=Random)
    server: EmbeddedServer = field(init=False)
    wires: dict[str, Wire] = field(default_factory=dict)
    disks: dict[str, Path] = field(default_factory=dict)
    clocks: dict[str, Path] = field(default_factory=dict)
    ports: dict[str, int] = field(default_factory=dict)
    # Who ends a process starts it again, too, before another may end it.
    hands: dict[str, asyncio.Lock] = field(default_factory=lambda: defaultdict(asyncio.Lock))
    everybody: list[Family] = field(default_factory=list)
    longest_down: float = 12.0
    # Whether each round is another hour, through the night too.
    all_day: bool = False
    injected: set[str] = field(default_factory=set)
    struck: Counter[str] = field(default_factory=Counter)
    restarts: Counter[str] = field(default_factory=Counter)
    recoveries: list[float] = field(default_factory=list)
    idled: list[float] = field(default_factory=list)
    # What was left to do, and when that was last so (s of this machine).
    waited: dict[str, float] = field(default_factory=dict)
    wrong: list[str] = field(default_factory=list)
    doubt: timedelta = timedelta()
    told: Counter[str] = field(default_factory=Counter)
    acknowledged: list[str] = field(default_factory=list)
    files: dict[str, bytes] = field(default_factory=dict)
    # Set while hospital systems send, and clear while the time is taken until nothing is left to do.
    sending: asyncio.Event = field(default_factory=asyncio.Event)
    patience: float = 600.0

    @property
    def public(self) -> str:
        """The edge, as the internet sees it."""
        return f"http://127.0.0.1:{self.ports['edge']}"

    @property
    def intake_url(self) -> str:
        return f"http://127.0.0.1:{self.ports['web']}/intake/lis"

    @property
    def intake_headers(self) -> dict[str, str]:
        return {"Content-Type": "application/hl7-v2", "Authorization": f"Bearer {TOKEN}"}

    async def moment(self, least: float, most: float) -> None:
        await asyncio.sleep(self.rng.uniform(least, most))

    async def set_clock(self, offset: timedelta) -> None:
        self.clock.set(offset)
        for file in self.clocks.values():
            store_in(file, offset)

    def set_one(self, name: str, by: timedelta) -> None:
        """Let one machine's clock differ from the others."""
        store_in(self.clocks[name], self.clock.offset + by)

    async def found(self, program: Program) -> None:
        """Until it is alive: it may be about to be started again."""
        while not program.alive():  # noqa: ASYNC110 - it is another process
            await asyncio.sleep(0.1)

    async def database_there(self) -> None:
        """Until the server runs and takes connections."""
        while not await self.db.ready():  # noqa: ASYNC110 - it is another process
            await asyncio.sleep(0.2)

    async def watch(self) -> None:
        """Start again what has ended by itself, as systemd does; the database too."""
        while True:
            for program in self.programs.values():
                if program.wanted and not program.alive():
                    self.restarts[program.name] += 1
                    self.note(f"{program.name} has ended: {program.tail(1)[-200:]}")
                    program.start()
            if self.server.process() is None:
                self.restarts["database"] += 1
                with suppress(EmbeddedError):
                    await asyncio.to_thread(self.server.ensure)
            await asyncio.sleep(0.3)

    async def an_hour_passes(self) -> None:
        """Clinicians finish what they have in hand; then the next follow-ups may go out."""
        await end_human_sessions(self, self.everybody)
        await close_alerts(self)
        if self.all_day:
            await self.move_clock(timedelta(hours=1))
        elif self.clock().astimezone(ZONE).hour < LAST_HOUR:
            await self.move_clock(timedelta(minutes=self.rng.choice((1, 20, 61))))

    async def round(self, faults: list[Fault], messages: int) -> None:
        """These faults, within some seconds, while families write; then until everything is done."""
        self.note("; ".join(f"{fault.what} {fault.kind}" for fault in faults))

        async def strike(fault: Fault) -> None:
            await self.moment(0, 3)
            try:
                await fault.do(self)
            except Exception as err:
                self.wrong.append(f"THE FAULT ITSELF FAILED: {fault.what} {fault.kind}: {err!r}")
            self.struck[fault.kind] += 1

        self.sending.set()
        async with asyncio.TaskGroup() as at_once:
            for work in (*(strike(fault) for fault in faults), talking(self, self.everybody, self.rng, messages), self._files()):
                at_once.create_task(work)
        self.sending.clear()
        self.waited.clear()
        begin, idle = time.monotonic(), psutil.cpu_times().idle
        await self.settle(total(self.everybody))
        self.recoveries.append(time.monotonic() - begin)
        # So long (s) nobody had anything to do, and we waited for time to pass.
        self.idled.append((psutil.cpu_times().idle - idle) / (psutil.cpu_count() or 1))
        longest = ", ".join(f"{what} {at - begin:.1f}" for what, at in sorted(self.waited.items(), key=lambda each: -each[1])[:6])
        self.note(f"recovered in {self.recoveries[-1]:.1f} s, {self.idled[-1]:.1f} s of it idle, load {os.getloadavg()[0]:.0f}: {longest}")

    async def _files(self) -> None:
        """A family sends a file."""
        family, content = self.rng.choice(self.everybody), self.rng.randbytes(self.rng.randint(10, 300_000))
        form = aiohttp.FormData()
        form.add_field("media", content, filename="报告.pdf", content_type="application/pdf")
        async with self.session.post(f"{self.simulator_url}/sim/media?type=file", data=form) as answer:
            media = (await answer.json())["media_id"]
        await family.sends(self, "file", {"media_id": media})
        self.files[family.said[-1][0]] = content

    async def left_to_do(self, tx: AsyncSession) -> dict[str, int]:
        left = await super().left_to_do(tx)
        count = select(func.count())
        left["hospital's messages"] = await tx.scalar(count.where(FeedMessage.state == "new")) or 0
        media = Inbound.outcome.has_key("media")
        left["files"] = await tx.scalar(count.where(Inbound.msgtype == "file", ~media)) or 0
        left["kept at the edge"] = await self._kept()
        kinds = await tx.execute(text("select status || ' ' || task_name, count(*) from procrastinate_jobs group by 1"))
        unfinished = {what: times for what, times in left.items() if what not in ("stored", "jobs")} | dict(kinds.all())
        self.waited |= {what: time.monotonic() for what, times in unfinished.items() if times}
        return left

    async def _kept(self) -> int:
        try:
            async with self.session.get(f"http://127.0.0.1:{self.ports['link']}/healthz") as answer:
                return int((await answer.json())["waiting"])
        except (aiohttp.ClientError, ValueError):
            return 1

    async def hospital_sends(self) -> None:
        """A laboratory's system over HTTP: one message after the other, each until it is acknowledged."""
        for place in range(1_000_000):
            await self.sending.wait()
            body = message(f"L{place}", place, CHILDREN)
            while not await self._acknowledged(body):  # noqa: ASYNC110 - the other side decides
                await asyncio.sleep(0.2)
            self.acknowledged.append(f"L{place}")
            await asyncio.sleep(0.25)

    async def _acknowledged(self, body: bytes) -> bool:
        with suppress(aiohttp.ClientError, TimeoutError):
            timeout = aiohttp.ClientTimeout(total=10)
            async with self.session.post(self.intake_url, data=body, headers=self.intake_headers, timeout=timeout) as answer:
                return b"MSA|AA" in await answer.read()
        return False

    async def family_looks(self) -> None:
        """Somebody opens a family page through the edge: the page, or what to do meanwhile, in Chinese and with the emergency number."""
        while True:
            await asyncio.sleep(0.5)
            try:
                timeout = aiohttp.ClientTimeout(total=25)
                async with self.session.get(self.public + "/h5/", headers={"Accept": "text/html"}, timeout=timeout) as answer:
                    said = await answer.text()
                    self.told[str(answer.status)] += 1
                    if answer.status >= 500 and "120" not in said:
                        self.wrong.append(f"A FAMILY IS NOT TOLD: {answer.status} {said[:200]}")
            except (aiohttp.ClientError, TimeoutError):
                # The edge itself is away: nothing of ours is there that could say anything.
                self.told["nothing"] += 1

    async def findings(self, books: Books) -> list[str]:
        """Everything that is not as it should be."""
        return [
            *self.wrong,
            *book_findings(books, self.everybody),
            *_refused(books.rejected, self.injected),
            *await self.ask(self._data),
            *await self.ask(self._kept_files),
        ]

    async def _data(self, tx: AsyncSession) -> list[str]:
        rows = list(await tx.scalars(select(FeedMessage).where(FeedMessage.control_id.like("L%")).order_by(FeedMessage.id)))
        wrong = [f"HOSPITAL'S MESSAGE {row.state}: {row.control_id} {row.error_code}" for row in rows if row.state != "applied"]
        if (stored := [row.control_id for row in rows])[: len(self.acknowledged)] != self.acknowledged:
            strange = Counter(stored) - Counter(self.acknowledged)
            wrong.append(
                f"HOSPITAL'S MESSAGES: lost {list(Counter(self.acknowledged) - Counter(stored))[:9]}, too many {list(strange)[:9]}"
            )
        return wrong

    async def _kept_files(self, tx: AsyncSession) -> list[str]:
        rows = {row.msgid: row for row in await tx.scalars(select(Inbound).where(Inbound.msgtype == "file"))}
        wrong = []
        for msgid, content in self.files.items():
            note = rows[msgid].outcome.get("media", {}) if msgid in rows else {}
            file = self.folder / "media" / note["file"] if "file" in note else None
            if file is None or file.read_bytes() != content:
                wrong.append(f"FILE LOST OR SPOILT: {msgid} {note}")
        return wrong


def _refused(rejected: dict[str, int], injected: set[str]) -> Iterator[str]:
    """No call was refused for a limit that our own ledger should have foreseen."""
    for call, times in rejected.items():
        if call.rsplit(" ", 1)[1] in ("45009", "95001", "95002") and call not in injected:
            yield f"REFUSED FOR A LIMIT: {call}, {times} times"


@contextmanager
def disk(folder: Path, size: str) -> Iterator[bool]:
    """A small disk at `folder`, where root may make one; whether it is one."""
    folder.mkdir()
    made = os.geteuid() == 0 and subprocess.run(
        ["mount", "-t", "tmpfs", "-o", f"size={size},mode=755", "tmpfs", str(folder)], capture_output=True, check=False
    ).returncode == 0  # fmt: skip
    try:
        yield made
    finally:
        if made:
            subprocess.run(["umount", "--lazy", str(folder)], check=False)


@asynccontextmanager
async def open_torture(folder: Path, rng: Random, families: int) -> AsyncIterator[Torture]:
    """Everything started, with families known and follow-ups due; the database and what has died are started again by a watchman."""
    async with AsyncExitStack() as stack:
        data, edge = folder / "data", folder / "edge"
        disks = {
            name: path for name, path, size in (("all data", data, BIG), ("edge", edge, SMALL)) if stack.enter_context(disk(path, size))
        }
        server = EmbeddedServer(data / POSTGRES_FOLDER)
        url = await asyncio.to_thread(server.ensure)
        with psycopg.connect(url, autocommit=True) as connection:
            # So that the small disk suffices.
            for setting in ("max_wal_size = '96MB'", "min_wal_size = '32MB'"):
                connection.execute(f"alter system set {setting}")  # type: ignore[call-overload]
            connection.execute("select pg_reload_conf()")
        where = Path(re.sub(r".*host=", "", url)) / SOCKET
        ports = {name: free_port() for name in ("callbacks", "edge", "link", "link wire", "gateway wire", "web", "worker-1", "worker-2")}
        wires: dict[str, Wire] = {}

        async def string(name: str, at: int | Path, target: int | Path) -> None:
            wires[name] = await stack.enter_async_context(strung(Wire(name, target), at))

        clocks = {name: folder / f"{name}.clock" for name in ("edge", "edge-link", "gateway", "web", "worker-1", "worker-2")}
        nets: dict[str, str] = {}
        for role in ("gateway", "web", "worker-1", "worker-2"):
            near = folder / f"net-{role}"
            near.mkdir()
            await string(f"{role} to database", near / SOCKET, where)
            nets[role] = re.sub(r"host=.*", f"host={near}", url)

        await string("WeCom to edge", ports["callbacks"], ports["edge"])
        await string("edge-link to edge", ports["link wire"], ports["link"])
        # These two lead to ports that are known when all are started.
        await string("edge-link to gateway", ports["gateway wire"], 0)
        for name in ("worker-1", "worker-2"):
            await string(f"{name} to WeCom", ports[name], 0)

        def roles(_: Path, simulator: int, gateway: int) -> dict[str, Program]:
            ports["gateway"] = wires["edge-link to gateway"].target = gateway
            for name in ("worker-1", "worker-2"):
                wires[f"{name} to WeCom"].target = simulator
            common = settings(data, simulator) | {"CARELOOP_EDGE_LINK__KEY": KEY, "CARELOOP_LOG_LEVEL": "warning"}
            inner = {name: common | {"CARELOOP_DATABASE_URL": net, FILE: str(clocks[name])} for name, net in nets.items()}
            outer = {
                "CARELOOP_DATA_DIR": str(edge), "CARELOOP_PORT": str(ports["edge"]), "CARELOOP_EDGE__LINK_PORT": str(ports["link"]),
                "CARELOOP_EDGE__LINK_HOST": "127.0.0.1", "CARELOOP_EDGE__KEYS": KEY, "CARELOOP_EDGE__WECOM_TOKEN": "SimulatorToken",
                "CARELOOP_LOG_LEVEL": "warning", FILE: str(clocks["edge"]),
            }  # fmt: skip
            link = {
                "CARELOOP_EDGE_LINK__URLS": json.dumps([f"ws://127.0.0.1:{ports['link wire']}/link"]), "CARELOOP_EDGE_LINK__KEY": KEY,
                "CARELOOP_EDGE_LINK__GATEWAY": f"http://127.0.0.1:{ports['gateway wire']}", "CARELOOP_LOG_LEVEL": "warning",
                "CARELOOP_EDGE_LINK__WEB": f"http://127.0.0.1:{ports['web']}", FILE: str(clocks["edge-link"]),
            }  # fmt: skip

            def role(name: str, environment: dict[str, str]) -> Program:
                return Program(name, ["tests.durability.role", name], environment, folder)

            programs = [
                Program("simulator", simulator_at(simulator, ports["callbacks"]), {}, folder),
                role("edge", outer),
                role("edge-link", link),
                role("gateway", inner["gateway"] | {"CARELOOP_PORT": str(gateway)}),
                role("web", inner["web"] | {"CARELOOP_PORT": str(ports["web"])}),
                *(
                    Forked(name, inner[name] | {"CARELOOP_WECOM__BASE_URL": f"http://127.0.0.1:{ports[name]}"}, folder, hurry=False)
                    for name in ("worker-1", "worker-2")
                ),
            ]
            return {program.name: program for program in programs}

        def kind(*given: Any) -> Torture:
            return Torture(*given, rng=rng, wires=wires, disks=disks, clocks=clocks, ports=ports)

        async with open_hospital(data, roles=roles, plant=_plant, kind=kind) as t:
            t.server = server
            t.everybody = people.families()[:families]
            await introduce(t, t.everybody)
            watch = asyncio.create_task(t.watch())
            try:
                await asyncio.gather(*(family.says(t, "你好") for family in t.everybody))
                await t.settle(total(t.everybody))
                await t.ask(lambda tx: people.plan_tasks(tx, t.clock()))
                yield t
                if watch.done():
                    watch.result()
            finally:
                for program in t.programs.values():
                    program.wanted = False
                watch.cancel()
                await asyncio.gather(watch, return_exceptions=True)


async def _plant(tx: AsyncSession, now: datetime) -> None:
    await people.plant(tx, now)
    feed = await add_feed(tx, "lis", "hl7", {}, now=now)
    feed.token_hash = hash_token(TOKEN)
