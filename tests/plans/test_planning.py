"""Follow-ups are made two weeks ahead and planned on; what changes the plan changes them."""

from collections.abc import Sequence
from datetime import date, timedelta
from typing import Any

import pytest
from sqlalchemy import func, select, update

from bot.planning import Planning
from plans import definition
from plans.anchor import give_anchor, known_anchors, record_changed
from plans.enrolment import EnrolmentError, end_plan, enrol
from plans.finish import finish
from plans.hold import pause_plan, resume_due, resume_plan, stay_began, stay_ended
from plans.planning import plan_on, plan_these
from plans.schedule import schedule
from plans.template import PlanTemplate
from plans.timeline import NEVER
from plans.upcoming import upcoming
from records.database import Database
from records.schema import Appointment, CarePlan, Encounter, Outbound, Patient, StateChange, Task
from tests.plans.conftest import BIRTH, DISCHARGE, ZONE, Family, local, make_family

DAY = DISCHARGE


def on(days: int) -> date:
    return DAY + timedelta(days=days)


def plan_of(*steps: dict[str, Any], later: Sequence[str] = (), id: str = "walks", version: int = 1) -> PlanTemplate:
    whole = [
        {"id": f"s{n}", "kind": "message", "title": "散步", "anchor": "discharge", "text": "走一走", **step} for n, step in enumerate(steps)
    ]
    for step in whole:
        step["schedule"] = [{"src": "R", **phase} for phase in step["schedule"]]
    head = {"id": id, "version": version, "title": "散步", "department": "儿科", "needs_clinician_review": True, "anchors": ["discharge"]}
    return PlanTemplate.model_validate(head | {"later": list(later), "steps": whole})


@pytest.fixture
def ours(monkeypatch: pytest.MonkeyPatch) -> dict[tuple[str, int], PlanTemplate]:
    """Templates that a test puts here are found as if they were shipped."""
    found: dict[tuple[str, int], PlanTemplate] = {}
    monkeypatch.setattr(definition, "find_template", lambda id, version: found[id, version])
    monkeypatch.setattr(definition, "shipped", lambda: frozenset(found))
    return found


async def on_plan(family: Family, template: PlanTemplate, ours: dict[Any, Any], *, hour: int | None = 9) -> CarePlan:
    ours[template.id, template.version] = template
    anchors = {"discharge": DAY}
    return await enrol(family.tx, family.patient, template, anchors=anchors, hour=hour, by="nurse-lin", now=local(DAY, 10), zone=ZONE)


async def days_of(family: Family, *states: str) -> list[int]:
    rows = await family.tx.scalars(select(Task.day).where(Task.state.in_(states or ("scheduled",))).order_by(Task.day, Task.slot))
    return [(day - DAY).days for day in rows]


WEEKLY = {"schedule": [{"after": 0, "every": [7]}]}
DAILY = {"schedule": [{"first": 1, "last": 40}]}


async def test_two_weeks_are_made_and_the_rest_as_time_goes_by(family: Family, ours: dict[Any, Any]) -> None:
    template = plan_of(DAILY, {**WEEKLY, "hours": [8, 18]})
    plan = await on_plan(family, template, ours)
    assert max(await days_of(family)) == 14
    for day in range(60):
        await plan_on(family.tx, now=local(on(day), 3), zone=ZONE)
    rows = (await family.tx.scalars(select(Task).order_by(Task.due_at, Task.step, Task.slot))).all()
    whole = schedule(template, {"discharge": DAY}, hour=9, zone=ZONE, start=DAY, end=plan.planned_until)
    assert [(row.step, row.day, row.slot, row.due_at, row.useful_until) for row in rows] == [
        (due.step, due.day, due.slot, due.due_at, due.useful_until) for due in whole
    ]
    made = await family.tx.scalar(select(func.count()).select_from(StateChange).where(StateChange.entity == "task"))
    assert made == len(rows)


async def test_an_idle_look_makes_nothing_and_a_plan_is_looked_at_once_a_week(family: Family, ours: dict[Any, Any]) -> None:
    await on_plan(family, plan_of({"schedule": [{"after": 0, "every": [1]}]}), ours)
    looked = [(await plan_on(family.tx, now=local(on(day), 12), zone=ZONE)).plans for day in range(29)]
    assert [day for day, plans in enumerate(looked) if plans] == [8, 16, 24]


