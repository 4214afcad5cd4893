"""What was begun goes out many chats at a time, and what is in any way else goes its own way."""

import random
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any
from zoneinfo import ZoneInfo

from sqlalchemy import select, text, update
from sqlalchemy.ext.asyncio import AsyncSession

from bot.bench.people import plant_chats, plant_team
from bot.bulk import BulkOutbox, lanes_waiting
from bot.jobs import BULK
from bot.lines import hand_over
from bot.outbox import Outbox
from plans.reach.purpose import PROACTIVE
from records.chat import Chat
from records.database import Database
from records.message import BEGUN, LANES, Outbound, enqueue, enqueue_all
from records.patient import Carer

ZONE = ZoneInfo("Asia/Shanghai")
TEN = datetime(2026, 3, 10, 10, tzinfo=ZONE).astimezone(UTC)
NIGHT = datetime(2026, 3, 10, 23, tzinfo=ZONE).astimezone(UTC)
FAMILIES = 30


@dataclass
class Wire:
    """WeCom's end of the wire: takes every message, and what happens meanwhile."""

    db: Database
    sent: list[str] = field(default_factory=list)
    speaks: bool = False
    spoke: int | None = None

    async def post(self, path: str, body: dict[str, Any], **_: Any) -> dict[str, Any]:
        self.sent.append(body["touser"])
        if self.speaks:
            self.speaks = False
            async with self.db.transaction() as tx:
                chat = (await tx.scalars(select(Chat.id).where(Chat.external_userid == body["touser"]))).one()
                said = {"msgtype": "text", "text": {"content": "好的"}}
                await enqueue(tx, "reply:1", line=f"chat:{chat}", route="kf", payload=said, purpose="reply", now=TEN, chat_id=chat)
            self.spoke = chat
        return {"errcode": 0, "msgid": body["msgid"]}


async def plant(db: Database) -> list[int]:
    """Thirty families who wrote a moment ago, each with a lesson to come."""
    async with db.transaction() as tx:
        await plant_team(tx, ["wkA"])
        chats = await plant_chats(tx, FAMILIES, prefix="wm", now=TEN, zone=ZONE)
        await tx.execute(update(Chat).values(window_from=TEN, service_state=1))
        rows = [
            {"key": f"lesson:{chat}", "line": f"chat:{chat}", "route": "kf", "payload": {"msgtype": "text", "text": {"content": "你好"}}}
            | {"purpose": "push", "chat_id": chat, "not_before": TEN, "useful_until": None, "created_at": TEN}
            for chat in chats
        ]
        await enqueue_all(tx, rows)
        await hand_over(tx, rows, priority=BULK)
        await hand_over(tx, rows, priority=BULK)
    return chats


async def go(db: Database, wire: Wire, now: datetime) -> None:
    outbox = Outbox(db, wire, lambda: now, agent_id=1, emergency_phone="120", zone=ZONE, rng=random.Random(1))  # type: ignore[arg-type]
    bulk = BulkOutbox(db, outbox, lambda: now, ZONE)
    for lane in range(LANES):
        await bulk.run(str(lane))


async def states(tx: AsyncSession) -> dict[str, str]:
    return {row.key: row.state for row in await tx.scalars(select(Outbound).execution_options(populate_existing=True))}


def test_the_index_knows_what_we_begin() -> None:
    assert BEGUN.endswith(f"purpose in {tuple(sorted(PROACTIVE))}")


async def test_each_family_hears_once_and_it_counts(db: Database) -> None:
    await plant(db)
    wire = Wire(db)
    await go(db, wire, TEN)
    await go(db, wire, TEN)
    async with db.transaction() as tx:
        assert set((await states(tx)).values()) == {"sent"}
        assert set(await tx.scalars(select(Chat.window_used))) == {1}
        assert not await lanes_waiting(tx, TEN)
        jobs = sorted(await tx.scalars(text("select task_name from procrastinate_jobs")))
    assert len(wire.sent) == len(set(wire.sent)) == FAMILIES
    assert jobs == ["deliver_lane"] * LANES


async def test_who_stopped_and_who_sleeps_hears_nothing(db: Database) -> None:
    chats = await plant(db)
    async with db.transaction() as tx:
        await tx.execute(
            update(Carer).where(Carer.id == select(Chat.carer_id).where(Chat.id == chats[0]).scalar_subquery()).values(stopped_at=TEN)
        )
    wire = Wire(db)
    await go(db, wire, NIGHT)
    async with db.transaction() as tx:
        found = await states(tx)
    assert not wire.sent
    assert found.pop(f"lesson:{chats[0]}") == "withdrawn"
    assert set(found.values()) == {"queued"}


async def test_an_answer_that_came_behind_it_is_handed_on(db: Database) -> None:
    await plant(db)
    wire = Wire(db, speaks=True)
    await go(db, wire, TEN)
    async with db.transaction() as tx:
        assert (await states(tx))["reply:1"] == "queued"
        assert f"chat:{wire.spoke}" in set(await tx.scalars(text("select lock from procrastinate_jobs where task_name = 'deliver'")))
