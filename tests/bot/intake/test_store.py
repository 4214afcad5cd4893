"""Many messages in a commit, and each sender hears what became of its own."""

import asyncio
from collections.abc import AsyncIterator

import pytest
from sqlalchemy import select, text

from bot.intake.feeds import add_feed
from bot.intake.store import NotStored, Store
from records.database import Database
from records.feed import FeedMessage, message_row
from tests.bot.intake.conftest import NOW


@pytest.fixture
async def store(db: Database) -> AsyncIterator[Store]:
    async with db.transaction() as tx:
        await add_feed(tx, "lis", "hl7", {}, now=NOW)
    made = Store(db)
    writing = asyncio.create_task(made.run())
    yield made
    writing.cancel()


def put(store: Store, key: str, feed: int = 1) -> asyncio.Future[None]:
    return store.put(message_row(feed_id=feed, key=key, body=b"x", received_at=NOW, connection="c", kind="k", order_key="p"))


async def test_what_came_together_is_committed_together(store: Store, db: Database) -> None:
    await asyncio.gather(*(put(store, str(number)) for number in range(50)))
    async with db.transaction() as tx:
        commits = await tx.scalar(select(text("count(distinct xmin::text)")).select_from(FeedMessage))
        keys = list(await tx.scalars(select(FeedMessage.key).order_by(FeedMessage.id)))
    assert commits == 1 and keys == [str(number) for number in range(50)]


async def test_one_that_cannot_be_stored_costs_the_others_nothing(store: Store, db: Database) -> None:
    told = await asyncio.gather(*(put(store, str(number), feed=99 if number == 2 else 1) for number in range(5)), return_exceptions=True)
    assert [isinstance(each, NotStored) for each in told] == [False, False, True, False, False]
    async with db.transaction() as tx:
        assert list(await tx.scalars(select(FeedMessage.key).order_by(FeedMessage.id))) == ["0", "1", "3", "4"]
