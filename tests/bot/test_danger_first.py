"""Where more waits than can be done, what may be a danger is heard and handled before the rest."""

import asyncio
from datetime import UTC, datetime
from typing import Any

from bot.bench.people import plant_team
from bot.inbox import store_items
from bot.jobs import URGENT, Job, defer
from bot.sweep import sweep
from records.database import Database
from records.wecom import KfAccount
from tests.bot.test_jobs import running

NOW = datetime(2026, 3, 2, 2, tzinfo=UTC)
ACCOUNT = "wkFirst"


def said(user: str, words: str) -> dict[str, Any]:
    return {
        "msgid": f"said by {user}", "open_kfid": ACCOUNT, "external_userid": user, "send_time": int(NOW.timestamp()), "origin": 3,
        "msgtype": "text", "text": {"content": words},
    }  # fmt: skip


async def worked_off(db: Database, count: int) -> list[str]:
    """What a worker that does one thing at a time takes first."""
    order: list[str] = []

    async def work(key: str) -> None:
        order.append(key)

    async with asyncio.timeout(60), running(db, dict.fromkeys(("drain", "pull"), work), concurrency=1):
        while len(order) < count:  # noqa: ASYNC110 - the engine's own tasks
            await asyncio.sleep(0.02)
    return order


async def test_a_chat_in_danger_is_handled_before_those_that_wait_longer(db: Database) -> None:
    async with db.transaction() as tx:
        await plant_team(tx, [ACCOUNT])
        account = await tx.get_one(KfAccount, ACCOUNT)
        ordinary = [said(f"wmMother{number}", "今天挺好的") for number in range(5)]
        await store_items(tx, ordinary, account, NOW)
        await store_items(tx, [said("wmCalm", "可以洗澡吗"), said("wmAfraid", "刚才抽搐了两分钟")], account, NOW)
        # The same chat's earlier message is handled with it, not after it.
        await store_items(tx, [said("wmMother3", "叫不醒了，嘴唇发紫") | {"msgid": "and then"}], account, NOW)
    # Chats have their numbers in the order of their stores, and of their names in each: five, then wmAfraid and wmCalm.
    assert await worked_off(db, 8) == ["6", "4", "1", "2", "3", "4", "5", "7"]


async def test_what_was_not_heard_yet_is_heard_before_what_waits_is_answered(db: Database) -> None:
    async with db.transaction() as tx:
        await plant_team(tx, [ACCOUNT])
        await defer(tx, [Job("drain", str(number), lock=f"chat:{number}") for number in range(5)], priority=URGENT)
        await defer(tx, [Job("pull", ACCOUNT, lock=f"pull:{ACCOUNT}")], priority=URGENT)
    await sweep(db, lambda: NOW)
    assert await worked_off(db, 6) == [ACCOUNT, "0", "1", "2", "3", "4"]
