"""Values and ranges as laboratories write them."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tagging.terms.number import LONGEST, read_range, read_value

VALUES: dict[str, dict[str, Any]] = {
    "5.10": {"kind": "number", "value": 5.1},
    "５．１０": {"kind": "number", "value": 5.1},
    "<0.5": {"kind": "number", "value": 0.5, "comparator": "<"},
    "＜０．５": {"kind": "number", "value": 0.5, "comparator": "<"},
    "小于0.5": {"kind": "number", "value": 0.5, "comparator": "<"},
    ">1000 copies/mL": {"kind": "number", "value": 1000.0, "comparator": ">", "unit": "copies/mL"},
    "1,234.5": {"kind": "number", "value": 1234.5},
    "12.3↑": {"kind": "number", "value": 12.3, "arrow": "H"},
    "3.1 L": {"kind": "number", "value": 3.1, "arrow": "L"},
    "1.2×10^5": {"kind": "number", "value": 120000.0},
    "1.2×10^9/L": {"kind": "number", "value": 1.2, "unit": "×10^9/L"},
    "-3.2": {"kind": "number", "value": -3.2},
    "^182": {"kind": "number", "value": 182.0},
    ">^100": {"kind": "number", "value": 100.0, "comparator": ">"},
    "^1^:^128": {"kind": "ratio", "low": 1.0, "high": 128.0},
    "1:160": {"kind": "ratio", "low": 1.0, "high": 160.0},
    "60~120": {"kind": "range", "low": 60.0, "high": 120.0},
    "0-1/HP": {"kind": "range", "low": 0.0, "high": 1.0, "unit": "/HP"},
    "阴性": {"kind": "finding", "grade": "negative"},
    "阴性(-)": {"kind": "finding", "grade": "negative"},
    "±": {"kind": "finding", "grade": "trace"},
    "3+": {"kind": "finding", "grade": "positive", "plus": 3},
    "(++)": {"kind": "finding", "grade": "positive", "plus": 2},
    "^2^+": {"kind": "finding", "grade": "positive", "plus": 2},
    "": {"kind": "nothing"},
    "标本溶血": {"kind": "nothing"},
    "120/80": {"kind": "text"},
    "2026-11-30": {"kind": "text"},
    "3天前": {"kind": "text"},
    "12.3.4": {"kind": "text"},
    "金黄色葡萄球菌": {"kind": "text"},
    "120~60": {"kind": "text"},
}


@pytest.mark.parametrize("text", VALUES)
def test_a_value_is_read_as_it_was_meant(text: str) -> None:
    read = read_value(text)
    assert read.text == text
    assert {name: getattr(read, name) for name in VALUES[text]} == VALUES[text]
    if "value" not in VALUES[text]:
        assert read.value is None


RANGES: dict[str, tuple[float | None, float | None]] = {
    "4.0-10.0": (4.0, 10.0),
    "13 to 18": (13.0, 18.0),
    "70_105": (70.0, 105.0),
    "3.5--9.5": (3.5, 9.5),
    "[3.5,9.5]": (3.5, 9.5),
    "3.5～9.5": (3.5, 9.5),
    "3.5-9.5 10^9/L": (3.5, 9.5),
    "-3~3": (-3.0, 3.0),
    "<200": (None, 200.0),
    "≥3.5": (3.5, None),
}


@pytest.mark.parametrize("text", RANGES)
def test_a_range_is_read(text: str) -> None:
    read = read_range(text)
    assert (read.low, read.high) == RANGES[text]
    assert read.read


@pytest.mark.parametrize("text", [None, "", "男:120-160 女:110-150", "120-160;110-150", "1-2-3", "见说明", "9-4"])
def test_a_range_that_says_several_things_says_nothing(text: str | None) -> None:
    assert not read_range(text).read


def test_a_value_is_flagged_by_its_range() -> None:
    assert [read_range("4.0-10.0").flag(value) for value in (3.9, 4.0, 10.1)] == ["L", "N", "H"]
    assert read_range("阴性").grade == "negative"
    assert read_range("阴性").flag(1.0) is None


@given(st.text(max_size=LONGEST * 2))
def test_any_text_is_read_without_an_error(text: str) -> None:
    read = read_value(text)
    assert (read.value is not None) == (read.kind == "number")
    read_range(text)


@given(st.integers(0, 10**6), st.integers(0, 6), st.sampled_from(["<", ">", "<=", ">="]))
def test_a_printed_number_comes_back(number: int, places: int, sign: str) -> None:
    printed = f"{number / 10**places:.{places}f}"
    assert read_value(printed).value == pytest.approx(float(printed))
    limited = read_value(f"{sign} {printed}")
    assert (limited.comparator, limited.value) == (sign, pytest.approx(float(printed)))
