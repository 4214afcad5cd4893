"""People move to a new version: what stands in both stays, what was sent keeps its version, their own changes come along."""

from typing import Any

import pytest
from sqlalchemy import select

from plans.changing import Changer
from plans.enrolment import EnrolmentError
from plans.hold import pause_plan, resume_plan
from plans.personal import template_of
from plans.template import PlanTemplate
from plans.version_move import move_plan, plans_below
from records.schema import CarePlan, StateChange, Task
from tests.plans.conftest import ZONE, Family, local
from tests.plans.test_planning import DAILY, DAY, on, on_plan, ours, plan_of

assert ours
NOW = local(on(3), 12)


def version(number: int, *steps: dict[str, Any], ours: dict[Any, Any], **fields: Any) -> PlanTemplate:
    template = plan_of(*steps, version=number, **fields)
    ours[template.id, number] = template
    return template


async def standing(family: Family, step: str) -> list[int]:
    rows = await family.tx.scalars(select(Task.day).where(Task.step == step, Task.state == "scheduled").order_by(Task.day))
    return [(day - DAY).days for day in rows]


async def test_what_is_added_withdrawn_and_kept(family: Family, ours: dict[Any, Any]) -> None:
    plan = await on_plan(family, version(1, DAILY, {"id": "old", "schedule": [{"days": [6]}]}, ours=ours), ours)
    first = (await family.tx.scalars(select(Task).order_by(Task.day).limit(1))).one()
    first.state, gone = "sent", (await family.tx.scalars(select(Task).where(Task.step == "old"))).one()
    new = version(2, {"schedule": [{"first": 1, "last": 10}], "title": "快走"}, {"id": "new", "schedule": [{"days": [5, 7]}]}, ours=ours)
    moved = await move_plan(family.tx, plan, new, by="nurse-lin", now=NOW, zone=ZONE)
    became = moved.became
    assert (became.added, became.withdrawn, became.kept, moved.lost) == (2, 5, 9, ())
    assert await standing(family, "new") == [5, 7] and gone.state == "withdrawn"
    assert max(await standing(family, "s0")) == 10
    # What was sent is read as it was asked, for ever.
    assert (await template_of(family.tx, first)).step("s0").title == "散步"
    assert (await template_of(family.tx, (await family.tx.scalars(select(Task).where(Task.day == on(4)))).one())).step("s0").title == "快走"
    change = (await family.tx.scalars(select(StateChange).where(StateChange.reason == "version"))).one()
    assert change.detail == {"version": {"from": 1, "to": 2}}


async def test_a_patients_own_changes_come_along_or_are_told(family: Family, ours: dict[Any, Any]) -> None:
    plan = await on_plan(family, version(1, DAILY, {"id": "old", "schedule": [{"days": [6]}]}, ours=ours), ours)
    changer = Changer(family.tx, plan, by="nurse-lin", now=NOW, zone=ZONE)
    await changer.skip("s0", on(8))
    lost, _ = await changer.change_hours("old", [15])
    body = {"kind": "message", "title": "拆线", "text": "明天来拆线"}
    own, _ = await changer.add_step(body, on(9))
    new = version(2, {"schedule": [{"first": 1, "last": 20}]}, ours=ours)
    moved = await move_plan(family.tx, plan, new, by="nurse-lin", now=NOW, zone=ZONE)
    assert [change.id for change in moved.lost] == [lost.id]
    assert 8 not in await standing(family, "s0") and await standing(family, own.step) == [9]
    assert (await family.tx.scalars(select(Task.id).where(Task.step == own.step, Task.state == "withdrawn"))).all() == []


async def test_a_paused_plan_moves_and_goes_on_by_the_new_version(family: Family, ours: dict[Any, Any]) -> None:
    plan = await on_plan(family, version(1, DAILY, ours=ours), ours)
    await pause_plan(family.tx, plan, why="holiday", by="nurse-lin", now=NOW)
    moved = await move_plan(family.tx, plan, version(2, {"schedule": [{"days": [9]}]}, ours=ours), by="x", now=NOW, zone=ZONE)
    assert moved.became.added == 0 and await standing(family, "s0") == []
    await resume_plan(family.tx, plan, by="nurse-lin", now=NOW, zone=ZONE)
    assert await standing(family, "s0") == [9]


async def test_who_cannot_be_moved(family: Family, ours: dict[Any, Any]) -> None:
    first = version(1, DAILY, ours=ours)
    plan = await on_plan(family, first, ours)
    for template, code in (
        (first, "on_version"),
        (version(1, DAILY, id="other", ours=ours), "not_on_plan"),
        (first.model_copy(update={"version": 2, "anchors": ("discharge", "surgery")}), "anchor_missing"),
    ):
        with pytest.raises(EnrolmentError) as refused:
            await move_plan(family.tx, plan, template, by="nurse-lin", now=NOW, zone=ZONE)
        assert refused.value.code == code
    assert plan.template_version == 1


async def test_whose_plans_are_on_other_versions(family: Family, ours: dict[Any, Any]) -> None:
    plan = await on_plan(family, version(1, DAILY, ours=ours), ours)
    new = version(2, DAILY, ours=ours)
    assert [each.id for each in await plans_below(family.tx, new, [family.team.id])] == [plan.id]
    assert await plans_below(family.tx, new, [family.team.id + 1]) == []
    await move_plan(family.tx, plan, new, by="nurse-lin", now=NOW, zone=ZONE)
    assert await plans_below(family.tx, new, [family.team.id]) == []
    assert (await family.tx.scalars(select(CarePlan.template_version))).all() == [2]
