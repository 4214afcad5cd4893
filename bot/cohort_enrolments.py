"""The worker's part in putting cohorts on plans: the orders that clinicians gave, a batch of each in turn."""

from collections.abc import Callable
from datetime import datetime
from random import Random
from zoneinfo import ZoneInfo

from plans.cohort_enrolment import go_on, running
from records.database import Database

# After so many batches others have their turn; the next look goes on.
ROUNDS = 50


async def enrol_cohorts(db: Database, clock: Callable[[], datetime], zone: ZoneInfo, rng: Random | None = None) -> int:
    """A batch of each order in turn, each in a transaction of its own, until all are done; how many batches it took."""
    done = 0
    while done < ROUNDS:
        async with db.transaction() as tx:
            orders = await running(tx)
        went_on = False
        for order in orders:
            async with db.transaction() as tx:
                went_on |= await go_on(tx, order, now=clock(), zone=zone, rng=rng)
            done += 1
        if not went_on:
            break
    return done
