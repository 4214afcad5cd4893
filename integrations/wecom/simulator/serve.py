"""Running the simulator by itself."""

import asyncio
import contextlib
import random
import signal

from aiohttp import web

from integrations.wecom.simulator.app import create_app
from integrations.wecom.simulator.clock import SimClock
from integrations.wecom.simulator.config import SimulatorConfig


async def serve_simulator(
    config: SimulatorConfig,
    *,
    host: str = "127.0.0.1",
    port: int = 8099,
    clock: SimClock | None = None,
    rng: random.Random | None = None,
) -> None:
    """Serve until cancelled or told to end (SIGTERM); the state is written a last time.

    Raises OSError if the port is taken and StateFileError for a damaged state file.
    """
    app = create_app(config, clock=clock or SimClock(), rng=rng or random.Random())  # noqa: S311 (nothing real is protected by it)
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    try:
        await web.TCPSite(runner, host, port).start()
        await _told_to_end()
    finally:
        await runner.cleanup()


async def _told_to_end() -> None:
    ended = asyncio.Event()
    # Outside the main thread there are no signals: then only a cancellation ends it.
    with contextlib.suppress(NotImplementedError, RuntimeError, ValueError):
        asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, ended.set)
    await ended.wait()
