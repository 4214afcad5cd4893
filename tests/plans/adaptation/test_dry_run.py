"""A rule over days past gives what it would have done then, on what was known then, and leaves nothing behind."""

from datetime import date, timedelta

from sqlalchemy import func, select, text

from plans.adaptation.book import open_book
from plans.adaptation.dry_report import report
from plans.adaptation.dry_run import DryRun, dry_run
from plans.adaptation.rule import Rule, shipped_rules
from records.adaptation import AdaptationFiring, PatientEvent
from records.schema import Encounter, Observation
from tests.plans.adaptation.given import ZONE, Ward, rule

FEVER = next(rule for rule in shipped_rules() if rule.id == "fever_twice")
CALL = {"errand": {"text": "请联系家属"}}


async def replay(given: Ward, *rules: Rule, days: int = 30) -> tuple[DryRun, list[str]]:
    async with given.db.transaction() as tx:
        book, _ = await open_book(tx, rules, now=given.now, zone=ZONE)
        done = await dry_run(tx, book, since=given.now - timedelta(days=days), now=given.now, zone=ZONE)
        return done, report(done, book.scope, ZONE, teams={given.team: "儿内随访组"}, names={})


async def test_what_would_have_happened_is_what_happens(given: Ward) -> None:
    child, other = await given.child("R1"), await given.child("R2")
    readings = [(9.0, 38.6), (8.9, 38.2), (8.8, 38.7), (3.0, 39.0), (2.6, 39.2), (2.5, 38.9), (0.1, 37.0)]
    for days, value in readings:
        await given.measured(child, value, ago=timedelta(days=days))
    await given.measured(other, 39.0, ago=timedelta(days=1))
    done, lines = await replay(given, FEVER)
    assert done.events == 8 and done.patients == 2
    assert [(one.patient_id, one.at) for one in done.would] == [
        (child, given.now - timedelta(days=8.8)), (child, given.now - timedelta(days=2.6)),
    ]  # fmt: skip
    assert done.held == {"again": 1}
    assert any("会触发 2 次，患者 1 人（其中 1 人不止一次，最多 2 次）" in line for line in lines)
    assert any("医护会多出待办 2 件（儿内随访组 2）" in line for line in lines) and "  - 性别、出生日期、所属团队按现在的登记；" in lines
    async with given.db.transaction() as tx:
        assert await tx.scalar(select(func.count()).select_from(AdaptationFiring)) == 0
        assert await tx.scalar(select(func.count()).where(PatientEvent.heard_at.is_not(None))) == 0


async def test_tags_and_readings_are_those_of_the_moment(given: Ward) -> None:
    child = await given.child()
    watched = rule("watched", {"reading": "体温 >= 38 ℃"}, CALL, only="标签 follow.closer 且 最近 体重 > 10 kg", again_after="1h")
    mark = rule("mark", {"reading": "心率 > 100"}, {"add_tag": "follow.closer"})
    start = given.now
    given.now = start - timedelta(days=5)
    await given.measured(child, 12.0, code="weight")
    await given.measured(child, 38.5)
    given.now = start - timedelta(days=4)
    await given.measured(child, 120.0, code="heart_rate")
    await given.adapts(mark)
    given.now = start - timedelta(days=3)
    await given.measured(child, 38.6)
    async with given.db.transaction() as tx:
        await tx.execute(text("update patient_tag set until = :at, state = 'ended'"), {"at": start - timedelta(days=2)})
        await tx.execute(
            text("insert into tag_change (patient_id, tag_id, carried, at) select patient_id, tag_id, false, until from patient_tag")
        )
    given.now = start - timedelta(days=1)
    await given.measured(child, 38.7)
    given.now = start
    done, _ = await replay(given, watched)
    assert [one.at for one in done.would] == [start - timedelta(days=3)]


async def test_what_was_measured_then_and_told_later_counts_from_when_it_was_told(given: Ward) -> None:
    child = await given.child()
    async with given.db.transaction() as tx:
        for measured, told in ((5.0, 5.0), (4.9, 2.0)):
            said = {"code": "temperature", "value": 38.9, "unit": "Cel", "text": "38.9", "status": "final"}
            at, known = given.now - timedelta(days=measured), given.now - timedelta(days=told)
            tx.add(Observation(patient_id=child, effective_at=at, recorded_at=known, **said))
    done, _ = await replay(given, FEVER)
    assert done.would == []


async def test_days_are_found_as_the_clock_would_have_found_them(given: Ward) -> None:
    third = rule("third", {"days": {"after": "discharge", "day": 3}}, CALL)
    daily = rule("daily", {"daily": {}}, CALL, only="年龄 < 3", again_after="10d")
    child = await given.child("R1", birth_date=date(2025, 1, 1))
    await given.child("R2", birth_date=date(2010, 1, 1))
    async with given.db.transaction() as tx:
        ended = given.now - timedelta(days=20)
        said = {"kind": "inpatient", "department": "新生儿科", "state": "finished"}
        tx.add(Encounter(patient_id=child, started_at=ended - timedelta(days=9), ended_at=ended, **said))
    done, lines = await replay(given, third, daily)
    assert [(one.patient_id, one.at.astimezone(ZONE).date()) for one in done.would if one.ready.rule.id == "third"] == [
        (child, date(2026, 2, 13))
    ]
    assert sum(one.ready.rule.id == "daily" for one in done.would) == 3 and done.held["again"] == 27
    assert any(line.startswith("  规则 daily：3 次") for line in lines)
