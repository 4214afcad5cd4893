"""Rule scores, each with its reasons."""

from datetime import UTC, date, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tagging.content import default_content
from tagging.growth.curve import Child, Measurement, curve
from tagging.growth.tables import by_day, by_length
from tagging.patient import PatientFacts, Reading
from tagging.risk.adherence import Course, adherence, covered, days_covered
from tagging.risk.early_warning import early_warning
from tagging.risk.growth import growth_faltering
from tagging.risk.score import RiskScore

BIRTH, NOW = date(2026, 3, 1), datetime(2026, 11, 1, 2, 0, tzinfo=UTC)
TODAY = date(2026, 11, 1)


def weight_at(z: float, days: int) -> Measurement:
    lms = by_day("wfa", "M", days)
    assert lms is not None
    return Measurement("weight", lms.at(z), BIRTH + timedelta(days))


def falters(*weights: Measurement, birth_z: float | None = 0.0, weeks: int = 39) -> RiskScore | None:
    child = Child(BIRTH, "M", weeks)
    at_birth = by_day("wfa", "M", 0)
    assert at_birth is not None
    grams = None if birth_z is None else at_birth.at(birth_z) * 1000
    return growth_faltering(child, curve(child, weights), birth_weight_g=grams, now=NOW, today=TODAY)


@pytest.mark.parametrize(
    ("birth_z", "now_z", "level"),
    [
        (0.0, -1.2, "none"),
        (0.0, -1.34, "concern"),
        (-1.5, -1.9, "none"),
        (-1.4, -2.07, "concern"),
        (1.5, 0.0, "none"),
        (1.5, -0.5, "concern"),
        (-1.9, -2.01, "concern"),
    ],
)
def test_how_far_a_child_may_fall_depends_on_where_it_began(birth_z: float, now_z: float, level: str) -> None:
    score = falters(weight_at(now_z, 100), birth_z=birth_z)
    assert score is not None and score.level == level
    assert bool(score.reasons) == (level != "none")


def test_a_fall_counts_from_the_best_weight_since() -> None:
    score = falters(weight_at(1.0, 60), weight_at(-0.4, 150), birth_z=0.0)
    assert score is not None and [each.rule for each in score.reasons] == ["fell"]
    assert "2026-04-30" in score.reasons[0].text
    assert falters(weight_at(1.0, 60), weight_at(-0.2, 65), birth_z=0.0) is not None


def test_early_days_and_impossible_weights_say_nothing() -> None:
    assert falters(weight_at(-1.5, 5)) is None
    assert falters(Measurement("weight", 30.0, BIRTH + timedelta(100))) is None
    assert falters() is None


def test_a_preterm_child_begins_at_term() -> None:
    child = Child(BIRTH, "M", 30)
    lms = [by_day("wfa", "M", days) for days in (0, 60)]
    assert lms[0] and lms[1]
    weights = [
        Measurement("weight", lms[0].at(-1.0), BIRTH + timedelta(70)),
        Measurement("weight", lms[1].at(-2.5), BIRTH + timedelta(130)),
    ]
    score = growth_faltering(child, curve(child, weights), birth_weight_g=1400, now=NOW, today=TODAY)
    assert score is not None and {each.rule for each in score.reasons} == {"below_2nd", "fell"}


def test_a_thin_child_is_watched_and_a_wasted_one_concerns() -> None:
    line = by_length("wfl", "M", 70.0)
    assert line is not None
    for z, level, rule in ((-1.5, "watch", "thin"), (-2.5, "concern", "wasted")):
        day = BIRTH + timedelta(240)
        score = falters(Measurement("height", 70.0, day), Measurement("weight", line.at(z), day), birth_z=None)
        assert score is not None
        assert score.level == level and rule in {each.rule for each in score.reasons}


def reading(vital: str, value: float, hours: float = 1) -> Reading:
    return Reading(vital, value, "", NOW - timedelta(hours=hours))


def test_vital_signs_are_added_up_by_their_bands() -> None:
    child = PatientFacts(age_days=800)
    well = early_warning(default_content(), child, [reading("heart_rate", 110), reading("spo2", 98), reading("temperature", 36.8)], now=NOW)
    assert well is not None and (well.level, well.points, well.reasons) == ("none", 0, ())
    ill = early_warning(default_content(), child, [reading("heart_rate", 175), reading("spo2", 93), reading("temperature", 39.2)], now=NOW)
    assert ill is not None and (ill.level, ill.points) == ("concern", 6)
    assert len(ill.reasons) == 3 and "PEWS" in ill.caution


def test_few_or_old_values_reassure_nobody() -> None:
    few = early_warning(default_content(), PatientFacts(age_days=800), [reading("temperature", 36.8)], now=NOW)
    assert few is not None and [each.rule for each in few.reasons] == ["few"]
    assert early_warning(default_content(), PatientFacts(age_days=800), [reading("spo2", 80, hours=25)], now=NOW) is None


def course(taken: int, missed: int, days: int = 60) -> Course:
    first = TODAY - timedelta(days=days)
    reported = {first + timedelta(days=n): n < taken for n in range(taken + missed)}
    return Course("左乙拉西坦", first, None, reported)


@pytest.mark.parametrize(
    ("taken", "missed", "level"), [(24, 6, "none"), (23, 7, "watch"), (10, 20, "concern"), (6, 0, "none"), (0, 0, "none")]
)
def test_adherence_counts_the_days_that_were_told_of(taken: int, missed: int, level: str) -> None:
    score = adherence([course(taken, missed)], now=NOW, today=TODAY)
    assert score is not None and score.level == level
    assert (score.points is None) == (taken + missed < 20)
    assert score.tag == ("adherence.low" if level == "concern" else None)


def test_days_in_hospital_and_today_do_not_count() -> None:
    first = TODAY - timedelta(days=10)
    away = frozenset(first + timedelta(days=n) for n in range(3))
    counted = covered(Course("x", first, None, {TODAY: True, first: False}), today=TODAY, away=away)
    assert (counted.days, counted.taken, counted.missed, counted.share) == (7, 0, 0, None)
    assert adherence([Course("x", TODAY, None, {})], now=NOW, today=TODAY) is None


def test_supplies_are_carried_forward_and_no_day_counts_twice() -> None:
    first, last = date(2026, 1, 1), date(2026, 1, 30)
    assert days_covered([(first, 10), (date(2026, 1, 6), 10)], first=first, last=last) == pytest.approx(20 / 30)
    assert days_covered([(first, 10), (date(2026, 1, 21), 10)], first=first, last=last) == pytest.approx(20 / 30)
    assert days_covered([(first, 10**9)], first=first, last=last) == 1.0
    assert days_covered([], first=first, last=last) == 0.0
    assert days_covered([], first=last, last=first) is None


@given(st.lists(st.tuples(st.integers(0, 60), st.integers(-5, 90)), max_size=12), st.integers(0, 90))
def test_days_covered_is_a_share(supplies: list[tuple[int, int]], length: int) -> None:
    first = date(2026, 1, 1)
    share = days_covered([(first + timedelta(d), n) for d, n in supplies], first=first, last=first + timedelta(length))
    assert share is not None and 0 <= share <= 1
