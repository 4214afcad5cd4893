"""The sandbox's clock: who waits by it is woken when it is moved on."""

import asyncio
from datetime import timedelta

from bot.clock import Clock
from records.database import Database


async def test_who_waits_an_hour_wakes_when_the_clock_is_moved_by_two(db: Database) -> None:
    here, there = Clock(), Clock()
    waits = asyncio.create_task(here.wait(3600))
    await there.store(db, timedelta(minutes=30))
    await here.load(db)
    await asyncio.sleep(0)
    assert not waits.done()
    await there.store(db, timedelta(hours=2))
    await here.load(db)
    async with asyncio.timeout(5):
        await waits


async def test_a_clock_that_is_set_back_keeps_nobody_for_longer_than_he_wanted_to_wait(db: Database) -> None:
    here, there = Clock(), Clock()
    await there.store(db, -timedelta(days=2))
    waits = asyncio.create_task(here.wait(0.05))
    await asyncio.sleep(0)
    await here.load(db)
    async with asyncio.timeout(5):
        await waits
