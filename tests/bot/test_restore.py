"""Back to an earlier moment: what was said and sent since is known again, nothing goes out twice, and what we begin waits for a person."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

import psycopg
import pytest
from sqlalchemy import select, text

from bot.backup import SLOT, BackupError, back_up, follow, recover, running
from bot.doctor import paused
from bot.inbox import look_again
from bot.jobs import Engine
from plans.reach.purpose import PROACTIVE
from records.data_key import check_database
from records.database import Database
from records.keyring import INDEX, Keyring, KeyringError
from records.message import Inbound, Outbound, enqueue
from records.restored import go_on, settle
from tests.bot.stage import ZONE, Stage
from tests.fresh_database import with_database
from tests.keys import KEYRING, Keys


@contextmanager
def slot_dropped(url: str) -> Iterator[None]:
    """The server of all tests must not keep its WAL for a backup that is gone."""
    try:
        yield
    finally:
        with psycopg.connect(url, autocommit=True) as connection:
            connection.execute("select pg_drop_replication_slot(slot_name) from pg_replication_slots where slot_name = %s", [SLOT])


async def moment(db: Database) -> datetime:
    """The database's own, real clock."""
    async with db.transaction() as tx:
        return (await tx.scalar(text("select clock_timestamp()"))).astimezone(UTC)


async def queue(stage: Stage, key: str, *, chat: int, route: str = "kf", at: timedelta = timedelta()) -> None:
    """A message that we begin by ourselves."""
    body = {"msgtype": "text", "text": {"content": key}} if route == "kf" else {"carer_id": 1}
    async with stage.db.transaction() as tx:
        line, now = (f"chat:{chat}" if route == "kf" else "family:1"), stage.clock()
        chat_id = chat if route == "kf" else None
        await enqueue(tx, key, line=line, route=route, payload=body, purpose="content", now=now, chat_id=chat_id, not_before=now + at)


async def states(db: Database) -> dict[str, tuple[str, str | None]]:
    async with db.transaction() as tx:
        return {row.key: (row.state, row.error) for row in await tx.scalars(select(Outbound))}


@asynccontextmanager
async def moved_to(stage: Stage, url: str) -> AsyncIterator[None]:
    """The whole service on another database: the same WeCom, the same handlers."""
    await stage.db.close()
    stage.db._url = url
    await stage.db.open()
    engine = asyncio.create_task(Engine(url, stage.handlers, concurrency=8).run())
    try:
        yield
    finally:
        engine.cancel()
        await asyncio.gather(engine, return_exceptions=True)
        await stage.db.close()


async def test_nothing_is_sent_twice_after_the_database_was_put_back(stage: Stage, database_url: str, tmp_path: Path) -> None:
    with slot_dropped(database_url):
        await put_back(stage, database_url, tmp_path)


async def put_back(stage: Stage, database_url: str, tmp_path: Path) -> None:
    backups, name = tmp_path / "backups", database_url.partition("?")[0].rpartition("/")[2]
    await stage.db.take_up_keys()
    zhao = await stage.family("赵敏", {"name": "小满", "days": 5, "birth_weight_g": 3400})
    await zhao.says("你好")
    await stage.enrol(zhao.patients[0])
    await queue(stage, "content:later", chat=1, at=timedelta(hours=30))
    await queue(stage, "content:text", chat=1, route="sms", at=timedelta(hours=30))
    await asyncio.to_thread(back_up, database_url, backups)
    to, then = await moment(stage.db), stage.clock()
    # What is lost: the next morning's follow-up and its answer, a message of ours, and a family's words.
    await stage.move(timedelta(days=1))
    await queue(stage, "content:sent", chat=1)
    await zhao.says("第二天也好")
    heard, before = await zhao.hears(), await states(stage.db)
    opening = next(key for key, (state, _) in before.items() if key.startswith("task:") and state == "sent")
    opened = heard[1]
    assert heard == ["听到：你好", opened, "听到：第二天也好", "content:sent"] and before["content:sent"][0] == "sent"
    async with stage.db.transaction() as tx:
        highest = await tx.scalar(select(Outbound.seq).order_by(Outbound.seq.desc()).limit(1))
        # What was committed may not be written yet: here nothing is waited for on disk.
        end = await tx.scalar(text("select pg_current_wal_insert_lsn()::text"))
    await asyncio.to_thread(follow, database_url, backups, until=end)
    newest, back = tmp_path / "newest", tmp_path / "back"
    known = await asyncio.to_thread(recover, backups, newest, to=None, begun=datetime.now(UTC))
    await asyncio.to_thread(recover, backups, back, to=to, begun=datetime.now(UTC))
    assert to < known <= datetime.now(UTC)
    with running(newest) as there, running(back) as here:
        here, there = with_database(here, name), with_database(there, name)
        # The keys are in no backup, and a restore without them is refused before anything is replaced.
        check_database(here, KEYRING)
        with pytest.raises(KeyringError, match="lacks the key"):
            check_database(here, Keyring(Keys(INDEX, "k9")))
        with psycopg.connect(here) as connection:
            known_keys = {key for (key,) in connection.execute("select key from outbound")}
        assert opening not in known_keys and "content:sent" not in known_keys and "content:later" in known_keys
        # In the hospital's clock, which the stage moves: the old database ended two days later, its last hours unknown.
        lost, known = then + timedelta(days=2), then + timedelta(days=1)
        counts = await asyncio.to_thread(settle, here, there, to=then, known=known, lost=lost, proactive=PROACTIVE)
        assert counts["carried"] == sum(state == "sent" and key not in known_keys for key, (state, _) in before.items())
        assert counts["in_doubt"] == 1
        async with moved_to(stage, here):
            # As a worker does when it starts: what was said since is pulled again, and its answers are known.
            async with stage.db.transaction() as tx:
                await look_again(tx, timedelta())
            await stage.settle()
            assert await zhao.hears() == heard
            await zhao.says("还在吗")
            async with stage.db.transaction() as tx:
                said = list(await tx.scalars(select(Inbound.text).where(Inbound.msgtype == "text").order_by(Inbound.id)))
            assert said == ["你好", "第二天也好", "还在吗"]
            await stage.move(timedelta(hours=12))
            assert await zhao.hears() == [*heard, "听到：还在吗"]
            [finding] = await paused(stage.db, ZONE)
            assert not finding.ok and "careloop restore go-on" in finding.text
            async with stage.db.transaction() as tx:
                assert await go_on(tx, "何敏", send_in_doubt=False) is not None
                assert await go_on(tx, "何敏", send_in_doubt=False) is None
            await stage.move(timedelta(hours=12))
            assert await paused(stage.db, ZONE) == []
            # What waited, and the third morning's question in the words of the second's: two follow-ups, each sent once.
            assert await zhao.hears() == [*heard, "听到：还在吗", "content:later", opened]
            after = await states(stage.db)
            assert after["content:text"] == ("withdrawn", "in_doubt")
            assert sum(key.endswith(":opening") and state == "sent" for key, (state, _) in after.items()) == 2
            async with stage.db.transaction() as tx:
                assert await tx.scalar(select(Outbound.seq).order_by(Outbound.seq.desc()).limit(1)) > highest + 1000
    with pytest.raises(BackupError, match="no base backup"):
        recover(backups, tmp_path / "never", to=to - timedelta(days=1), begun=to)
