"""Fields that several messages say: the latest stands, in whatever order they come."""

from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from records.said import CLEARED, said_at, say, stamp

MORNING = datetime(2026, 3, 1, 8, tzinfo=UTC)


@dataclass
class Row:
    """A row in memory."""

    department: str | None = None
    bed: str | None = None
    ended_at: datetime | None = None
    said_at: dict[str, Any] = field(default_factory=dict)


def at(minutes: int, message: str = "1") -> str:
    return stamp(MORNING + timedelta(minutes=minutes), message)


def test_what_an_older_message_says_only_fills_what_nobody_has_said() -> None:
    row = Row()
    say(row, at(5), {"department": "新生儿科", "bed": None, "ended_at": None})
    assert say(row, at(1), {"department": "急诊", "bed": "12", "ended_at": None}) == {"bed"}
    assert (row.department, row.bed) == ("新生儿科", "12")
    assert (said_at(row, "bed"), said_at(row, "ended_at")) == (at(1), "")


def test_a_discharge_that_was_taken_back_is_not_brought_back_by_its_late_notice() -> None:
    row = Row()
    say(row, at(9), {"department": None, "bed": None, "ended_at": CLEARED})
    assert say(row, at(5), {"department": None, "bed": None, "ended_at": MORNING}) == set()
    assert say(row, at(10), {"department": None, "bed": None, "ended_at": MORNING}) == {"ended_at"}


def test_one_message_is_remembered_by_one_stamp() -> None:
    row = Row()
    say(row, at(1), {"department": "新生儿科", "bed": "3", "ended_at": None})
    assert row.said_at == {"*": at(1)}


def test_of_the_same_moment_the_later_number_counts() -> None:
    assert at(0, "9") < at(0, "10") < at(1, "2")
    assert at(0, "f" * 64) != at(0, "e" * 64)


def test_a_naive_time_is_refused() -> None:
    with pytest.raises(ValueError, match="naive"):
        stamp(datetime(2026, 3, 1), "1")  # noqa: DTZ001


WORDS = st.sampled_from([None, "甲", "乙", "丙"])
SAYINGS = st.lists(
    st.tuples(WORDS, WORDS, st.sampled_from([None, CLEARED, MORNING, MORNING + timedelta(days=1)]), WORDS), min_size=1, max_size=6
)


@given(data=st.data(), sayings=SAYINGS)
def test_any_order_and_any_repeats_give_the_same_row(data: st.DataObject, sayings: list[tuple[Any, ...]]) -> None:
    def told(order: list[int]) -> Row:
        row = Row()
        for number in order:
            department, bed, ended_at, fallback = sayings[number]
            say(row, at(number // 2, str(number)), {"department": department, "bed": bed, "ended_at": ended_at}, fallback={"bed": fallback})
        return row

    numbers = list(range(len(sayings)))
    order = data.draw(st.permutations(numbers)) + data.draw(st.lists(st.sampled_from(numbers), max_size=4))
    in_order, shuffled = told(numbers), told(order)
    assert (shuffled.department, shuffled.bed, shuffled.ended_at) == (in_order.department, in_order.bed, in_order.ended_at)
    assert all(said_at(shuffled, name) == said_at(in_order, name) for name in ("department", "bed", "ended_at"))
