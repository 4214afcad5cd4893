"""Words without end: 100 kB of what each rule looks for is read in seconds, so no pattern of the language runs away.

A pattern that backtracks without bounds would take hours for a hundredth of this; an alarm ends it.
"""

import signal
from collections.abc import Iterator
from datetime import UTC, datetime

import pytest

from tagging.patient import PatientFacts
from tagging.understanding import understand

SIZE = 100_000
WORDS = [
    "1", "1.", "1 ", " ", "\n", "烧", "烧到38度5，", "没有", "三", "十百千万", "6斤8两", "6斤", "1/", "，", "a", "😀", "é", "１", "10:",
    "1-",
    "1~", "(", "“", "120/80 ", "2026-", "昨晚", "妹妹也", "吗？", ".", "280、", "不", "从1到", "\u200b", "38.5x", "6.8斤 ", "<a ",
    "http://a", "抽搐", "如果",
]  # fmt: skip


@pytest.fixture(autouse=True)
def alarm() -> Iterator[None]:
    """Ends what runs away."""

    def ring(*_: object) -> None:
        raise AssertionError("a pattern runs away")

    before = signal.signal(signal.SIGALRM, ring)
    signal.alarm(300)
    yield
    signal.alarm(0)
    signal.signal(signal.SIGALRM, before)


def read(words: str, size: int) -> None:
    understand(words * (size // len(words)), context=None, patient=PatientFacts(age_days=60), now=datetime(2026, 3, 1, tzinfo=UTC))


@pytest.mark.parametrize("size", [2_000, pytest.param(SIZE, marks=pytest.mark.long)])
def test_words_without_end_are_read(size: int) -> None:
    for words in WORDS:
        read(words, size)
