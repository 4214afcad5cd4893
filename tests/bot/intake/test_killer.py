"""A message that kills its process again and again ends as a dead letter, and everything else is applied."""

import asyncio
import signal
import sys

import pytest
from sqlalchemy import select, text

from bot.intake.applying import KILLED
from bot.intake.feeds import add_feed
from records.database import Database
from records.feed import FeedMessage, lane_of, message_row, store_messages
from records.feed_lane import BATCH_STARTS, MESSAGE_STARTS, FeedLane
from records.setting import Setting
from tests.bot.intake.conftest import NOW

MORTAL = "tests.bot.intake.mortal"


async def test_a_message_that_kills_its_process_ends_as_a_dead_letter(db: Database) -> None:
    bodies = ("one", "two", "deadly", "three", "four")
    async with db.transaction() as tx:
        feed = (await add_feed(tx, "lis", "hl7", {}, now=NOW)).id
        rows = [
            message_row(feed_id=feed, key=body, body=body.encode(), received_at=NOW, connection="c", kind="k", order_key="P1")
            for body in bodies
        ]
        await store_messages(tx, rows)
    key, deaths = f"{feed}:{lane_of('P1')}", 0
    while await _waits(db):
        deaths += await _runs(str(db.engine.url.render_as_string(hide_password=False)), key) == -signal.SIGKILL
        assert deaths <= BATCH_STARTS + MESSAGE_STARTS
    async with db.transaction() as tx:
        stored = {each.raw.decode(): each for each in await tx.scalars(select(FeedMessage))}
        applied = set(await tx.scalars(select(Setting.name).where(Setting.name.startswith("applied"))))
    assert {body: each.state for body, each in stored.items()} == {**dict.fromkeys(bodies, "applied"), "deadly": "dead"}
    assert stored["deadly"].error_code == KILLED and deaths == BATCH_STARTS + MESSAGE_STARTS
    assert applied == {f"applied {body}" for body in bodies if body != "deadly"}


async def _waits(db: Database) -> bool:
    async with db.transaction() as tx:
        return bool(await tx.scalar(text("select exists (select from feed_message where state = 'new')")))


async def _runs(url: str, key: str) -> int | None:
    process = await asyncio.create_subprocess_exec(sys.executable, "-m", MORTAL, url, key, NOW.isoformat())
    return await asyncio.wait_for(process.wait(), 120)


def untouched() -> FeedLane:
    return FeedLane(feed_id=1, lane=0, starts=0, careful=0, message_id=None, message_starts=0)


@pytest.mark.parametrize("ends", [1, 2, 7])
def test_a_lane_whose_tries_end_is_never_careful(ends: int) -> None:
    lane = untouched()
    for _ in range(ends):
        lane.begins(4, 100)
        lane.ended()
    assert (lane.starts, lane.careful, lane.killer) == (0, 0, None)


def test_a_lane_is_careful_until_the_killer_is_found() -> None:
    lane = untouched()
    for _ in range(BATCH_STARTS + 1):
        lane.begins(4, 3)
    assert lane.careful == 3
    lane.ended()
    for _ in range(MESSAGE_STARTS):
        lane.begins(5, 3)
        assert lane.killer is None
    lane.begins(5, 3)
    assert lane.killer == 5
    lane.ended()
    assert (lane.careful, lane.killer) == (0, None)


def test_a_lane_is_careful_for_one_batch() -> None:
    lane = untouched()
    for _ in range(BATCH_STARTS + 1):
        lane.begins(4, 3)
    for first in (5, 6, 7):
        lane.ended()
        lane.begins(first, 3)
    assert lane.careful == 0
