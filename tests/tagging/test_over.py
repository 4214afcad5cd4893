"""A value of an earlier day that was treated and is normal again raises nothing; without both it still counts."""

from datetime import datetime

import pytest

from tagging.patient import PatientFacts
from tagging.triage import triage_text

NOW = datetime.fromisoformat("2026-03-01T20:00:00+08:00")


def level(text: str, tag: str) -> str:
    return triage_text(text, context=None, patient=PatientFacts(3000, tags=(tag,)), now=NOW).level


@pytest.mark.parametrize(
    ("text", "tag"),
    [
        ("现在血糖6.2，昨天夜里低到3.3，喝了果汁就恢复了", "diabetes"),
        ("前天在病房量过38.7，今天出院了，体温三十六度九", "chemo"),
    ],
)
def test_a_treated_value_of_an_earlier_day_is_over_once_it_is_normal(text: str, tag: str) -> None:
    assert level(text, tag) == "routine"


@pytest.mark.parametrize(
    ("text", "tag"),
    [
        ("昨天夜里低到3.3，喝了果汁就恢复了", "diabetes"),
        ("现在血糖3.4，昨天夜里低到3.3，喝了果汁就恢复了", "diabetes"),
        ("刚才血糖3.3，喝了果汁就恢复了，现在5.8", "diabetes"),
        ("前天在病房烧到38.7，今天出院了，体温三十八度四", "chemo"),
        ("前天烧到38.7，今天三十六度九", "chemo"),
    ],
)
def test_it_still_counts_while_anything_is_missing(text: str, tag: str) -> None:
    assert level(text, tag) in ("urgent", "emergency")
