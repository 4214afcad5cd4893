"""Weights in words."""

from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st

from plans.weight import Weighing, compared, in_words

D = date(2026, 3, 6)


@pytest.mark.parametrize(
    "kg, words",
    [
        (3.4, "3.40公斤（6斤8两）"),
        (3.0, "3.00公斤（6斤）"),
        (3.42, "3.42公斤（约6斤8两）"),
        (3.415, "3.415公斤（约6斤8两）"),
        (3.98, "3.98公斤（约8斤）"),
        (0.45, "0.45公斤（9两）"),
    ],
)
def test_in_words(kg: float, words: str) -> None:
    assert in_words(kg) == words


@given(grams=st.integers(300, 25_000))
def test_the_words_say_the_number_to_the_gram(grams: int) -> None:
    assert round(float(in_words(grams / 1000).split("公斤")[0]) * 1000) == grams


@pytest.mark.parametrize(
    "now, before, birth, words",
    [
        (3.4, (3.36, 5), 3300, "比昨天多40克"),
        (3.4, (3.45, 3), 3300, "比3天前少50克"),
        (3.4, (3.4, 5), 3300, "和昨天一样重"),
        (3.4, (3.38, 6), 3300, "比今天上次多20克"),
        (3.2, None, 3300, "比出生时少100克"),
        (3.3, None, 3300, None),
        (3.3, None, None, None),
    ],
)
def test_compared(now: float, before: tuple[float, int] | None, birth: float | None, words: str | None) -> None:
    earlier = Weighing(before[0], date(2026, 3, before[1])) if before else None
    assert compared(Weighing(now, D), earlier, birth) == words
