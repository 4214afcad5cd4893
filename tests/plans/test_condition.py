"""Conditions of steps and plans, judged on the record as it is at that moment."""

from datetime import date, timedelta

import pytest
from sqlalchemy import select

from plans import definition
from plans.condition import CONDITION, conditions_hold, meant_for, withdraw_where_false
from plans.template import PlanTemplate, load_templates
from records.schema import Task
from tests.plans.conftest import BIRTH, DISCHARGE, ZONE, Family, local

NOW = local(DISCHARGE + timedelta(days=1), 9)


async def with_condition(family: Family, only_if: str, monkeypatch: pytest.MonkeyPatch) -> list[Task]:
    raw = load_templates()["neonatal"].model_dump(mode="json")
    raw["steps"][0]["only_if"] = only_if
    changed = PlanTemplate.model_validate(raw)
    await family.enrolled()
    monkeypatch.setattr(definition, "find_template", lambda id, version: changed)
    return list(await family.tx.scalars(select(Task).order_by(Task.day)))


@pytest.mark.parametrize(
    "only_if, holds",
    [
        ("性别 女", True),
        ("性别 男", False),
        ("月龄 0..2", True),
        ("非 月龄 0..2", False),
        ("最近 体重 > 3", False),
        ("标签 没有这个标签", False),
    ],
)
async def test_a_step_goes_out_where_its_condition_holds(
    family: Family, only_if: str, holds: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    tasks = await with_condition(family, only_if, monkeypatch)
    found = await conditions_hold(family.tx, tasks, NOW, ZONE)
    assert found == {task.id: holds for task in tasks}


async def test_one_that_does_not_hold_is_withdrawn_with_its_reason(family: Family, monkeypatch: pytest.MonkeyPatch) -> None:
    first, *others = await with_condition(family, "性别 男", monkeypatch)
    assert await withdraw_where_false(family.tx, [first], NOW, ZONE) == {first.id}
    assert (first.state, first.outcome) == ("withdrawn", CONDITION)
    assert {task.state for task in others} == {"scheduled"}
    assert await withdraw_where_false(family.tx, [first], NOW, ZONE) == set()


async def test_a_task_without_condition_always_holds(family: Family) -> None:
    await family.enrolled()
    tasks = list(await family.tx.scalars(select(Task)))
    assert set((await conditions_hold(family.tx, tasks, NOW, ZONE)).values()) == {True}
    assert await conditions_hold(family.tx, [], NOW, ZONE) == {}


async def test_for_whom_a_plan_is_meant(family: Family) -> None:
    template = load_templates()["neonatal"]
    id = family.patient.id
    assert await meant_for(family.tx, template, [id], NOW, ZONE) == {id: True}
    for sentence, verdict in (("日龄 < 30", True), ("日龄 > 30", False), ("最近 体重 > 3", None)):
        asked = template.model_copy(update={"enrol_if": sentence})
        assert await meant_for(family.tx, asked, [id, 999], NOW, ZONE) == {id: verdict, 999: None}
    assert date(2026, 4, 1) > BIRTH
