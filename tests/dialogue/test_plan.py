"""What is to come, how it has gone, and a pause."""

from datetime import timedelta

import pytest
from sqlalchemy import select

from plans.guard import decide
from records.care_plan import Task
from records.chat import Chat
from records.patient import Carer
from tests.dialogue.conftest import ZONE, Family

pytestmark = pytest.mark.dialogue


async def test_the_trend_of_the_weight_is_told_in_words(family: Family) -> None:
    await family.says("6斤4两")
    family.now += timedelta(days=4)
    await family.says("6斤8两")
    said = await family.says("最近体重长得怎么样")
    assert "3月2日3.20公斤" in said
    assert "3月6日3.40公斤" in said
    assert "4天长了200克" in said
    assert "每天约50克" in said
    assert "医生" in said


async def test_one_reading_is_no_trend(family: Family) -> None:
    await family.says("体温36.8")
    assert "只有一次" in await family.says("体温变化怎么样")
    assert "没有" in await family.says("体重趋势给我看看")


async def test_what_is_to_come_is_listed(family: Family) -> None:
    await family.is_asked()
    await family.says("6斤8两")
    await family.says("吃了8次奶，每次60毫升，换了7片尿布")
    said = await family.says("后面还有哪些随访")
    assert "体重和喂养" in said
    assert "3月3日" in said


async def decision(family: Family) -> tuple[str, str]:
    """What the guard says tomorrow morning."""
    tomorrow = family.now + timedelta(days=1)
    async with family.db.transaction() as tx:
        task = await tx.scalar(select(Task).where(Task.state == "scheduled", Task.due_at > family.now).order_by(Task.due_at))
        chat = await tx.get_one(Chat, family.chat_id)
        chat.window_from = family.now
        made = decide(task, chat, await tx.get(Carer, chat.carer_id), now=max(tomorrow, task.due_at), zone=ZONE)
    return made.kind, made.reason


async def test_a_pause_of_so_many_days_holds_the_follow_ups_back(family: Family) -> None:
    await family.is_asked()
    assert (await decision(family))[0] == "send"
    said = await family.says("我们住院了，随访先停一周")
    assert "3月9日" in said
    assert await decision(family) == ("wait", "paused")
    await family.says("恢复随访")
    assert (await decision(family))[0] == "send"


async def test_how_long_is_asked_and_tapped(family: Family) -> None:
    await family.is_asked()
    await family.says("这几天住院，先别问了")
    assert list(family.choices) == ["pause_3", "pause_7", "pause_14"]
    assert "3月5日" in await family.says("3天", menu_id="pause_3")
    assert await decision(family) == ("wait", "paused")


async def test_said_wrong_without_the_right_value_is_asked_and_put_right(family: Family) -> None:
    await family.says("体温37.8")
    assert "正确" in await family.says("刚才说错了")
    said = await family.says("36.8度")
    assert "36.8" in said
    assert "更正" in said or "改" in said
    assert await family.recorded("temperature") == [37.8, 36.8]
    assert "只有一次" in await family.says("体温趋势")


async def test_a_correction_with_its_value_replaces_at_once(family: Family) -> None:
    await family.says("今天体重3.4公斤")
    await family.says("说错了，是3.5公斤")
    assert "3.50公斤" in await family.says("体重变化")
    assert "只有一次" in await family.says("体重变化")
