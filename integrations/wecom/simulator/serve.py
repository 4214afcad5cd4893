"""Running the simulator by itself."""

import asyncio
import random

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
    """Serve until cancelled. Raises OSError if the port is taken and StateFileError for a damaged state file."""
    app = create_app(config, clock=clock or SimClock(), rng=rng or random.Random())  # noqa: S311 (nothing real is protected by it)
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    try:
        await web.TCPSite(runner, host, port).start()
        await asyncio.Event().wait()
    finally:
        await runner.cleanup()
