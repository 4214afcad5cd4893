"""The worker's part in cohorts, searches and what is sealed: rounds of upkeep, as many as there is news for."""

from collections.abc import Callable
from datetime import datetime
from zoneinfo import ZoneInfo

import structlog

from records.database import Database
from records.resealing import reseal_some
from records.search_entry import AT_ONCE as SEARCHES_AT_ONCE
from records.search_entry import take_in
from tagging.cohort.upkeep import AT_ONCE, Kept, keep_up

log = structlog.get_logger(__name__)

# After so many rounds others have their turn; the next second goes on.
ROUNDS = 20


async def keep_cohorts(db: Database, clock: Callable[[], datetime], zone: ZoneInfo) -> Kept:
    """Take in what is new, each round in a transaction of its own, until there is less than a full round; the sum of all."""
    total = Kept()
    for _ in range(ROUNDS):
        async with db.transaction() as tx:
            kept = await keep_up(tx, now=clock(), zone=zone)
        if kept.refused:
            log.error("cohorts cannot be read, their members stay as they are", cohorts=list(kept.refused))
        total = total.plus(kept)
        if max(kept.heard, kept.due) < AT_ONCE:
            break
    return total


async def keep_searches(db: Database) -> int:
    """Take in what is new of names and numbers, in the same way; how many news that were."""
    total = 0
    for _ in range(ROUNDS):
        async with db.transaction() as tx:
            total += (heard := await take_in(tx))
        if heard < SEARCHES_AT_ONCE:
            break
    return total


async def keep_sealed(db: Database) -> int:
    """Seal anew what is not sealed with the active key, a batch a transaction, until all is; how many rows were looked at."""
    total = 0
    while True:
        async with db.transaction() as tx:
            rows = await reseal_some(tx)
        if not rows:
            return total
        total += rows
