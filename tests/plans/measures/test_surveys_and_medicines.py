"""Satisfaction, self-reports and PDC, worked out by hand; and the two that others compute too agree with them."""

from datetime import date

import pytest

from plans.measures.period import Period
from plans.questionnaire import newest
from plans.questionnaire_report import questionnaire_report
from tagging.risk.adherence import days_covered
from tests.plans.measures.conftest import BLOOD, NEONATAL, ZONE, Hospital, local

JUNE = Period(date(2026, 4, 1), date(2026, 6, 29), ZONE)
LATER = local(1, month=7)


async def test_satisfaction_counts_fours_and_fives_of_what_was_answered(hospital: Hospital) -> None:
    await hospital.filled(NEONATAL, 3, {"education": 5, "contact": 3, "reminders": None, "overall": 4})
    await hospital.filled(NEONATAL, 4, {"education": 2, "contact": 4, "reminders": 1})
    await hospital.filled(BLOOD, 5, {"education": 4})
    await hospital.filled(BLOOD, 6, {"education": 1}, state="stopped")
    await hospital.filled(BLOOD, 7, {}, state="assigned")
    # Seven answers, of which 5, 4, 4 and 4 are satisfied; the skipped one and the broken-off survey count nowhere.
    result = await hospital.total("satisfaction")
    assert (result.numerator, result.denominator, result.people, result.small) == (4, 7, 3, True)
    assert await hospital.of("satisfaction_education") == (2, 3)
    assert await hospital.of("satisfaction_contact") == (1, 2)
    assert await hospital.of("satisfaction_reminders") == (0, 1)
    assert await hospital.of("survey_return") == (3, 5)
    by_team = (await hospital.report("satisfaction", by=["team"])).results
    assert {each.group.get("team"): (each.numerator, each.denominator) for each in by_team} == {
        None: (4, 7),
        NEONATAL: (3, 6),
        BLOOD: (1, 1),
    }
    other = await questionnaire_report(hospital.tx, newest()["satisfaction"])
    assert other.satisfied == pytest.approx(100 * (result.value or 0))


async def test_self_reported_adherence_is_a_mean_with_those_at_eighty(hospital: Hospital) -> None:
    for score in (90.0, 80.0, 40.0):
        await hospital.filled(NEONATAL, 3, {}, score=score, questionnaire="adherence", patient=await hospital.patient())
    result = await hospital.total("self_adherence")
    assert (result.numerator, result.denominator, result.value) == (2, 3, 70)


async def test_pdc_carries_what_overlaps_forward_and_leaves_hospital_days_out(hospital: Hospital) -> None:
    # 90 days from April 1 to June 29. Levetiracetam for 30 + 30 days that overlap by ten: April 1 to May 30, 60 days.
    one = await hospital.patient()
    await hospital.prescribed(one, "左乙拉西坦", date(2026, 4, 1), date(2026, 4, 30))
    await hospital.prescribed(one, "左乙拉西坦", date(2026, 4, 21), date(2026, 5, 20))
    result = await hospital.total("pdc", period=JUNE, now=LATER)
    assert (result.numerator, result.denominator) == (pytest.approx(60 / 90), 1)
    supplies = [(date(2026, 4, 1), 30), (date(2026, 4, 21), 30)]
    assert result.value == pytest.approx(days_covered(supplies, first=JUNE.first, last=JUNE.last))
    # In hospital from June 1 to June 20: 20 of the 30 uncovered days are nobody's.
    await hospital.visit(one, 1, kind="inpatient", days=19, month=6)
    assert (await hospital.total("pdc", period=JUNE, now=LATER)).value == pytest.approx(60 / 70)
    # A second patient covers all 90 days: the mean of both, and one of two adherent (60/70 is adherent too).
    two = await hospital.patient()
    for first, last in ((date(2026, 3, 1), date(2026, 4, 30)), (date(2026, 5, 1), date(2026, 7, 31))):
        await hospital.prescribed(two, "丙戊酸钠", first, last)
    assert (await hospital.total("pdc", period=JUNE, now=LATER)).value == pytest.approx((60 / 70 + 1) / 2)
    assert await hospital.of("pdc_adherent", period=JUNE, now=LATER) == (2, 2)


async def test_pdc_says_nothing_of_short_courses_first_supplies_and_stopped_medicines(hospital: Hospital) -> None:
    short, first, stopped = [await hospital.patient() for _ in range(3)]
    for start, end in ((date(2026, 4, 1), date(2026, 4, 7)), (date(2026, 4, 20), date(2026, 4, 27))):
        await hospital.prescribed(short, "阿莫西林", start, end)
    await hospital.prescribed(first, "左乙拉西坦", date(2026, 4, 1), date(2026, 4, 30))
    await hospital.prescribed(stopped, "左乙拉西坦", date(2026, 4, 1), date(2026, 4, 30))
    await hospital.prescribed(stopped, "左乙拉西坦", date(2026, 5, 1), date(2026, 5, 30), status="stopped")
    assert await hospital.of("pdc", period=JUNE, now=LATER) == (0, 0)


@pytest.mark.parametrize("seed", range(12))
async def test_pdc_in_the_database_is_pdc_in_python(hospital: Hospital, seed: int) -> None:
    from datetime import timedelta
    from random import Random

    rng = Random(seed)
    patient = await hospital.patient()
    starts = [date(2026, 3, 1) + timedelta(days=rng.randrange(110)) for _ in range(rng.randint(2, 6))]
    supplies = sorted((day, rng.choice([7, 14, 28, 30, 60])) for day in {min([*starts, date(2026, 3, 15)]), *starts})
    for day, length in supplies:
        await hospital.prescribed(patient, "左乙拉西坦", day, day + timedelta(days=length - 1))
    result = await hospital.total("pdc", period=JUNE, now=LATER)
    first = max(JUNE.first, supplies[0][0])
    # Supplies before the period count too: the carrying over begins with the first one.
    covered, free = set(), date.min
    for day, length in supplies:
        begin = max(day, free)
        free = begin + timedelta(days=length)
        covered |= {begin + timedelta(days=n) for n in range(length)}
    days = {first + timedelta(days=n) for n in range((JUNE.last - first).days + 1)}
    assert len(supplies) < 2 or result.value == pytest.approx(len(covered & days) / len(days))
