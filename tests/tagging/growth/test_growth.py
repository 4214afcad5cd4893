"""Growth by the WHO standards."""

import csv
from collections.abc import Callable
from datetime import date, timedelta
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tagging.growth.age import growth_age
from tagging.growth.curve import Child, Measurement, curve
from tagging.growth.tables import LAST_DAY, Sex, by_day, by_length
from tagging.growth.zscore import ZScore, head_for_age, length_for_age, weight_for_age, weight_for_length

BIRTH = date(2026, 3, 1)
SCORES: dict[str, Callable[[float, Sex, int], ZScore | None]] = {"wfa": weight_for_age, "lhfa": length_for_age, "hcfa": head_for_age}


def test_every_published_value_is_met(shared: Path) -> None:
    with (shared / "data" / "who" / "zscore_test_vectors.csv").open(encoding="utf-8") as file:
        vectors = list(csv.DictReader(file))
    assert len(vectors) == 48
    for line in vectors:
        score = SCORES[line["indicator"]](float(line["value"]), "M" if line["sex"] == "male" else "F", int(line["age_days"]))
        assert score is not None
        assert score.z == pytest.approx(float(line["expected_z"]), abs=float(line["tolerance"])), line


@pytest.mark.parametrize("sex", ["M", "F"])
def test_the_median_child_is_at_zero_and_the_lines_are_whole_numbers(sex: Sex) -> None:
    for days in (0, 100, 730, 731, LAST_DAY):
        for z in (-3, -2, 0, 2, 3):
            weight, length, head = by_day("wfa", sex, days), by_day("lhfa", sex, days), by_day("hcfa", sex, days)
            assert weight and length and head
            scores = (
                weight_for_age(weight.at(z), sex, days),
                length_for_age(length.at(z), sex, days),
                head_for_age(head.at(z), sex, days),
            )
            assert [score.z for score in scores if score] == [z, z, z]


def test_far_weights_are_counted_by_the_distance_of_the_last_lines() -> None:
    lms = by_day("wfa", "M", 365)
    assert lms is not None
    above, below = lms.at(3) + (lms.at(3) - lms.at(2)), lms.at(-3) - (lms.at(-2) - lms.at(-3))
    assert [score.z for each in (above, below) if (score := weight_for_age(each, "M", 365))] == [4.0, -4.0]


def test_a_standing_infant_is_taken_for_longer_and_a_lying_child_for_shorter() -> None:
    assert length_for_age(70.0, "M", 365, "standing") == length_for_age(70.7, "M", 365, "lying") == length_for_age(70.7, "M", 365)
    assert length_for_age(90.7, "F", 800, "lying") == length_for_age(90.0, "F", 800, "standing") == length_for_age(90.0, "F", 800)
    # The day of the change belongs to those who stand.
    assert length_for_age(85.0, "F", 730, "lying") == length_for_age(85.0, "F", 730)
    assert length_for_age(85.0, "F", 731, "standing") == length_for_age(85.0, "F", 731)


def test_a_weight_between_two_millimetres_of_length_lies_between() -> None:
    one, middle, other = by_length("wfl", "M", 75.0), by_length("wfl", "M", 75.05), by_length("wfl", "M", 75.1)
    assert one and middle and other
    assert middle.m == pytest.approx((one.m + other.m) / 2)
    assert by_length("wfl", "M", 110.0) is not None and by_length("wfl", "M", 110.05) is None and by_length("wfl", "M", 44.9) is None


@pytest.mark.parametrize(
    ("score", "remeasure"),
    [
        (weight_for_age(2.0, "M", 60), True),
        (weight_for_age(5.0, "M", 60), False),
        (length_for_age(100.0, "M", 365), True),
        (head_for_age(36.0, "F", 365), True),
        (head_for_age(44.0, "F", 365), False),
        (weight_for_length(20.0, 70.0, "F", 365), True),
    ],
)
def test_what_can_hardly_be_is_measured_again(score: ZScore | None, remeasure: bool) -> None:
    assert score is not None and score.remeasure == remeasure


def test_outside_of_the_tables_nothing_is_said() -> None:
    assert weight_for_age(20.0, "M", LAST_DAY + 1) is None and weight_for_age(3.0, "M", -1) is None
    assert weight_for_age(0.0, "M", 10) is None and weight_for_age(float("nan"), "M", 10) is None
    assert weight_for_length(3.0, float("inf"), "M", 10) is None and weight_for_length(3.0, 44.0, "M", 10) is None


def test_a_preterm_child_is_judged_by_its_corrected_age_until_two_years() -> None:
    at = {days: growth_age(BIRTH, BIRTH + timedelta(days), 30) for days in (0, 69, 70, 170, 730, 731)}
    assert [at[days].days for days in at] == [None, None, 0, 100, 660, 731]
    assert [at[days].corrected for days in at] == [True, True, True, True, True, False]
    assert growth_age(BIRTH, BIRTH + timedelta(50), 37).days == 50
    assert growth_age(BIRTH, BIRTH + timedelta(50), None).days == 50
    with pytest.raises(ValueError, match="before birth"):
        growth_age(BIRTH, BIRTH - timedelta(1), 40)


def test_a_curve_judges_a_weight_by_a_length_of_the_same_days() -> None:
    child = Child(BIRTH, "F", 39)
    points = curve(
        child,
        [
            Measurement("weight", 6.4, BIRTH + timedelta(120)),
            Measurement("height", 62.0, BIRTH + timedelta(120)),
            Measurement("weight", 7.0, BIRTH + timedelta(150)),
            Measurement("weight", 3.2, BIRTH - timedelta(1)),
        ],
    )
    assert [point.measurement.kind for point in points] == ["height", "weight", "weight"]
    assert points[1].for_length is not None and points[2].for_length is None
    assert all(point.for_age for point in points)


def test_before_term_and_without_a_sex_there_is_no_score() -> None:
    weight = Measurement("weight", 1.8, BIRTH + timedelta(20))
    assert curve(Child(BIRTH, "M", 30), [weight])[0].for_age is None
    assert curve(Child(BIRTH, None, 40), [weight])[0].for_age is None


@given(st.sampled_from(["M", "F"]), st.integers(0, LAST_DAY), st.floats(0.1, 200), st.floats(0.1, 200))
def test_more_weight_is_never_a_lower_score(sex: Sex, days: int, one: float, other: float) -> None:
    low, high = weight_for_age(min(one, other), sex, days), weight_for_age(max(one, other), sex, days)
    assert low is not None and high is not None and low.z <= high.z
    assert 0 <= low.percentile <= high.percentile <= 100
