"""A role without a worker's loops looks after its database by itself."""

import asyncio

import structlog
from sqlalchemy.exc import DBAPIError

from bot.app import Core

log = structlog.get_logger(__name__)


async def watch_database(parts: Core, every: float = 1.0) -> None:
    """Start the embedded database again when it has gone; follow the sandbox's clock."""
    while True:
        await asyncio.sleep(every)
        try:
            if parts.settings.sandbox:
                await parts.clock.load(parts.db)
            elif not await parts.db.ready():
                await parts.db.heal()
        except (DBAPIError, OSError) as err:
            log.error("database lost", error=type(err).__name__)
            await parts.db.heal()
