"""What every role does as a process: hold its folder, listen, run until it is asked to end. Light: the edge needs it too."""

import asyncio
import fcntl
import os
import signal
import ssl
from collections.abc import AsyncIterator, Callable, Iterable
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import IO, Any

from aiohttp import web


class AlreadyServing(Exception):
    """Another `serve` uses the same data folder."""

    code, permanent = "already_serving", True


class DataFolderUnusable(Exception):
    """The data folder cannot be made or written."""

    code, permanent = "data_folder", True


def lock_data(folder: Path) -> IO[str]:
    """Hold the data folder for this process. Raises AlreadyServing, naming the process that has it, and DataFolderUnusable."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        file = (folder / "serve.lock").open("a+")
    except OSError as err:
        raise DataFolderUnusable(f"The data folder {folder} cannot be used: {err.strerror}.") from err
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError as err:
        file.seek(0)
        raise AlreadyServing(f"The data folder {folder} is in use by another CareLoop (process {file.read().strip() or '?'}).") from err
    file.truncate(0)
    file.write(str(os.getpid()))
    file.flush()
    return file


@asynccontextmanager
async def serving(app: web.Application, host: str, port: int, *, tls: ssl.SSLContext | None = None) -> AsyncIterator[None]:
    """Listen on `host` and `port`. Raises OSError when the port is taken."""
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=3)
    await runner.setup()
    try:
        await web.TCPSite(runner, host, port, ssl_context=tls, reuse_address=True).start()
        yield
    finally:
        await runner.cleanup()


async def stopped(leave: Callable[[], None] | None = None, *, linger: float = 0) -> None:
    """Until somebody asks this process to end. Then `leave` is told, and it answers for `linger` seconds more, or until it is asked again:
    whoever sends it requests needs a moment to see that it is no longer ready."""
    asked = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, asked.set)
    await asked.wait()
    if leave is not None:
        leave()
    asked.clear()
    with suppress(TimeoutError):
        await asyncio.wait_for(asked.wait(), linger)


# So long (s) a task may take to end in good order before it is asked again: longer than an engine's jobs may go on.
PATIENCE = 6.0


async def end(tasks: Iterable[asyncio.Task[Any]], *, patience: float = PATIENCE) -> None:
    """Cancel tasks and return when all have ended, whatever they raised; who has not after `patience` seconds is cancelled again.

    A cancellation can get lost: one that comes in the moment in which a wait for a database connection ends is taken for that end.
    """
    left = set(tasks)
    while left:
        for task in left:
            task.cancel()
        done, left = await asyncio.wait(left, timeout=patience)
        for task in done:
            if not task.cancelled():
                # Looked at, so that asyncio does not complain.
                task.exception()
