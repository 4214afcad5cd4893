"""Every message of a feed once, in order, and whatever bytes come."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import select

from records.database import Database
from records.feed import (
    LANES,
    PACK_ABOVE,
    UNEXPECTED,
    Feed,
    FeedMessage,
    dead_share,
    lane_of,
    lanes_waiting,
    message_row,
    next_messages,
    store_messages,
)

NOW = datetime(2026, 3, 2, 1, 30, tzinfo=UTC)


@pytest.fixture
async def feed(db: Database) -> int:
    async with db.transaction() as tx:
        made = Feed(name="lis", kind="hl7", created_at=NOW)
        tx.add(made)
        await tx.flush()
        return made.id


def row(feed: int, key: str, **given: Any) -> dict[str, Any]:
    return message_row(
        **{"feed_id": feed, "key": key, "body": b"MSH|", "received_at": NOW, "connection": "peer", "kind": "ADT^A01", "order_key": "1"}
        | given
    )


async def test_a_resend_is_stored_once_and_counted(db: Database, feed: int) -> None:
    for _ in range(2):
        async with db.transaction() as tx:
            await store_messages(tx, [row(feed, "a"), row(feed, "b"), row(feed, "a"), row(feed, "c", refused="not_hl7")])
    async with db.transaction() as tx:
        known = await tx.get_one(Feed, feed)
        messages = list(await tx.scalars(select(FeedMessage).order_by(FeedMessage.id)))
        assert await dead_share(tx, feed, 100) == (1, 3)
    assert [message.key for message in messages] == ["a", "b", "c"]
    assert (known.received, known.resent, known.dead, known.last_received_at) == (3, 5, 1, NOW)
    assert [message.state for message in messages] == ["new", "new", "dead"]


async def test_whatever_a_sender_writes_can_be_stored_and_read_back(db: Database, feed: int) -> None:
    large, hostile = b"\0MSH|" + b"QUJD" * (PACK_ABOVE // 2), "nul \0 and half a pair \ud83d " + "x" * 500
    async with db.transaction() as tx:
        await store_messages(tx, [row(feed, hostile, body=large, control_id=hostile, order_key=hostile, kind=hostile)])
    async with db.transaction() as tx:
        message = (await tx.scalars(select(FeedMessage))).one()
    assert message.raw == large and message.size == len(large) and len(message.body) < len(large) // 2
    assert "\0" not in message.key and len(message.key) == 200


async def test_a_failed_message_holds_up_its_own_patient_and_nobody_else(db: Database, feed: int) -> None:
    other = next(f"p{number}" for number in range(100) if lane_of(f"p{number}") == lane_of("1"))
    async with db.transaction() as tx:
        keys = [row(feed, "a"), row(feed, "b", order_key=other), row(feed, "c"), row(feed, "d", order_key=other)]
        await store_messages(tx, keys)
        first = (await tx.scalars(select(FeedMessage).where(FeedMessage.key == "a"))).one()
        first.not_before, first.error_code = NOW + timedelta(minutes=1), UNEXPECTED
    async with db.transaction() as tx:
        lane = lane_of("1")
        assert await lanes_waiting(tx, NOW) == [(feed, lane)]
        now = [message.key for message in await next_messages(tx, feed, lane, NOW, limit=10, size=1 << 20)]
        later = [message.key for message in await next_messages(tx, feed, lane, NOW + timedelta(minutes=2), limit=3, size=1 << 20)]
        small = [message.key for message in await next_messages(tx, feed, lane, NOW + timedelta(minutes=2), limit=3, size=1)]
    assert (now, later, small) == (["b", "d"], ["a", "b", "c"], ["a"])


def test_lanes_do_not_depend_on_the_process() -> None:
    assert [lane_of(key) for key in ("", "1", "住院号")] == [0, 3, lane_of("住院号")]
    assert {lane_of(f"patient {number}") for number in range(200)} == set(range(LANES))
