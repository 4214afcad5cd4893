"""What happens to a child, and what the rules make of it: once, in order, with the evidence kept."""

from datetime import timedelta

from sqlalchemy import select, text

from plans.adaptation.rule import shipped_rules
from plans.death import stop_for_death
from records.adaptation import PatientEvent
from records.errand import Errand
from records.schema import CarePlan, Chat, Flag, Patient, PatientTag, Tag
from tagging.tags.by_hand import tags_of
from tagging.tags.engine import retag
from tests.plans.adaptation.given import NOW, ZONE, Ward, rule

FEVER = next(rule for rule in shipped_rules() if rule.id == "fever_twice")


async def codes(given: Ward, patient: int) -> set[str]:
    async with given.db.transaction() as tx:
        return {tag.code for tag in await tags_of(tx, patient, teams=None) if tag.kind == "management"}


async def test_two_fevers_in_a_day_are_watched_and_a_nurse_is_told(given: Ward) -> None:
    child = await given.child()
    await given.measured(child, 38.6, ago=timedelta(hours=6))
    await given.adapts(FEVER)
    assert await given.firings(child) == []
    await given.measured(child, 38.9)
    await given.adapts(FEVER)
    [firing] = await given.firings(child)
    assert firing.because == "24小时内2次体温达到38.5℃，最近一次38.9℃"
    values = [each["value"] for each in firing.evidence if "value" in each]
    assert values == [38.6, 38.9] and all(each["ref_kind"] == "observation" and each["at"] for each in firing.evidence if "value" in each)
    assert [each["do"] for each in firing.did] == ["add_tag follow.fever", "start_plan fever_watch", "errand call"]
    assert all("refused" not in each and each["ids"] for each in firing.did)
    assert await codes(given, child) == {"follow.fever"}
    assert [step for step, _ in await given.open_tasks(child)] == ["temperature"] * 3
    async with given.db.transaction() as tx:
        [errand] = await tx.scalars(select(Errand))
        assert errand.because == firing.because and errand.team_id == given.team and errand.id == firing.did[2]["ids"]["errand"]


async def test_the_same_event_is_heard_once_and_a_third_fever_waits(given: Ward) -> None:
    child = await given.child()
    await given.measured(child, 38.6, ago=timedelta(hours=6))
    await given.measured(child, 38.9)
    assert (await given.adapts(FEVER)).fired == 1
    assert (await given.adapts(FEVER)).heard == 0
    given.now += timedelta(hours=5)
    await given.measured(child, 39.0)
    await given.adapts(FEVER)
    assert len(await given.firings(child)) == 1


async def test_a_tag_of_a_rule_outlives_the_next_look_and_says_why(given: Ward) -> None:
    child = await given.child()
    await given.measured(child, 38.6, ago=timedelta(hours=6))
    await given.measured(child, 38.9)
    await given.adapts(FEVER)
    async with given.db.transaction() as tx:
        await retag(tx, [child], now=given.now + timedelta(minutes=5), zone=ZONE)
    assert "follow.fever" in await codes(given, child)
    async with given.db.transaction() as tx:
        [tag] = [tag for tag in await tags_of(tx, child, teams=None) if tag.code == "follow.fever"]
        [reason] = tag.reasons
        assert reason.rule == "adapt:fever_twice" and reason.rule_version == 1 and reason.ref_kind == "firing"
        await retag(tx, [child], now=given.now + timedelta(days=5), zone=ZONE)
    assert "follow.fever" not in await codes(given, child)


async def test_a_late_result_does_not_happen_now(given: Ward) -> None:
    child = await given.child()
    late = rule("late", {"reading": "体温 >= 38 ℃"}, {"errand": {"text": "请联系家属"}}, within="2d")
    await given.measured(child, 39.0, ago=timedelta(days=3))
    given_count = await given.adapts(late)
    assert (given_count.looked, given_count.fired) == (1, 0)


async def test_a_later_event_sees_what_an_earlier_one_did(given: Ward) -> None:
    child = await given.child()
    first = rule("first", {"reading": "体温 >= 38 ℃"}, {"add_tag": "follow.closer"})
    second = rule("second", {"reading": "体温 >= 39 ℃"}, {"errand": {"text": "请联系家属"}}, only="标签 follow.closer")
    await given.measured(child, 38.2, ago=timedelta(minutes=2))
    await given.measured(child, 39.2)
    await given.adapts(first, second)
    assert [firing.rule for firing in await given.firings(child)] == ["first", "second"]


