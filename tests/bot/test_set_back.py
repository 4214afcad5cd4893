"""A clock was an hour ahead for a moment: nothing that was written then waits an hour."""

from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path

import pytest
from sqlalchemy import select

from bot.set_back import SetBack
from integrations.wecom.outbound import text
from records.chat import Chat
from records.database import Database
from records.flag import raise_flag
from records.message import Outbound, enqueue
from tests.bot.conftest import Parrot
from tests.bot.stage import Stage, open_stage

AHEAD = timedelta(hours=1)


@pytest.fixture
async def stage(db: Database, tmp_path: Path) -> AsyncIterator[Stage]:
    async with open_stage(db, Parrot(), tmp_path) as opened:
        yield opened


async def test_what_was_written_by_a_clock_that_was_ahead_goes_when_it_is_set_back(stage: Stage) -> None:
    mother = await stage.family("zhao", {"name": "小满", "days": 400})
    await mother.says("你好")
    watch = SetBack(stage.db, stage.clock)
    await watch.look()
    wrong = stage.clock() + AHEAD
    async with stage.db.transaction() as tx:
        chat = (await tx.scalars(select(Chat))).one()
        for key, not_before in (("at once", None), ("at night", wrong + timedelta(hours=2))):
            await enqueue(
                tx, key, line=f"chat:{chat.id}", route="kf", payload=text(key), purpose="note" if not_before is None else "task",
                chat_id=chat.id, now=wrong, not_before=not_before,
            )  # fmt: skip
        await raise_flag(
            tx, chat, level="emergency", categories=["convulsion"], said="抽搐", because="「抽搐」", evidence=[], now=wrong
        )  # fmt: skip
    stage.clock.offset += AHEAD
    await watch.look()
    stage.clock.offset -= AHEAD
    await watch.look()
    await stage.settle()
    assert await mother.last() == "at once"
    assert [card["task_id"] for card in await stage.cards("linyue")] != []
    async with stage.db.transaction() as tx:
        later = await tx.get_one(Outbound, "at night")
    # What was to wait two hours waits two hours.
    assert later.state == "queued" and timedelta(hours=1, minutes=59) < later.not_before - stage.clock() <= timedelta(hours=2)