async def test_a_plan_that_rests_is_looked_at_when_its_next_day_comes_near_and_one_that_is_over_never(
    family: Family, ours: dict[Any, Any]
) -> None:
    plan = await on_plan(family, plan_of({"schedule": [{"days": [1, 100]}]}), ours)
    assert plan.planned_until == on(99)
    assert (await plan_on(family.tx, now=local(on(80), 12), zone=ZONE)).plans == 0
    assert (await plan_on(family.tx, now=local(on(93), 12), zone=ZONE)).tasks == 1
    assert plan.planned_until == NEVER


async def test_after_weeks_without_a_worker_only_what_lies_ahead_is_made(family: Family, ours: dict[Any, Any]) -> None:
    await on_plan(family, plan_of({"schedule": [{"after": 0, "every": [1]}]}), ours)
    await plan_on(family.tx, now=local(on(30), 12), zone=ZONE)
    assert await days_of(family) == [*range(1, 15), *range(30, 45)]


async def test_planning_twice_at_once_makes_nothing_double(db: Database, ours: dict[Any, Any]) -> None:
    async with db.transaction() as tx:
        family = await make_family(tx)
        plan = await on_plan(family, plan_of({"schedule": [{"after": 0, "every": [1]}]}), ours)
        made = await tx.scalar(select(func.count()).select_from(Task))
        # As if another worker had planned in between.
        plan.planned_until = None
        assert await plan_these(tx, [plan], now=local(DAY, 10), zone=ZONE) == 0
        assert await tx.scalar(select(func.count()).select_from(Task)) == made
    async with db.transaction() as one, db.transaction() as other:
        later = local(on(12), 10)
        assert (await plan_on(one, now=later, zone=ZONE)).plans == 1
        assert (await plan_on(other, now=later, zone=ZONE)).plans == 0


async def test_the_hour_is_the_familys(family: Family, ours: dict[Any, Any]) -> None:
    family.carer.follow_up_hour = 19
    await on_plan(family, plan_of(DAILY), ours, hour=None)
    hours = {task.due_at.astimezone(ZONE).hour for task in await family.tx.scalars(select(Task))}
    assert hours == {19}


async def test_a_template_that_is_gone_does_not_stop_the_others(family: Family, ours: dict[Any, Any]) -> None:
    plan = await on_plan(family, plan_of(DAILY), ours)
    ours.clear()
    assert (await plan_on(family.tx, now=local(on(12), 10), zone=ZONE)).tasks == 0
    assert (await plan_on(family.tx, now=local(on(12), 11), zone=ZONE)).plans == 0
    assert plan.state == "active"


VISIT = {"id": "bring", "kind": "visit", "anchor": "next_visit", "schedule": [{"days": [-3, -1]}]}


async def booked(family: Family, day: int, key: str = "a", status: str = "booked") -> Appointment:
    row = Appointment(
        patient_id=family.patient.id, source="his", source_id=key, said_at={}, updated_at=local(DAY), starts_at=local(on(day), 14),
        department="儿科", status=status,
    )  # fmt: skip
    family.tx.add(row)
    await family.tx.flush()
    return row


async def heard(family: Family, day: int = 0) -> int:
    return await record_changed(family.tx, [family.patient.id], by="feed:his", now=local(on(day), 12), zone=ZONE)


async def test_a_visit_brings_its_reminders_moves_them_and_takes_them_away(family: Family, ours: dict[Any, Any]) -> None:
    plan = await on_plan(family, plan_of(DAILY, VISIT, later=["next_visit"]), ours)
    steps = select(Task.day).where(Task.step == "bring", Task.state == "scheduled").order_by(Task.day)

    async def reminders() -> list[int]:
        return [(day - DAY).days for day in await family.tx.scalars(steps)]

    assert await heard(family) == 0 and await reminders() == []
    visit = await booked(family, 10)
    assert await heard(family) == 1 and await reminders() == [7, 9]
    assert await heard(family) == 0
    before = list(await family.tx.scalars(select(Task.id).where(Task.step == "bring").order_by(Task.id)))
    visit.starts_at = local(on(12), 9)
    assert await heard(family) == 1 and await reminders() == [9, 11]
    assert list(await family.tx.scalars(select(Task.id).where(Task.step == "bring").order_by(Task.id))) == before
    other = await booked(family, 8, "b")
    assert await heard(family) == 1 and await reminders() == [5, 7, 9, 11]
    other.status = visit.status = "cancelled"
    assert await heard(family) == 1 and await reminders() == []
    assert plan.anchors == {"discharge": DAY.isoformat()}
    assert len(await days_of(family)) == 14