async def test_a_chain_knows_its_cause(given: Ward) -> None:
    child = await given.child()
    first = rule("first", {"reading": "体温 >= 38 ℃"}, {"add_tag": "follow.closer"})
    second = rule("second", {"tag_began": "follow.closer"}, {"add_tag": "follow.fever"})
    third = rule("third", {"tag_began": "follow.fever"}, {"remove_tag": "follow.closer"})
    await given.measured(child, 38.2)
    await given.adapts(first, second, third)
    firings = await given.firings(child)
    assert [(each.rule, each.depth) for each in firings] == [("first", 0), ("second", 1), ("third", 2)]
    assert [each.cause_id for each in firings] == [None, firings[0].id, firings[1].id]
    assert await codes(given, child) == {"follow.fever"}


async def test_a_rule_contests_what_others_said_and_never_ends_it(given: Ward) -> None:
    child = await given.child()
    off = rule("off", {"reading": "体温 >= 38 ℃"}, {"remove_tag": "adherence.low"})
    async with given.db.transaction() as tx:
        tag = (await tx.scalars(select(Tag).where(Tag.code == "adherence.low"))).one_or_none()
        assert tag is None
    await given.adapts(off)
    async with given.db.transaction() as tx:
        tag = (await tx.scalars(select(Tag).where(Tag.code == "adherence.low"))).one()
        said = {"source": "person", "author": "linyue", "since": NOW, "evidence_at": NOW, "decided_by": "linyue", "decided_at": NOW}
        tx.add(PatientTag(patient_id=child, tag_id=tag.id, **said))
    await given.measured(child, 38.2)
    await given.adapts(off)
    async with given.db.transaction() as tx:
        [row] = await tx.scalars(select(PatientTag).where(PatientTag.patient_id == child))
        assert (row.state, row.asks, row.until) == ("contested", True, None)


async def test_what_cannot_be_done_becomes_an_errand(given: Ward) -> None:
    child = await given.child()
    start = rule("start", {"reading": "体温 >= 38 ℃"}, {"start_plan": {"template": "neonatal"}})
    await given.measured(child, 38.2)
    await given.adapts(start)
    [firing] = await given.firings(child)
    assert firing.did[0]["refused"] and firing.did[0]["code"]
    async with given.db.transaction() as tx:
        [errand] = await tx.scalars(select(Errand))
        assert errand.kind == "rule_refused" and firing.did[0]["refused"] in errand.text
        assert await tx.scalar(select(CarePlan.id)) is None


async def test_an_alert_is_raised_where_there_is_a_chat(given: Ward) -> None:
    alarm = rule("alarm", {"reading": "体温 >= 38 ℃"}, {"alert": {"level": "same_day", "category": "rule_fever"}})
    silent, child = await given.child("R1"), await given.child("R2")
    async with given.db.transaction() as tx:
        carer = await tx.scalar(text("select carer_id from patient_carer where patient_id = :id"), {"id": child})
        tx.add(Chat(open_kfid="wk", external_userid="wmR2", carer_id=carer, team_id=given.team, opened_at=NOW))
    for each in (silent, child):
        await given.measured(each, 38.2)
    await given.adapts(alarm)
    async with given.db.transaction() as tx:
        [flag] = await tx.scalars(select(Flag))
        assert (flag.patient_id, flag.level, flag.category, flag.state) == (child, "same_day", "rule_fever", "raised")
        [errand] = await tx.scalars(select(Errand))
        assert errand.patient_id == silent and errand.kind == "rule_refused"


async def test_nothing_is_done_for_the_dead(given: Ward) -> None:
    child = await given.child()
    await given.measured(child, 38.6, ago=timedelta(hours=6))
    await given.measured(child, 38.9)
    async with given.db.transaction() as tx:
        patient = await tx.get_one(Patient, child)
        patient.died_at = NOW
        await stop_for_death(tx, patient, by="test", now=NOW)
    await given.adapts(FEVER)
    assert await given.firings(child) == []


async def test_two_workers_hear_each_event_once(given: Ward) -> None:
    child = await given.child()
    await given.measured(child, 38.2)
    async with given.db.transaction() as tx:
        assert len((await tx.scalars(select(PatientEvent))).all()) == 1
        await tx.execute(text("select pg_advisory_xact_lock(5291)"))
        once = rule("once", {"reading": "体温 >= 38 ℃"}, {"errand": {"text": "请联系家属"}})
        assert (await given.adapts(once)).heard == 0
    assert (await given.adapts(once)).fired == 1
