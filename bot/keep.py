"""What a process does again and again beside its work."""

from collections.abc import Awaitable, Callable

import structlog

from bot.app import Core
from records.database import is_lost_connection

log = structlog.get_logger(__name__)


async def keep(step: Callable[[], Awaitable[object]], parts: Core, *, every: float) -> None:
    """Repeat `step` for ever, `every` so many seconds of the hospital's clock; a failure is logged, a lost database healed."""
    while True:
        try:
            await step()
        except Exception as err:
            log.error("loop failed", error=type(err).__name__, code=getattr(err, "code", None))
            if is_lost_connection(err):
                await parts.db.heal()
        await parts.clock.wait(every)
