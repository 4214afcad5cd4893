"""The content centre at work: pushes that are due, versions whose time is over, and reviews that are due."""

from collections.abc import Callable
from datetime import datetime
from zoneinfo import ZoneInfo

import structlog

from bot import metrics
from bot.jobs import NORMAL
from bot.lines import deliver
from plans.content.lifecycle import expire_due
from plans.content.push import run_pushes
from plans.content.review_due import remind_of_reviews
from records.database import Database

log = structlog.get_logger(__name__)

JOB = "push_contents"


class ContentPushes:
    """Sends what is due. `page` says that families can open a content's page."""

    def __init__(self, db: Database, clock: Callable[[], datetime], zone: ZoneInfo, *, page: bool) -> None:
        self._db, self._clock, self._zone, self._page = db, clock, zone, page

    async def run(self, key: str) -> None:
        """Look at everything that is due, a hundred at a time. A repeat finds nothing."""
        while True:
            async with self._db.transaction() as tx:
                done, lines = await run_pushes(tx, self._clock(), self._zone, page=self._page)
                await deliver(tx, lines, priority=NORMAL)
            for state, count in done.items():
                metrics.CONTENT_PUSHES.labels(state).inc(count)
            if not done:
                return


async def keep_contents(db: Database, clock: Callable[[], datetime], zone: ZoneInfo) -> None:
    """End what is over and remind of reviews."""
    now = clock()
    async with db.transaction() as tx:
        ended = await expire_due(tx, now)
        lines = await remind_of_reviews(tx, now, zone)
        await deliver(tx, lines, priority=NORMAL)
    if ended:
        log.info("contents expired", contents=ended)
