"""What still works when a part is down: without the dialogue model, families, alerts and follow-ups go on."""

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select

from records.care_plan import Task
from records.database import Database
from records.message import Inbound
from tests.bot.stage import Stage, open_stage

NEWBORN = {"name": "小满", "days": 6, "birth_weight_g": 3400, "weeks": 39}


class Broken:
    """A dialogue in which every turn fails."""

    async def turn(self, turn: Any) -> Any:
        raise RuntimeError

    async def prepare(self, *_: Any) -> None:
        """It has no state."""

    save = begin_follow_ups = prepare

    def forget(self, chat_id: int) -> None:
        """It has no memory."""


@pytest.fixture(params=["not loaded", "broken"])
async def stage(request: pytest.FixtureRequest, db: Database, tmp_path: Path) -> AsyncIterator[Stage]:
    async with open_stage(db, None if request.param == "not loaded" else Broken(), tmp_path) as opened:
        yield opened


async def answers(stage: Stage) -> list[str]:
    async with stage.db.transaction() as tx:
        return [outcome.get("answer", "") for outcome in await tx.scalars(select(Inbound.outcome).where(Inbound.origin == 3))]


async def test_without_the_model_danger_people_and_follow_ups_go_on(stage: Stage) -> None:
    mother = await stage.family("zhao", NEWBORN)
    await mother.says("人工智能是什么")
    assert "护士" in await mother.last()
    await stage.enrol(mother.patients[0])
    await stage.settle()
    assert "体重" in await mother.last()
    await mother.says("今天3.5公斤")
    assert "3.5" in await mother.last() or "3500" in await mother.last()
    async with stage.db.transaction() as tx:
        task = (await tx.scalars(select(Task).where(Task.state != "scheduled").order_by(Task.id))).first()
        assert task is not None and task.answers, "the answer is not written down"
    await mother.says("刚才抽搐了两分钟")
    assert "120" in await mother.last()
    await mother.says("转人工！")
    assert (await answers(stage))[-1] == "plain"
    assert {"dialogue_down", "human_request"} <= {flag.category for flag in await stage.flags()}
    assert all(flag.state == "delivered" for flag in await stage.flags())
    assert (await mother.chat())["service_state"] in (2, 3)