async def test_what_was_asked_about_a_visit_ends_with_it(family: Family, ours: dict[Any, Any]) -> None:
    await on_plan(family, plan_of(DAILY, VISIT, later=["next_visit"]), ours)
    visit = await booked(family, 10)
    await heard(family)
    task = (await family.tx.scalars(select(Task).where(Task.step == "bring").order_by(Task.day).limit(1))).one()
    task.state, task.chat_id = "sent", family.chat.id
    key = {"line": "chat:1", "chat_id": family.chat.id, "route": "kf", "payload": {}, "purpose": "task"}
    family.tx.add(Outbound(key=f"task:{task.id}:opening", not_before=local(on(7)), created_at=local(on(7)), **key))
    visit.status = "cancelled"
    await family.tx.flush()
    await heard(family, day=7)
    assert (task.state, await family.tx.scalar(select(Outbound.state))) == ("withdrawn", "withdrawn")


async def test_a_date_by_hand_stands_beside_what_the_hospital_tells(family: Family, ours: dict[Any, Any]) -> None:
    chemo = {"id": "fever", "anchor": "chemo_day", "schedule": [{"days": [5]}]}
    plan = await on_plan(family, plan_of(DAILY, VISIT, chemo, later=["next_visit", "chemo_day"]), ours)
    now = local(DAY, 12)
    await give_anchor(family.tx, plan, "chemo_day", [on(1), on(22)], by="nurse-lin", now=now, zone=ZONE)
    await give_anchor(family.tx, plan, "next_visit", [on(6)], by="nurse-lin", now=now, zone=ZONE)
    await booked(family, 10)
    await heard(family)
    days = (await family.tx.execute(select(Task.step, Task.day).where(Task.step != "s0").order_by(Task.day))).all()
    assert [(step, (day - DAY).days) for step, day in days] == [("bring", 3), ("bring", 5), ("fever", 6), ("bring", 7), ("bring", 9)]
    await give_anchor(family.tx, plan, "chemo_day", [], by="nurse-lin", now=now, zone=ZONE)
    gone = await family.tx.scalar(select(Task.state).where(Task.step == "fever"))
    assert gone == "withdrawn" and "chemo_day" not in plan.anchors


async def test_what_the_record_knows_of_dates(family: Family) -> None:
    stay = {"patient_id": family.patient.id, "department": "儿科", "kind": "inpatient"}
    family.tx.add(Encounter(state="finished", started_at=local(BIRTH), ended_at=local(DAY), **stay))
    family.tx.add(Encounter(state="finished", started_at=local(on(9)), **stay | {"kind": "outpatient"}))
    family.tx.add(Encounter(state="cancelled", started_at=local(on(11)), **stay | {"kind": "outpatient"}))
    await booked(family, 20)
    names = ("birth", "term", "enrolment", "discharge", "visit", "first_visit", "next_visit", "surgery")
    found = (await known_anchors(family.tx, [family.patient], names, now=local(on(12)), zone=ZONE))[family.patient.id]
    assert found == {
        "birth": BIRTH, "term": BIRTH + timedelta(days=7), "enrolment": on(12), "discharge": DAY, "visit": on(9), "first_visit": BIRTH,
        "next_visit": [on(20)],
    }  # fmt: skip
    family.patient.gestational_age_weeks = None
    assert "term" not in (await known_anchors(family.tx, [family.patient], names, now=local(DAY), zone=ZONE))[family.patient.id]


async def test_a_pause_stops_all_at_once_and_goes_on_without_a_burst(family: Family, ours: dict[Any, Any]) -> None:
    plan = await on_plan(family, plan_of(DAILY, {**WEEKLY, "hours": [8, 18]}), ours)
    assert await pause_plan(family.tx, plan, why="holiday", by="nurse-lin", now=local(on(2), 12), until=on(9)) == 18
    assert await days_of(family) == []
    assert (await plan_on(family.tx, now=local(on(3), 12), zone=ZONE)).plans == 0
    assert await resume_due(family.tx, now=local(on(8), 12), zone=ZONE) == 0
    assert await resume_due(family.tx, now=local(on(9), 7), zone=ZONE) == 1
    await family.tx.refresh(plan)
    assert (plan.state, plan.paused_until, plan.paused_for) == ("active", None, None)
    assert await days_of(family) == sorted([*range(9, 24), 14, 14, 21, 21])


