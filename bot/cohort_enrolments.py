"""The worker's part in putting cohorts on plans: the orders that clinicians gave, a batch of each in turn."""

from collections.abc import Callable
from datetime import datetime
from random import Random
from zoneinfo import ZoneInfo

import structlog

from plans.cohort_enrolment import go_on, running
from records.database import Database, is_lost_connection

log = structlog.get_logger(__name__)

# After so many batches others have their turn; the next look goes on.
ROUNDS = 50


async def enrol_cohorts(db: Database, clock: Callable[[], datetime], zone: ZoneInfo, rng: Random | None = None) -> int:
    """A batch of each order in turn, each in a transaction of its own, until all are done; how many batches it took.

    One that fails is left until the next look, and holds up none behind it.
    """
    done, failed = 0, set[int]()
    while done < ROUNDS:
        async with db.transaction() as tx:
            orders = await running(tx)
        went_on = False
        for order in orders:
            if order in failed:
                continue
            try:
                async with db.transaction() as tx:
                    went_on |= await go_on(tx, order, now=clock(), zone=zone, rng=rng)
            except Exception as err:
                if is_lost_connection(err):
                    raise
                log.error("order of a cohort failed", order=order, error=type(err).__name__, code=getattr(err, "code", None))
                failed.add(order)
            done += 1
        if not went_on:
            break
    return done
