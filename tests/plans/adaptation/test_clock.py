"""Time as an event: on the right day, once, made up for after a day of silence, and for nobody who is not meant."""

from datetime import date, timedelta

from sqlalchemy import func, select

from plans.adaptation.book import open_book
from plans.adaptation.clock import clock_is_due, tick
from plans.adaptation.rule import Rule
from records.adaptation import PatientEvent
from records.schema import Encounter
from tagging.cohort.upkeep import keep_up
from tests.plans.adaptation.given import ZONE, Ward, rule

CALL = {"errand": {"text": "请联系家属"}}


async def day_passes(given: Ward, *rules: Rule, hours: int = 0) -> int:
    """The day's look, if it is due; how many events."""
    given.now += timedelta(hours=hours)
    async with given.db.transaction() as tx:
        while (await keep_up(tx, now=given.now, zone=ZONE)).heard:
            pass
    async with given.db.transaction() as tx:
        if not await clock_is_due(tx, given.now, ZONE):
            return 0
        book, _ = await open_book(tx, rules, now=given.now, zone=ZONE)
        return await tick(tx, book, now=given.now, zone=ZONE)


async def left(given: Ward, patient: int, days_ago: int) -> None:
    async with given.db.transaction() as tx:
        ended = given.now - timedelta(days=days_ago)
        said = {"kind": "inpatient", "department": "新生儿科", "state": "finished"}
        tx.add(Encounter(patient_id=patient, started_at=ended - timedelta(days=9), ended_at=ended, **said))


async def test_so_many_days_after_discharge_once(given: Ward) -> None:
    third = rule("third", {"days": {"after": "discharge", "day": 3}}, CALL)
    child, other = await given.child("R1"), await given.child("R2")
    await left(given, child, 2)
    await left(given, other, 5)
    assert await day_passes(given, third) == 0
    assert await day_passes(given, third, hours=24) == 1
    assert await day_passes(given, third) == 0
    await given.adapts(third)
    assert [firing.rule for firing in await given.firings(child)] == ["third"] and await given.firings(other) == []
    assert await day_passes(given, third, hours=24) == 0


async def test_a_day_without_a_worker_is_made_up_for_as_long_as_the_rule_wants_it(given: Ward) -> None:
    third = rule("third", {"days": {"after": "discharge", "day": 3}}, CALL, within="2d")
    late, too_late = await given.child("R1"), await given.child("R2")
    await left(given, late, 2)
    await left(given, too_late, 0)
    assert await day_passes(given, third) == 0
    assert await day_passes(given, third, hours=48) == 1
    await given.adapts(third)
    assert len(await given.firings(late)) == 1
    assert await day_passes(given, third, hours=24 * 6) == 0


async def test_every_day_those_of_whom_it_holds_and_not_soon_again(given: Ward) -> None:
    daily = rule("daily", {"daily": {}}, CALL, only="年龄 < 6", again_after="3d")
    child = await given.child("R1", birth_date=date(2023, 3, 1))
    await given.child("R2", birth_date=date(2010, 3, 1))
    assert await day_passes(given, daily) == 1
    await given.adapts(daily)
    assert await day_passes(given, daily, hours=24) == 0
    assert await day_passes(given, daily, hours=48) == 1
    await given.adapts(daily)
    assert len(await given.firings(child)) == 2


async def test_not_before_the_hour_and_two_workers_do_a_day_once(given: Ward) -> None:
    daily = rule("daily", {"daily": {}}, CALL, only="年龄 < 6")
    await given.child()
    given.now = given.now.replace(hour=0)
    assert await day_passes(given, daily) == 0
    assert await day_passes(given, daily, hours=2) == 1
    async with given.db.transaction() as tx:
        book, _ = await open_book(tx, [daily], now=given.now, zone=ZONE)
        assert await tick(tx, book, now=given.now, zone=ZONE) == 0
        assert await tx.scalar(select(func.count()).select_from(PatientEvent)) == 1
