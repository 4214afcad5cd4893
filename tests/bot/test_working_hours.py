"""A team rests: danger goes to whoever is on call as ever, a question waits for the morning, and the family hears what is true."""

from datetime import datetime, time, timedelta
from pathlib import Path

import pytest
from sqlalchemy import delete

from bot.escalation import ladders
from plans.ask_team import ask_team
from plans.keep_hours import clear_hours, set_week
from records.chat import Chat
from records.staff import OnCall, Team
from tests.bot.stage import ZONE, Family, Stage

DAY = ((time(8), time(12)), (time(14), time(17, 30)))


async def at_night(stage: Stage) -> Family:
    """It is 22:00, the team works from 8:00, and a mother has just written."""
    async with stage.db.transaction() as tx:
        await set_week(tx, await tx.get_one(Team, stage.team), [DAY] * 7, by="hemin", now=stage.clock())
    mother = await stage.family("zhao", {"name": "小满", "days": 400})
    here = stage.clock().astimezone(ZONE)
    await stage.move(datetime.combine(here.date(), time(22), tzinfo=ZONE) - here)
    return mother


async def asks(stage: Stage, mother: Family) -> None:
    """The assistant brings her question to the team."""
    async with stage.db.transaction() as tx:
        chat = (await tx.scalars(Chat.__table__.select().with_only_columns(Chat.id))).one()
        await ask_team(tx, await tx.get_one(Chat, chat), mother.patients[0], "能游泳吗", message_id=None, now=stage.clock())
    await stage.settle()


async def test_a_question_waits_until_the_team_works(stage: Stage) -> None:
    mother = await at_night(stage)
    await mother.says("你好")
    await asks(stage, mother)
    (flag,) = await stage.flags()
    assert (flag.state, flag.round) == ("raised", 0) and await stage.cards("linyue") == []
    assert flag.next_at is not None and f"{flag.next_at.astimezone(ZONE):%H:%M}" == "08:00"
    await stage.move(timedelta(hours=9, minutes=59))
    assert await stage.cards("linyue") == []
    await stage.move(timedelta(minutes=2))
    assert len(await stage.cards("linyue")) == 1
    # Four hours later is lunch, which ends at 14:00.
    await stage.move(timedelta(hours=4))
    assert len(await stage.cards("linyue")) == 1
    await stage.move(timedelta(hours=2))
    assert len(await stage.cards("linyue")) == 2


async def test_new_hours_count_for_what_waits(stage: Stage) -> None:
    mother = await at_night(stage)
    await mother.says("你好")
    await asks(stage, mother)
    async with stage.db.transaction() as tx:
        await clear_hours(tx, await tx.get_one(Team, stage.team), by="hemin", now=stage.clock())
    await stage.settle()
    assert len(await stage.cards("linyue")) == 1


async def test_danger_and_a_call_for_a_person_wait_for_nobody(stage: Stage) -> None:
    mother = await at_night(stage)
    await mother.says("转人工")
    assert "现在是休息时间，已经通知值班护士" in await mother.last() and "明天8:00上班" in await mother.last()
    assert len(await stage.cards("linyue")) == 1
    other = await stage.family("qian", {"name": "豆豆", "days": 400})
    await other.says("孩子抽搐了")
    assert "休息" not in "".join(await other.hears())
    assert len(await stage.cards("linyue")) == 2


async def test_with_nobody_on_call_the_family_hears_when_somebody_is(stage: Stage) -> None:
    mother = await at_night(stage)
    async with stage.db.transaction() as tx:
        await tx.execute(delete(OnCall))
    await mother.says("转人工")
    assert "没有护士值班" in await mother.last() and "明天8:00上班后会处理" in await mother.last()
    # In the morning nothing of it is said.
    await stage.move(timedelta(hours=10))
    await mother.says("转人工")
    assert "现在没有护士在线" in await mother.last()


@pytest.mark.parametrize("level", ["emergency", "urgent"])
def test_no_file_lets_danger_wait(tmp_path: Path, level: str) -> None:
    text = Path("bot/escalation.yml").read_text("utf-8")
    file = tmp_path / "escalation.yml"
    file.write_text(text.replace(f"{level}: {{", f"{level}: {{outside_hours: all, "), "utf-8")
    with pytest.raises(ValueError, match=level):
        ladders(file)