async def test_coming_back_in_the_afternoon_asks_nothing_of_the_morning(family: Family, ours: dict[Any, Any]) -> None:
    plan = await on_plan(family, plan_of({**DAILY, "hours": [8, 18]}), ours)
    await pause_plan(family.tx, plan, why="clinician", by="nurse-lin", now=local(on(1), 12))
    await resume_plan(family.tx, plan, by="nurse-lin", now=local(on(1), 15), zone=ZONE)
    first = await family.tx.scalar(select(Task).where(Task.state == "scheduled").order_by(Task.due_at).limit(1))
    assert first is not None and first.due_at == local(on(1), 18)


async def test_a_stay_pauses_and_its_end_goes_on_and_a_holiday_is_not_its_business(family: Family, ours: dict[Any, Any]) -> None:
    plan = await on_plan(family, plan_of(DAILY), ours)
    other = await on_plan(family, plan_of(DAILY, id="other"), ours)
    await pause_plan(family.tx, other, why="holiday", by="nurse-lin", now=local(on(2), 12))
    assert await stay_began(family.tx, family.patient.id, by="feed", now=local(on(3), 12)) == 1
    stay = Encounter(patient_id=family.patient.id, kind="inpatient", department="儿科", state="in-progress", started_at=local(on(3)))
    family.tx.add(stay)
    await family.tx.flush()
    assert await stay_ended(family.tx, family.patient.id, by="feed", now=local(on(4), 12), zone=ZONE) == 0
    stay.state = "finished"
    await family.tx.flush()
    assert await stay_ended(family.tx, family.patient.id, by="feed", now=local(on(5), 12), zone=ZONE) == 1
    assert (plan.state, other.state) == ("active", "paused")
    with pytest.raises(EnrolmentError, match="已经在"):
        await on_plan(family, plan_of(DAILY, id="other"), ours)
    assert await end_plan(family.tx, other, state="ended", by="nurse-lin", reason="x", now=local(on(5), 12)) == 0


async def test_nobody_is_planned_on_who_has_died(family: Family, ours: dict[Any, Any]) -> None:
    await on_plan(family, plan_of(DAILY), ours)
    await family.tx.execute(update(Patient).values(died_at=local(on(3))))
    assert (await plan_on(family.tx, now=local(on(12), 10), zone=ZONE)).plans == 0


async def test_what_is_over_ends_by_itself_and_what_waits_for_a_date_does_not(family: Family, ours: dict[Any, Any]) -> None:
    plan = await on_plan(family, plan_of({"schedule": [{"days": [1]}]}), ours)
    waits = await on_plan(family, plan_of({"schedule": [{"days": [1]}]}, VISIT, later=["next_visit"], id="waits"), ours)
    assert await finish(family.tx, now=local(on(2))) == 0
    await family.tx.execute(update(Task).values(state="done"))
    assert await finish(family.tx, now=local(on(2))) == 1
    await family.tx.refresh(plan)
    assert (plan.state, waits.state) == ("ended", "active")


async def test_a_plan_that_waits_for_a_date_is_never_at_its_end(family: Family, ours: dict[Any, Any]) -> None:
    plan = await on_plan(family, plan_of({"schedule": [{"days": [1]}]}, VISIT, later=["next_visit"]), ours)
    assert plan.planned_until == on(14)
    plan.anchors = {}
    await plan_on(family.tx, now=local(on(10)), zone=ZONE)
    assert plan.planned_until == on(24)


async def test_what_is_to_come_is_told_beyond_what_is_made(family: Family, ours: dict[Any, Any]) -> None:
    once, weekly = {"schedule": [{"days": [5, 100]}], "title": "抽血"}, {**WEEKLY, "title": "称重"}
    plan = await on_plan(family, plan_of(once, weekly), ours)
    lines = await upcoming(family.tx, [family.patient], local(DAY, 12), ZONE)
    assert lines == [
        "小满的抽血：3月10日、6月13日，09:00左右问您。",
        "小满的称重：3月12日、3月19日、3月26日，09:00左右问您；以后也按计划继续。",
    ]
    await pause_plan(family.tx, plan, why="stay", by="nurse-lin", now=local(DAY, 12))
    assert await upcoming(family.tx, [family.patient], local(DAY, 12), ZONE) == []


async def test_the_worker_plans_on(db: Database, ours: dict[Any, Any]) -> None:
    async with db.transaction() as tx:
        await on_plan(await make_family(tx), plan_of({"schedule": [{"after": 0, "every": [1]}]}), ours)
    clock = [local(on(10))]
    planning = Planning(db, lambda: clock[0], ZONE)
    assert ((await planning.look()).tasks, (await planning.look()).tasks) == (10, 0)
    clock[0] = local(on(20))
    assert (await planning.look()).tasks == 10
