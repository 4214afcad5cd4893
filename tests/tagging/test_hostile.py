"""What no family writes, found by fuzzing: it is read without an error, and not more dearly the longer it gets."""

import sys
from datetime import UTC, datetime

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tagging.age import age_from_text
from tagging.medicine import MOST, find_medicines
from tagging.patient import PatientFacts, Reading
from tagging.text import fold
from tagging.understanding import Understanding, understand

NOW = datetime(2026, 3, 2, 10, 0, tzinfo=UTC)
_PIECES = (
    "38.5",
    "385",
    "三十八度五",
    "体温",
    "烧到",
    "没有",
    "抽搐",
    "美林",
    "3天",
    "斤",
    "👶🏻",
    "\ud800",
    "\x00",
    "٣٨",
    "，",
    "9" * 5000,
)


def _read(text: str, patient: PatientFacts) -> Understanding:
    return understand(text, context=None, patient=patient, now=NOW)


@pytest.mark.parametrize("numeral", ["9", "一", "十", "٣", "点"])
def test_an_endless_numeral_is_no_number_and_hides_no_danger(numeral: str) -> None:
    folded = fold("卡号" + numeral * 5000)
    assert folded == "卡号" + "□" * 5000
    read = _read(f"{numeral * 5000}，宝宝抽搐了，叫不醒", PatientFacts(400))
    assert (read.measurements, read.triage.level) == ((), "emergency")


def test_the_number_of_an_identity_card_stays_what_it_is() -> None:
    assert fold("110101202001011234") == "110101202001011234"


def test_a_count_of_nothing_behind_more_numbers_than_are_read_has_no_time() -> None:
    assert _read("昨天，38.5，" * 1001 + "一次都没吐", PatientFacts(400)).measurements


def test_only_so_many_medicines_are_named() -> None:
    medicines = find_medicines("美林" * 5000)
    assert len(medicines) == MOST and medicines[-1].end == 2 * MOST


def test_what_is_denied_is_read_from_the_clause_however_long_the_text_is() -> None:
    assert [medicine.status for medicine in find_medicines("好的，" * 500 + "没吃美林，" + "好的，" * 500)] == ["absent"]


def test_an_age_is_found_behind_many_durations() -> None:
    assert age_from_text("咳嗽3个月，" * 500 + "宝宝5个月大", {}) == 152


@pytest.mark.parametrize(
    "stored", [Reading("weight", 9.0, "Cel", NOW), Reading("weight", 0.0, "kg", NOW), Reading("weight", -3.0, "g", NOW)]
)
def test_a_stored_weight_that_is_none_decides_no_unit(stored: Reading) -> None:
    read = _read("体重18", PatientFacts(1400, history=(stored,)))
    assert (read.measurements, read.questions) == ((), ("18 是斤还是公斤？",))
    before = Reading("weight", 9.1, "kg", NOW.replace(month=1))
    assert [m.value for m in _read("体重18", PatientFacts(1400, history=(before, stored))).measurements] == [9.0]


@settings(deadline=None)
@given(st.lists(st.one_of(st.sampled_from(_PIECES), st.text(max_size=3)), max_size=10).map("".join))
def test_every_mention_stands_where_it_says(text: str) -> None:
    read = _read(text, PatientFacts(400))
    found = [*read.mentions, *read.normal, *read.measurements, *read.medicines]
    assert all(mention.text and text[mention.start : mention.end] == mention.text for mention in found)
    assert read.triage.level in ("emergency", "urgent", "same_day", "routine")


def _work(text: str) -> int:
    """Calls that reading `text` costs, of Python and of what it calls: counted, so the same on any machine."""
    calls = 0

    def count(_frame: object, event: str, _arg: object) -> None:
        nonlocal calls
        calls += event in ("call", "c_call")

    sys.setprofile(count)
    try:
        _read(text, PatientFacts(400))
    finally:
        sys.setprofile(None)
    return calls


@pytest.mark.parametrize(
    "piece", ["吐", "没有抽，", "大便3次，", "烧到三十八度五，", "5ml", "如果发烧", "（「", "\x01\x02", "a宝1😀", "今天早上三点"]
)
def test_work_grows_no_faster_than_the_text(piece: str) -> None:
    _read(piece * 10, PatientFacts(400))  # tables and compiled patterns are made once
    once, fourfold = (_work(piece * times) for times in (500, 2000))
    assert fourfold <= 4.4 * once
