"""What a clinician changes for one patient holds: on what is planned, on what will be, and until it is undone."""

from typing import Any

import pytest
from sqlalchemy import select

from plans.changing import Changer, ChangeRefused, add_task, change_frequency
from plans.enrolment import end_plan
from plans.personal import template_of
from plans.planning import plan_on
from records.schema import CarePlan, CarePlanChange, Task
from tests.plans.conftest import ZONE, Family, local
from tests.plans.test_planning import DAILY, DAY, days_of, on, on_plan, ours, plan_of

assert ours
NOW = local(DAY, 12)


def changer(family: Family, plan: CarePlan) -> Changer:
    return Changer(family.tx, plan, by="nurse-lin", now=NOW, zone=ZONE, reason="家长要求")


async def test_a_day_is_skipped_and_comes_again(family: Family, ours: dict[Any, Any]) -> None:
    plan = await on_plan(family, plan_of(DAILY), ours)
    change, became = await changer(family, plan).skip("s0", on(3))
    assert (became.withdrawn, became.added) == (1, 0) and 3 not in await days_of(family)
    later = await changer(family, plan).skip("s0", on(20))
    for day in range(10, 30, 5):
        await plan_on(family.tx, now=local(on(day), 5), zone=ZONE)
    assert 20 not in await days_of(family) and {19, 21} <= set(await days_of(family))
    assert later[1].withdrawn == 0
    assert (await changer(family, plan).undo(change)).added == 1
    assert 3 in await days_of(family)
    with pytest.raises(ChangeRefused, match="已经撤销"):
        await changer(family, plan).undo(change)


async def test_the_same_follow_up_is_moved(family: Family, ours: dict[Any, Any]) -> None:
    plan = await on_plan(family, plan_of({"schedule": [{"days": [2, 9]}]}), ours)
    before = await family.tx.scalar(select(Task.id).where(Task.day == on(2)))
    _, became = await changer(family, plan).move("s0", on(2), on(4), hour=16)
    assert became.moved == 1 and await days_of(family) == [4, 9]
    task = await family.tx.scalar(select(Task).where(Task.day == on(4)))
    assert task is not None and (task.id, task.due_at) == (before, local(on(4), 16))


async def test_hours_and_frequency_and_one_more(family: Family, ours: dict[Any, Any]) -> None:
    plan = await on_plan(family, plan_of(DAILY), ours)
    await changer(family, plan).change_hours("*", [8, 20])
    assert len(await days_of(family)) == 28
    await change_frequency(family.tx, plan, "s0", 5, days=10, by="rule:x", now=NOW, zone=ZONE)
    assert sorted(set(await days_of(family))) == [1, 6, 11, 12, 13, 14]
    await add_task(family.tx, plan, "s0", on(3), by="rule:x", now=NOW, zone=ZONE)
    assert 3 in await days_of(family)


async def test_other_words_reach_the_family_and_the_rules_stay(family: Family) -> None:
    plan = await family.enrolled()
    await changer(family, plan).change_text("weight_and_feeding", question="weight", ask="今天称了吗？多少？")
    task = await family.task_of(on(1))
    question = (await template_of(family.tx, task)).step(task.step).questions[0]
    assert (question.ask, question.rules) == ("今天称了吗？多少？", "neonatal_weight")
    with pytest.raises(ChangeRefused, match="没有自己的话") as refused:
        await changer(family, plan).change_text("weight_and_feeding", text="今天怎么样")
    assert refused.value.code == "no_text", "a sentence that nobody would ever read"


async def test_a_step_that_the_template_has_not(family: Family, ours: dict[Any, Any]) -> None:
    plan = await on_plan(family, plan_of(DAILY), ours)
    change, became = await changer(family, plan).add_step({"kind": "message", "title": "拆线", "text": "明天来拆线"}, on(5), hour=10)
    assert became.added == 1
    task = await family.tx.scalar(select(Task).where(Task.step == change.step))
    assert task is not None and task.due_at == local(on(5), 10)
    assert (await template_of(family.tx, task)).step(task.step).text == "明天来拆线"
    with pytest.raises(ChangeRefused, match="text"):
        await changer(family, plan).add_step({"kind": "message", "title": "空的"}, on(5))


async def test_what_cannot_be_meant(family: Family, ours: dict[Any, Any]) -> None:
    plan = await on_plan(family, plan_of(DAILY), ours)
    one = changer(family, plan)
    task = await family.task_of(on(1))
    task.state = "sent"
    await family.tx.flush()
    for said, code in (
        (one.skip("gone"), "step_unknown"),
        (one.skip("s0", on(-1)), "past"),
        (one.skip("s0", on(1)), "sent"),
        (one.move("s0", on(2), on(3), hour=22), "quiet"),
        (one.change_hours("s0", []), "no_hours"),
        (one.change_hours("s0", [9, 8]), "no_hours"),
        (one.change_text("s0"), "nothing"),
        (one.change_text("s0", text="长" * 501), "text_long"),
        (one.change_text("s0", question="x", ask="问"), "question_unknown"),
        (one.change_frequency("s0", 0, days=3), "every"),
        (one.add_task("s0", on(-1)), "past"),
    ):
        with pytest.raises(ChangeRefused) as refused:
            await said
        assert (refused.value.code, refused.value.permanent) == (code, True)
    assert (await family.tx.scalars(select(CarePlanChange))).all() == []
    await end_plan(family.tx, plan, state="ended", by="nurse-lin", reason="x", now=NOW)
    with pytest.raises(ChangeRefused, match="已经结束"):
        await one.skip("s0", on(4))
