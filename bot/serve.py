"""Everything on one machine: database, model, web edges, and a worker process that is watched."""

import asyncio
import ctypes
import os
import signal
import sys
from pathlib import Path

import aiohttp
import structlog
from aiohttp import web

from bot.app import Core, add_console, add_content_pages, add_family_pages, add_sandbox, core, push_channels
from bot.audit import read_audit_gauges
from bot.gauges import read_installation_gauges
from bot.health import Readiness, add_health_routes
from bot.heartbeat import PIPE, Heart
from bot.intake.gauges import read_gauges
from bot.intake.http import add_intake_routes
from bot.jobs import DRAIN
from bot.keep import keep
from bot.process import end, lock_data, serving, stopped
from bot.retention import read_retention_gauges
from bot.settings import Settings
from bot.tables import TABLES_EVERY, Tables
from bot.watch_database import watch_database
from bot.web import add_fhir, gateway_app, root_app
from bot.worker_health import HEALTH, asked, listening_socket
from plans.reach.route import Channels

log = structlog.get_logger(__name__)

ROOT = Path(__file__).parent.parent
# A worker that dies at once is not started faster than this.
RESTART_EVERY = 2.0


# A worker that shows no sign of life for so long is ended and started again; loading the dialogue holds it up for some seconds.
SILENCE = 90.0
# prctl(2): the signal that a process gets when its parent dies.
PR_SET_PDEATHSIG = 1


def _end_with_parent() -> None:
    """In the child: a killed `serve` must not leave a worker behind that keeps the database alive."""
    ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGTERM)


class WorkerProcess:
    """The worker, or another role, as a child process, started again when it dies, or hangs for `silence` seconds."""

    def __init__(self, arguments: list[str], *, silence: float = SILENCE) -> None:
        self._arguments, self._silence = arguments, silence
        self._process: asyncio.subprocess.Process | None = None
        self._health = 0

    async def run(self) -> None:
        """Keep it running until cancelled; then stop it kindly, and firmly when it has had the time to finish what it holds."""
        try:
            while True:
                code = await self._life()
                log.error("process ended, starting it again", role=self._arguments[0], code=code)
                await asyncio.sleep(RESTART_EVERY)
        finally:
            if self._process is not None and self._process.returncode is None:
                self._process.terminate()
                try:
                    await asyncio.wait_for(self._process.wait(), DRAIN + 5)
                except TimeoutError:
                    self._process.kill()

    async def _life(self) -> int:
        """One life of the worker, from its start to its end."""
        heart, health = Heart(), listening_socket()
        self._health = health.getsockname()[1]
        try:
            self._process = await asyncio.create_subprocess_exec(
                sys.executable, "-m", "bot", *self._arguments, cwd=ROOT, preexec_fn=_end_with_parent,
                pass_fds=[heart.fd, health.fileno()], env={**os.environ, PIPE: str(heart.fd), HEALTH: str(health.fileno())},
            )  # fmt: skip
            heart.given()
            # Only the child's is left: when it is gone, so is whoever could be asked.
            health.close()
            ended = asyncio.create_task(self._process.wait())
            silent = asyncio.create_task(heart.stopped(self._silence))
            try:
                await asyncio.wait({ended, silent}, return_when=asyncio.FIRST_COMPLETED)
                if not ended.done():
                    log.error("process hangs, ending it", role=self._arguments[0], seconds=self._silence)
                    self._process.kill()
                return await ended
            finally:
                ended.cancel()
                silent.cancel()
        finally:
            heart.close()
            health.close()

    async def alive(self) -> bool:
        """Whether it runs at this moment."""
        return self._process is not None and self._process.returncode is None

    async def ready(self) -> bool:
        """Whether it says that it can do its work."""
        return await asked(self._health, "/readyz") is not None

    async def metrics(self) -> str:
        """What it counts, as it exposes it; nothing while it does not answer."""
        return await asked(self._health, "/metrics") or ""


async def run_serve(settings: Settings, *, worker: bool = True) -> None:
    """Serve until SIGTERM or SIGINT. The model must exist already. Raises AlreadyServing, EmbeddedError, OSError (port taken)."""
    held = lock_data(settings.data_dir)
    try:
        async with core(settings, role="serve") as parts, aiohttp.ClientSession() as session:
            if settings.sandbox:
                await _plant(parts)
            process = WorkerProcess(["worker"])
            app = gateway_app(parts)
            add_content_pages(app, parts)
            # What families enter on their pages is judged here, by the same tables as what they write.
            tables = Tables(parts.db, settings.tz)
            await tables.refresh()
            add_inner(app, parts, await push_channels(parts))
            readiness = Readiness({"database": parts.db.ready, **({"worker": process.ready} if worker else {})})
            alive = {"database": parts.db.ready, **({"worker": process.alive} if worker else {})}
            add_health_routes(app, alive, readiness, lambda: _count(parts), beside=process.metrics)
            control = add_sandbox(app, parts, session) if settings.sandbox else None
            async with serving(app, settings.host, settings.port):
                if control is not None:
                    from bot.demo import demo_people

                    await control.set_clock(parts.clock())
                    await control.introduce(demo_people()["carers"])
                tasks = [asyncio.create_task(watch_database(parts)), asyncio.create_task(keep(tables.refresh, parts, every=TABLES_EVERY))]
                if worker:
                    tasks.append(asyncio.create_task(process.run()))
                if settings.intake.mllp_port is not None:
                    tasks.append(asyncio.create_task(WorkerProcess(["intake"]).run()))
                if settings.edge_link.urls:
                    tasks.append(asyncio.create_task(WorkerProcess(["edge-link"]).run()))
                await stopped(readiness.leave, linger=settings.linger)
                await end(tasks, patience=DRAIN + 10)
        if parts.db.embedded is not None:
            await asyncio.to_thread(parts.db.embedded.stop)
    finally:
        held.close()


async def run_web(settings: Settings) -> None:
    """The web role, for several machines: all pages, and no callback."""
    async with core(settings, role="web", pool_size=4) as parts, aiohttp.ClientSession() as session:
        app = root_app(settings)
        tables = Tables(parts.db, settings.tz)
        await tables.refresh()
        add_content_pages(app, parts)
        add_inner(app, parts, await push_channels(parts))
        if settings.sandbox:
            add_sandbox(app, parts, session)
        checks = {"database": parts.db.ready}
        readiness = Readiness(checks)
        add_health_routes(app, checks, readiness, lambda: _count(parts))
        async with serving(app, settings.host, settings.port):
            tasks = [asyncio.create_task(watch_database(parts)), asyncio.create_task(keep(tables.refresh, parts, every=TABLES_EVERY))]
            await stopped(readiness.leave, linger=settings.linger)
            await end(tasks)


def add_inner(app: web.Application, parts: Core, channels: Channels) -> None:
    """What shows or takes patients' data: FHIR, the families' pages, the console, the intake."""
    add_fhir(app, parts)
    add_family_pages(app, parts)
    add_console(app, parts, channels)
    add_intake_routes(app, parts)


async def _count(parts: Core) -> None:
    await read_installation_gauges(parts.db, parts.clock(), parts.settings.data_dir)
    await read_gauges(parts.db, parts.clock())
    await read_audit_gauges(parts.db, parts.clock())
    await read_retention_gauges(parts.db, parts.clock())


async def _plant(parts: Core) -> None:
    from bot.demo import plant

    async with parts.db.transaction() as tx:
        if await plant(tx, parts.clock(), parts.settings.tz):
            log.info("demo data planted")
