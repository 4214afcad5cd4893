"""Chinese numerals, exact, abbreviated, in ranges, and those that have no single reading."""

from datetime import datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tagging.moment import find_moments
from tagging.numeral import NUMBER, parse_numeral


@pytest.mark.parametrize(
    ("said", "value"),
    [
        ("三十八", 38),
        ("一百二", 120),
        ("一百零二", 102),
        ("三千四", 3400),
        ("三千零五十", 3050),
        ("两千八百五", 2850),
        ("九七", 97),
        ("十二点五", 12.5),
        ("38.5", 38.5),
    ],
)
def test_a_numeral_has_the_value_of_speech(said: str, value: float) -> None:
    numeral = parse_numeral(said)
    assert (numeral.value, numeral.about, numeral.sure) == (value, False, True)


@pytest.mark.parametrize(("said", "low", "high"), [("六七十", 60, 70), ("三十八九", 38, 39), ("一百二三", 120, 130), ("三四", 3, 4)])
def test_a_range_keeps_both_ends(said: str, low: float, high: float) -> None:
    numeral = parse_numeral(said)
    assert (numeral.low, numeral.value, numeral.about) == (low, high, True)


@pytest.mark.parametrize("said", ["一百二八十五", "一百二八", "三十二十", "三十八七"])
def test_what_has_no_single_reading_is_not_sure(said: str) -> None:
    assert not parse_numeral(said).sure


@pytest.mark.parametrize("text", ["百蕊颗粒", "千万别急", "百日咳"])
def test_a_name_is_no_numeral(text: str) -> None:
    assert NUMBER.search(text) is None


@given(st.text(alphabet="零〇一二两三四五六七八九十百千点0123456789.半几", max_size=30))
def test_whatever_looks_like_a_number_is_parsed(text: str) -> None:
    for match in NUMBER.finditer(text):
        assert parse_numeral(match.group()).value >= 0


@given(st.text(alphabet="零一二三四五六七八九十昨今前大天晚早上中下午半夜点时:刻分号月周礼拜0123456789小时前刚才这", max_size=40))
def test_no_time_lies_ahead(text: str) -> None:
    now = datetime.fromisoformat("2026-03-01T08:00:00+08:00")
    for moment in find_moments(text, now):
        assert moment.at is None or moment.at <= now, text[moment.start : moment.end]
