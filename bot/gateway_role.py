"""`careloop gateway`: callbacks, contents and health as a process of its own, which stays small: it knows no language and no plan."""

import asyncio

from bot.app import add_content_pages, core
from bot.health import Readiness, add_health_routes
from bot.process import end, serving, stopped
from bot.settings import Settings
from bot.watch_database import watch_database
from bot.web import gateway_app


async def run_gateway(settings: Settings) -> None:
    """Serve until SIGTERM or SIGINT. Raises OSError when the port is taken."""
    async with core(settings, role="gateway", pool_size=4) as parts:
        app = gateway_app(parts)
        add_content_pages(app, parts)
        checks = {"database": parts.db.ready}
        readiness = Readiness(checks)
        add_health_routes(app, checks, readiness)
        async with serving(app, settings.host, settings.port):
            watching = asyncio.create_task(watch_database(parts))
            await stopped(readiness.leave, linger=settings.linger)
            await end([watching])
