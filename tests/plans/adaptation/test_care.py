"""What rules have others do: plans that begin, change, end and give way, articles, and follow-ups more often or once more; and back."""

from datetime import date, timedelta

from sqlalchemy import select

from plans.adaptation.rule import Rule
from plans.adaptation.undo import undo
from plans.content.shipped import shipped_contents, take_in_shipped
from plans.enrolment import enrol
from plans.template import load_templates
from records.care_plan import CarePlan, CarePlanChange
from records.content import ContentPush
from records.errand import Errand
from records.patient import Patient
from records.schema import Staff
from tests.plans.adaptation.given import ZONE, Ward, rule

HOT = {"reading": "体温 >= 38 ℃"}


async def on_plan(given: Ward, template: str) -> int:
    child = await given.child()
    async with given.db.transaction() as tx:
        patient = await tx.get_one(Patient, child)
        today = given.now.astimezone(ZONE).date()
        anchors: dict[str, date | list[date]] = {name: today for name in load_templates()[template].anchors}
        await enrol(tx, patient, load_templates()[template], anchors=anchors, hour=None, by="test", now=given.now, zone=ZONE)
    return child


async def fires(given: Ward, child: int, fired: Rule) -> list[dict[str, object]]:
    await given.measured(child, 38.5)
    await given.adapts(fired)
    [firing] = await given.firings(child)
    return firing.did


async def plans(given: Ward, child: int) -> list[tuple[str, str]]:
    async with given.db.transaction() as tx:
        rows = await tx.execute(select(CarePlan.template, CarePlan.state).where(CarePlan.patient_id == child).order_by(CarePlan.id))
        return [(template, state) for template, state in rows]


async def undone(given: Ward, child: int) -> list[str]:
    async with given.db.transaction() as tx:
        lin = (await tx.scalars(select(Staff).where(Staff.userid == "linyue"))).one()
        [firing] = await given.firings(child)
        return await undo(tx, lin, firing.id, why="不需要", now=given.now, zone=ZONE)


async def test_a_step_is_done_every_day_for_a_week_and_back(given: Ward) -> None:
    child = await on_plan(given, "hypertension")
    before = await given.open_tasks(child)
    often = {"change_frequency": {"template": "hypertension", "step": "weekly", "every_days": 1, "for_days": 7}}
    [did] = await fires(given, child, rule("often", HOT, often))
    assert "refused" not in did
    tomorrow = given.now.astimezone(ZONE).date() + timedelta(days=1)
    days = {day for step, day in await given.open_tasks(child) if step == "weekly"}
    assert {tomorrow + timedelta(days=number) for number in range(7)} <= days
    async with given.db.transaction() as tx:
        [change] = await tx.scalars(select(CarePlanChange))
        assert change.kind == "frequency" and change.by == "adapt:often:1"
    assert (await undone(given, child))[0].startswith("已撤销")
    assert await given.open_tasks(child) == before


async def test_one_more_follow_up_and_back(given: Ward) -> None:
    child = await on_plan(given, "hypertension")
    before = await given.open_tasks(child)
    more = {"add_task": {"template": "hypertension", "step": "weekly", "in_days": 1}}
    [did] = await fires(given, child, rule("more", HOT, more))
    assert "refused" not in did and len(await given.open_tasks(child)) == len(before) + 1
    await undone(given, child)
    assert await given.open_tasks(child) == before


async def test_a_plan_ends_and_another_begins(given: Ward) -> None:
    child = await on_plan(given, "hypertension")
    swap = {"switch_plan": {"from": "hypertension", "to": "medicine_adherence"}}
    [did] = await fires(given, child, rule("swap", HOT, swap))
    assert "refused" not in did
    assert await plans(given, child) == [("hypertension", "ended"), ("medicine_adherence", "active")]
    await undone(given, child)
    assert (await plans(given, child))[1] == ("medicine_adherence", "withdrawn")


async def test_when_the_other_cannot_begin_nothing_ends(given: Ward) -> None:
    child = await on_plan(given, "hypertension")
    swap = {"switch_plan": {"from": "hypertension", "to": "postoperative"}}
    [did] = await fires(given, child, rule("swap", HOT, swap))
    assert did["refused"] and await plans(given, child) == [("hypertension", "active")]


async def test_a_plan_stops_and_its_follow_ups_with_it(given: Ward) -> None:
    child = await on_plan(given, "hypertension")
    [did] = await fires(given, child, rule("stop", HOT, {"stop_plan": {"template": "hypertension"}}))
    assert "refused" not in did and await plans(given, child) == [("hypertension", "ended")] and await given.open_tasks(child) == []
    assert (await undone(given, child))[0].startswith("不能撤销")


async def test_an_article_is_handed_over_once_and_what_is_not_there_is_told(given: Ward) -> None:
    child = await given.child()
    async with given.db.transaction() as tx:
        await take_in_shipped(tx, shipped_contents(), given.now)
    send, lost = {"push_content": {"article": "temperature-fever"}}, {"push_content": {"article": "nothing"}}
    done, not_done = await fires(given, child, rule("send", HOT, send, lost))
    assert not_done["refused"] and "refused" not in done
    async with given.db.transaction() as tx:
        [push] = await tx.scalars(select(ContentPush))
        assert (push.code, push.patient_id, push.state, push.by) == ("temperature-fever", child, "waiting", "adapt:send:1")
        assert [errand.kind for errand in await tx.scalars(select(Errand))] == ["rule_refused"]
