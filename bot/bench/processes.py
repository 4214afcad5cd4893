"""Child processes of a benchmark: started, watched, and ended whatever happens."""

import asyncio
import os
import signal
import subprocess
import sys
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine, Mapping
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import aiohttp
import psutil
import uvloop

from records.database import Database

ROOT = Path(__file__).parents[2]
# Long enough for a service to finish its jobs (shutdown_graceful_timeout of the engine is 5 s).
ENDS_WITHIN = 10.0

T = TypeVar("T")


class BenchError(Exception):
    """A benchmark cannot go on; the message is one sentence for the person who started it."""

    code, permanent = "bench", True


@dataclass(frozen=True)
class Child:
    """A running child process and the file that its output goes to."""

    process: subprocess.Popen[bytes]
    name: str
    log: Path

    def rss_mb(self) -> float:
        """Resident memory of the process and those it started, in MB (2**20 bytes)."""
        return round(sum(one.memory_info().rss for one in _family(self.process.pid)) / 2**20, 1)

    def cpu_seconds(self) -> float:
        """Processor time of the process and those it started, so far."""
        return cpu_seconds(self.process.pid)

    def check(self) -> None:
        """Raise BenchError, with the end of its output, when the process has ended."""
        if self.process.poll() is not None:
            tail = self.log.read_text("utf-8", errors="replace")[-2000:]
            raise BenchError(f"{self.name} ended with code {self.process.returncode}:\n{tail}")


def _family(pid: int) -> list[psutil.Process]:
    me = psutil.Process(pid)
    return [me, *me.children(recursive=True)]


def cpu_seconds(pid: int) -> float:
    """Processor time that `pid` and its living children have used."""
    found = 0.0
    for one in _family(pid):
        with suppress(psutil.NoSuchProcess):
            times = one.cpu_times()
            found += times.user + times.system
    return found


def database_cpu_seconds(db: Database) -> float:
    """Processor time of the embedded database so far; 0 where it is another, or has gone."""
    server = db.embedded.process() if db.embedded is not None else None
    return cpu_seconds(server.pid) if server is not None else 0.0


@asynccontextmanager
async def child(name: str, *arguments: str, folder: Path, env: Mapping[str, str] | None = None) -> AsyncIterator[Child]:
    """`python -m ARGUMENTS` in `folder`, with our packages in reach but none of our settings, ended with all it started.

    It has a session of its own, so that Ctrl-C reaches only us and we end it in order.
    """
    log = folder / f"{name}.log"
    with log.open("wb") as output:
        process = subprocess.Popen(  # noqa: ASYNC220 - starting takes no time worth a thread
            [sys.executable, "-m", *arguments],
            cwd=folder,
            env={**_clean_environment(), **(env or {})},
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
    try:
        yield Child(process, name, log)
    finally:
        await asyncio.shield(asyncio.to_thread(_end, process))


def _end(process: subprocess.Popen[bytes]) -> None:
    """Kindly, then firmly; the group is the session that we opened for it."""
    with suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGTERM)
    with suppress(subprocess.TimeoutExpired):
        process.wait(ENDS_WITHIN)
    with suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()


def _clean_environment() -> dict[str, str]:
    """Ours without its settings: a benchmark must never reach a hospital's database or WeCom."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("CARELOOP_") and name != "DATABASE_URL"}
    return {**kept, "PYTHONPATH": str(ROOT), "PYTHONWARNINGS": "ignore", "RASA_TELEMETRY_ENABLED": "false", "TF_CPP_MIN_LOG_LEVEL": "3"}


async def until(ready: Callable[[], Awaitable[bool]], started: Child, *, patience: float) -> float:
    """Wait for `ready` and return how many seconds that took. Raises BenchError when the child ends, or after `patience` seconds."""
    loop = asyncio.get_running_loop()
    begin = loop.time()
    while not await ready():
        started.check()
        if loop.time() - begin > patience:
            raise BenchError(f"{started.name} was not ready within {patience:.0f} s; its output is {started.log}.")
        await asyncio.sleep(0.05)
    return loop.time() - begin


async def answers(session: aiohttp.ClientSession, url: str) -> bool:
    """Whether `url` answers with success."""
    try:
        async with session.get(url) as answer:
            return answer.ok
    except aiohttp.ClientError:
        return False


def run_to_the_end(work: Coroutine[Any, Any, T]) -> T:
    """Run `work`; on SIGTERM as on Ctrl-C it is cancelled first, so that everything it started is ended."""

    async def guarded() -> T:
        task = asyncio.current_task()
        if task is not None:
            asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, task.cancel)
        return await work

    try:
        return uvloop.run(guarded())
    except asyncio.CancelledError:
        raise SystemExit(128 + signal.SIGTERM) from None
