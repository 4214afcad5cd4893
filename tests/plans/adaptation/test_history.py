"""Rules and cohorts see the same patient: the history, as of now, says what the index of the cohorts says."""

from datetime import date, timedelta

from sqlalchemy import select

from plans.adaptation.load import Wanted, load
from plans.adaptation.try_out import shipped_scope
from plans.enrolment import end_plan, enrol
from plans.hold import pause_plan
from plans.template import load_templates
from records.schema import CarePlan, Encounter, LabResult, Patient, Tag, Task
from tagging.cohort.facts import Needs, facts_of
from tagging.cohort.judge import judge
from tagging.cohort.upkeep import keep_up
from tagging.tags.catalogue import tags
from tagging.tags.door import open_door
from tests.plans.adaptation.given import ZONE, Ward

MEASURES = frozenset({"temperature", "weight", "platelets"})
ALL = Wanted(MEASURES, stays=True, plans=True, answers=True, follow_ups=True)


async def lived(given: Ward, child: int) -> None:
    """A child with stays, results, readings, a plan that ended, one that goes on, an answer, and a tag."""
    for days, value in ((9, 10.1), (4, 10.3)):
        await given.measured(child, value, code="weight", ago=timedelta(days=days))
    await given.measured(child, 38.1, ago=timedelta(hours=3))
    async with given.db.transaction() as tx:
        began = given.now - timedelta(days=20)
        left, ahead = given.now - timedelta(days=12), given.now + timedelta(days=5)
        tx.add_all(
            [
                Encounter(patient_id=child, kind="inpatient", department="血液科", state="finished", started_at=began, ended_at=left),
                Encounter(patient_id=child, kind="outpatient", department="儿内科", state="finished", started_at=left + timedelta(days=5)),
                Encounter(patient_id=child, kind="outpatient", department="外科", state="planned", started_at=ahead),
            ]
        )
        said = {"source": "lis", "report": "血常规", "item": "血小板计数", "text": "80", "value": 80.0, "unit": "10*9/L"}
        for number, released in enumerate((left, None)):
            tx.add(LabResult(patient_id=child, source_id=f"{number}", collected_at=left, released_at=released, updated_at=left, **said))
        await tags(tx, given.now)
        async with open_door(tx, [child], given.now) as door:
            door[child].decide("follow.closer", carries=True, by="linyue", why="试用")
        patient = await tx.get_one(Patient, child)
        for template in ("diabetes", "hypertension"):
            today = {"enrolment": given.now.astimezone(ZONE).date()}
            await enrol(tx, patient, load_templates()[template], anchors=today, hour=9, by="test", now=given.now, zone=ZONE)
        plans = list(await tx.scalars(select(CarePlan).order_by(CarePlan.id)))
        await end_plan(tx, plans[0], state="withdrawn", by="test", reason="test", now=given.now)
        done = given.now - timedelta(days=2)
        tx.add(
            Task(
                care_plan_id=plans[1].id, patient_id=child, step="weekly", day=date(2026, 2, 1), due_at=done, useful_until=done,
                state="done", closed_at=done,
            )
        )  # fmt: skip


async def test_a_history_as_of_now_is_what_the_cohorts_see(given: Ward) -> None:
    child, other = await given.child("R1"), await given.child("R2")
    await lived(given, child)
    async with given.db.transaction() as tx:
        while (await keep_up(tx, now=given.now, zone=ZONE)).heard:
            pass
    async with given.db.transaction() as tx:
        seen = {one.patient_id: one for one in await facts_of(tx, [child, other], Needs(MEASURES, frozenset()))}
        histories = await load(tx, [child, other], ALL, now=given.now)
        for id in (child, other):
            assert histories[id].facts(given.now, ZONE, MEASURES) == seen[id]
    assert seen[child].plans == (":active", ":withdrawn", "diabetes:withdrawn", "hypertension:active")
    assert seen[child].department == "儿内科" and len(seen[child].values or {}) == 3


async def test_a_history_as_of_then_knows_only_what_was_known(given: Ward) -> None:
    child = await given.child()
    await lived(given, child)
    then = given.now - timedelta(days=15)
    async with given.db.transaction() as tx:
        tag = (await tx.scalars(select(Tag.id).where(Tag.code == "follow.closer"))).one()
        history = (await load(tx, [child], ALL, now=given.now, since=then))[child]
    assert history.facts(given.now, ZONE).tags == {tag}
    before = history.facts(then, ZONE, MEASURES)
    assert before.tags == frozenset() and before.plans == () and before.values == {}
    assert (before.department, before.discharged_on, before.answered_on) == ("血液科", None, None)


async def test_who_pauses_has_been_on_the_plan(given: Ward) -> None:
    child = await given.child()
    await lived(given, child)
    async with given.db.transaction() as tx:
        plan = (await tx.scalars(select(CarePlan).where(CarePlan.state == "active"))).one()
        await pause_plan(tx, plan, why="holiday", by="test", now=given.now)
    async with given.db.transaction() as tx:
        facts = (await load(tx, [child], ALL, now=given.now))[child].facts(given.now, ZONE)
    assert "hypertension:paused" in facts.plans
    scope = shipped_scope()
    assert judge(scope.read("计划 hypertension 从未"), facts, scope) is False
    assert judge(scope.read("计划 hypertension 进行中"), facts, scope) is False
