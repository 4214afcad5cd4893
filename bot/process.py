"""What every role does as a process: hold its folder, listen, run until it is asked to end. Light: the edge needs it too."""

import asyncio
import fcntl
import os
import signal
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import IO

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


async def stopped() -> None:
    """Until somebody asks this process to end."""
    stop = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    await stop.wait()
