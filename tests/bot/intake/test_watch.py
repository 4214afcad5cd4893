"""Silent, late and failing feeds are told once, and once when it is over."""

from datetime import datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import select

from bot.intake.feeds import add_feed
from bot.intake.gauges import read_gauges
from bot.intake.watch import watch_feeds
from records.database import Database
from records.feed import Feed, FeedMessage, asked, message_row, store_messages
from records.message import Outbound
from records.staff import OnCall, Staff, Team
from tests.bot.intake.conftest import NOW


class Ward:
    """A feed, and what the administrators hear of it."""

    def __init__(self, db: Database, feed: int) -> None:
        self.db, self.feed, self.now, self._count = db, feed, NOW, 0

    async def receives(self, count: int = 1, *, late: timedelta | None = timedelta(), state: str = "applied") -> None:
        rows: list[dict[str, Any]] = []
        for _ in range(count):
            self._count += 1
            at: datetime | None = self.now - late if late is not None else None
            rows.append(
                message_row(
                    feed_id=self.feed, key=str(self._count), body=b"x", received_at=self.now, connection="c", kind="k", order_key="P",
                    event_at=at,
                )
                | {"state": state}
            )  # fmt: skip
        async with self.db.transaction() as tx:
            await store_messages(tx, rows)

    async def hears(self, *, alarm_to: tuple[str, ...] = ("admin",)) -> list[str]:
        """What is new in the outbox after a look at the feeds."""
        async with self.db.transaction() as tx:
            before = set(await tx.scalars(select(Outbound.key)))
        await watch_feeds(self.db, self.now, list(alarm_to))
        async with self.db.transaction() as tx:
            rows = list(await tx.scalars(select(Outbound).where(Outbound.key.not_in(before)).order_by(Outbound.seq)))
        return [f"{row.line.removeprefix('staff:')}: {row.payload['text']['content']}" for row in rows]


@pytest.fixture
async def ward(db: Database) -> Ward:
    async with db.transaction() as tx:
        return Ward(db, (await add_feed(tx, "lis", "hl7", {"silent_after": 30, "late_after": 60}, now=NOW)).id)


async def test_silence_is_told_once_and_its_end_too(ward: Ward) -> None:
    assert await ward.hears() == []
    ward.now += timedelta(minutes=45)
    (told,) = await ward.hears()
    assert told.startswith("admin: 【数据接口】“lis”已经45 分钟没有收到消息")
    ward.now += timedelta(minutes=45)
    assert await ward.hears() == []
    await ward.receives()
    (over,) = await ward.hears()
    assert "恢复正常：无消息已解除" in over
    assert await ward.hears() == []
    ward.now += timedelta(minutes=45)
    assert len(await ward.hears()) == 1


async def test_messages_that_all_come_late_are_told_but_a_single_old_one_is_not(ward: Ward) -> None:
    await ward.receives(9)
    await ward.receives(late=timedelta(days=3))
    assert await ward.hears() == []
    await ward.receives(10, late=timedelta(hours=2))
    (told,) = await ward.hears()
    assert "晚了120 分钟" in told
    await ward.receives()
    assert "数据延迟已解除" in (await ward.hears())[0]


async def test_nothing_is_known_of_lateness_where_a_message_does_not_say_its_time(ward: Ward) -> None:
    await ward.receives(9, late=timedelta(hours=2))
    await ward.receives(late=None)
    assert await ward.hears() == []


async def test_a_backlog_is_late_too(ward: Ward) -> None:
    await ward.receives(state="new")
    ward.now += timedelta(minutes=29)
    assert await ward.hears() == []
    async with ward.db.transaction() as tx:
        (await tx.scalars(select(FeedMessage))).one().received_at = ward.now - timedelta(minutes=61)
    assert "晚了61 分钟" in (await ward.hears())[0]


async def test_dead_letters_in_numbers_are_told_a_few_are_not(ward: Ward) -> None:
    await ward.receives(4, state="dead")
    assert await ward.hears() == []
    await ward.receives(10)
    await ward.receives(2, state="dead")
    (told,) = await ward.hears()
    assert "最近 16 条消息中有 6 条无法处理" in told
    await ward.receives(90)
    assert "处理失败已解除" in (await ward.hears())[0]


async def test_where_nobody_is_named_the_first_on_call_hear_it(ward: Ward) -> None:
    async with ward.db.transaction() as tx:
        team = Team(name="随访组")
        people = [Staff(userid=userid, name=userid, title="护士") for userid in ("lin", "qin")]
        tx.add_all([team, *people])
        await tx.flush()
        tx.add_all([OnCall(team_id=team.id, staff_id=person.id, tier=tier) for tier, person in enumerate(people, 1)])
    ward.now += timedelta(minutes=45)
    assert [told.partition(":")[0] for told in await ward.hears(alarm_to=())] == ["lin"]


async def test_how_the_feeds_stand_is_on_the_metrics_page(ward: Ward) -> None:
    from prometheus_client import generate_latest

    await ward.receives(2)
    await ward.receives(3, state="new")
    await ward.receives(state="dead")
    await read_gauges(ward.db, ward.now + timedelta(seconds=30))
    page = generate_latest().decode()
    for line in (
        'careloop_feed_messages{feed="lis",outcome="received"} 6.0',
        'careloop_feed_waiting{feed="lis"} 3.0',
        'careloop_feed_dead{feed="lis"} 1.0',
        'careloop_feed_silence_seconds{feed="lis"} 30.0',
    ):
        assert line in page


async def test_a_source_that_is_asked_in_vain_is_told_after_a_while(ward: Ward) -> None:
    async def is_asked(failure: str | None) -> None:
        async with ward.db.transaction() as tx:
            feed = await tx.get_one(Feed, ward.feed)
            feed.mark = asked(feed.mark, ward.now, failure)

    await ward.receives()
    await is_asked("unreachable")
    ward.now += timedelta(minutes=10)
    await is_asked("unreachable")
    assert await ward.hears() == []
    ward.now += timedelta(minutes=6)
    (told,) = await ward.hears()
    assert "已经16 分钟读不到对方的系统" in told
    await is_asked(None)
    assert await ward.hears() == ["admin: 【数据接口】“lis”恢复正常：读不到已解除。"]
