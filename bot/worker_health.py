"""How a worker is, for whoever asks: on a port of its own, or on a socket that the process above it has opened."""

import asyncio
import os
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import aiohttp
from aiohttp import web

from bot.health import PATIENCE, Readiness, add_health_routes

# In the worker's environment: the listening socket that it was given.
HEALTH = "CARELOOP_HEALTH_SOCKET"


def listening_socket() -> socket.socket:
    """For a child: on this machine alone, at a port that nobody else has."""
    made = socket.socket()
    made.bind(("127.0.0.1", 0))
    made.listen(8)
    return made


async def asked(port: int, path: str) -> str | None:
    """What the child answers there; None when it does not, or not with 200."""
    try:
        patience, address = aiohttp.ClientTimeout(total=PATIENCE), f"http://127.0.0.1:{port}{path}"
        async with aiohttp.ClientSession(timeout=patience) as session, session.get(address) as answer:
            return await answer.text() if answer.status == 200 else None
    except (aiohttp.ClientError, TimeoutError):
        return None


@asynccontextmanager
async def worker_health(readiness: Readiness, host: str, port: int | None) -> AsyncIterator[None]:
    """Serve /healthz, /readyz and /metrics at `port`, and at the socket that this process was given. Raises OSError (port taken)."""
    given = os.environ.pop(HEALTH, None)
    if given is None and port is None:
        yield
        return
    app = web.Application()
    add_health_routes(app, {"database": readiness.checks["database"]}, readiness)
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=1)
    await runner.setup()
    try:
        if given is not None:
            await web.SockSite(runner, socket.socket(fileno=int(given))).start()
        if port is not None:
            await web.TCPSite(runner, host, port, reuse_address=True).start()
        yield
    finally:
        # Nobody waits for the last answer to a question that is asked every few seconds.
        await asyncio.shield(runner.cleanup())
