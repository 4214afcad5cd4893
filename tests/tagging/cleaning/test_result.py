"""Results of feeds, cleaned."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tagging.cleaning.duplicates import SAME_SAMPLE, Told, repeated, same_results
from tagging.cleaning.result import clean_result, impossible
from tagging.terms.lab import items

AT = datetime(2026, 3, 20, 1, 0, tzinfo=UTC)


def test_a_result_in_another_unit_is_brought_to_the_usual_one() -> None:
    clean = clean_result("葡萄糖(GLU)", "90", unit="mg/dl", reference_range="70-100", report="生化")
    assert (clean.lab.id, clean.value, clean.unit, clean.usual, clean.usual_unit) == ("glucose", 90.0, "mg/dL", 4.99554, "mmol/L")
    assert (clean.flag, clean.doubts) == ("N", ())
    platelets = clean_result("PLT", "  85 ", unit="THOU/uL", reference_range="150-400", flag="L")
    assert (platelets.usual, platelets.flag, platelets.doubts) == (85.0, "L", ())


def test_the_unit_behind_the_value_counts_where_there_is_no_other() -> None:
    clean = clean_result("体温", "38.5℃", age_days=400)
    assert (clean.lab.id, clean.usual, clean.usual_unit, clean.doubts) == ("temperature", 38.5, "Cel", ())


@pytest.mark.parametrize(
    ("name", "text", "given_", "doubts"),
    [
        ("没见过的项目", "5", {"unit": "mmol/L"}, ("item_unknown",)),
        ("PCT", "0.2", {}, ("item_ambiguous",)),
        ("钾", "4.1", {"unit": "foo"}, ("unit_unknown",)),
        ("钾", "4.1", {}, ("unit_missing",)),
        ("钾", "4.1", {"unit": "mm[Hg]"}, ("unusual_unit",)),
        ("钾", "溶血", {"unit": "mmol/L"}, ("no_value",)),
        ("心率", "60~120", {"unit": "次/分"}, ("several_values",)),
        ("钾", "41", {"unit": "mmol/L"}, ("impossible",)),
        ("体温", "365", {"unit": "℃"}, ("impossible",)),
        ("体重", "35", {"unit": "kg", "age_days": 20}, ("impossible",)),
        ("体重", "35", {"unit": "kg", "age_days": 4000}, ()),
        ("血红蛋白", "120", {"unit": "g/L", "reference_range": "110-150", "flag": "H"}, ("flag_disagrees",)),
        ("血红蛋白", "90", {"unit": "g/L", "reference_range": "110-150", "flag": "LL"}, ()),
    ],
)
def test_every_doubt_has_a_name(name: str, text: str, given_: dict[str, Any], doubts: tuple[str, ...]) -> None:
    clean = clean_result(name, text, **given_)
    assert clean.doubts == doubts
    assert clean.written.text == text


def test_a_limit_is_no_value_to_be_flagged() -> None:
    clean = clean_result("降钙素原", "<0.05", unit="ng/mL", reference_range="0.1-0.5")
    assert (clean.written.comparator, clean.usual, clean.flag) == ("<", 0.05, None)


def test_what_cannot_be_is_told_by_item_and_age() -> None:
    assert impossible("temperature", 20.0) and not impossible("temperature", 39.0)
    assert impossible("bilirubin", 5000.0) and not impossible("bilirubin", 200.0)
    assert not impossible("vitamin_e", 1e6)


@given(st.sampled_from(sorted(items())), st.text(max_size=30), st.text(max_size=12), st.text(max_size=20))
def test_any_feed_is_read_without_an_error(item: str, text: str, unit: str, span: str) -> None:
    clean = clean_result(items()[item].name, text, unit=unit, reference_range=span)
    assert clean.usual is None or clean.usual_unit is not None


def told(id: int, source: str, item: str, text: str, unit: str | None = "mmol/L", minutes: int = 0) -> Told:
    return Told(id, source, item, text, unit, AT + timedelta(minutes=minutes))


def test_the_same_result_from_two_feeds_is_one() -> None:
    groups = same_results([told(1, "lis", "钾", "4.10"), told(2, "platform", "K", "4.1", minutes=5), told(3, "platform", "钠", "140")])
    assert [[each.id for each in group] for group in groups] == [[1, 2]]
    assert repeated([told(2, "platform", "GLU", "90", "mg/dL"), told(1, "lis", "葡萄糖", "5.00")]) == {2}
    assert repeated([told(1, "lis", "乙肝表面抗原", "阴性", None), told(2, "csv", "HBsAg", "阴性(-)", None)]) == {2}


def test_repeated_tests_and_other_values_stay() -> None:
    assert same_results([told(1, "lis", "钾", "4.1"), told(2, "lis", "钾", "4.1")]) == []
    assert same_results([told(1, "lis", "钾", "4.1"), told(2, "csv", "钾", "4.4")]) == []
    assert same_results([told(1, "lis", "钾", "4.1"), told(2, "csv", "钾", "<4.1")]) == []
    late = int(SAME_SAMPLE.total_seconds() // 60) + 1
    assert same_results([told(1, "lis", "钾", "4.1"), told(2, "csv", "钾", "4.1", minutes=late)]) == []
    assert same_results([told(1, "lis", "直接胆红素", "4.1", "umol/L"), told(2, "csv", "间接胆红素", "4.1", "umol/L")]) == []
