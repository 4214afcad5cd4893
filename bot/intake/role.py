"""`careloop intake`: the MLLP listener as a process of its own, so that no page, callback or turn holds it up."""

import asyncio

import structlog

from bot.app import core
from bot.heartbeat import beat
from bot.intake.feeds import Known, make_first
from bot.intake.mllp import IntakeError, Listener
from bot.intake.reception import Reception
from bot.intake.store import Store
from bot.process import stopped
from bot.settings import Settings
from bot.watch_database import watch_database

log = structlog.get_logger(__name__)


async def run_intake(settings: Settings) -> None:
    """Listen until SIGTERM or SIGINT. Raises IntakeError without a port or with a bad certificate, OSError when the port is taken."""
    if settings.intake.mllp_port is None:
        raise IntakeError("Setting intake.mllp_port: must be given for `careloop intake`; 2575 is HL7's own.")
    heart = asyncio.create_task(beat())
    async with core(settings, role="intake", pool_size=3) as parts:
        await parts.db.insist(lambda: make_first(parts.db, parts.clock()))
        store, known = Store(parts.db), Known(parts.db)
        listener = Listener(known, Reception(store, parts.clock, settings.tz), settings.intake)
        writing = asyncio.create_task(store.run())
        tasks = [heart, writing, asyncio.create_task(watch_database(parts))]
        async with listener.listening() as port:
            log.info("listening for MLLP", port=port, tls=settings.intake.tls_cert is not None)
            # A listener that cannot store is no use: it ends, and whoever watches over it starts it again.
            tasks.append(asyncio.create_task(stopped()))
            await asyncio.wait({writing, tasks[-1]}, return_when=asyncio.FIRST_COMPLETED)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
