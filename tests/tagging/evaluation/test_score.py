"""The figures of an evaluation."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tagging.evaluation.score import Counts, Share, confusion, counts_by_label, counts_of, describe, f1_interval, macro_f1, total


def test_wilson_interval_as_in_the_literature() -> None:
    # Newcombe 1998, table I: 81 of 263 gives 0.2553 to 0.3662; 0 of 20 gives 0 to 0.1611.
    assert Share(81, 263).interval() == pytest.approx((0.2553, 0.3662), abs=1e-4)
    assert Share(0, 20).interval() == pytest.approx((0.0, 0.1611), abs=1e-4)


@given(st.integers(0, 500), st.integers(0, 500))
def test_the_interval_holds_the_share(hits: int, misses: int) -> None:
    share = Share(hits, hits + misses)
    low, high = share.interval()
    assert 0 <= low <= share.value + 1e-9 and share.value - 1e-9 <= high <= 1


def test_counts_of_a_line_respect_multiplicity() -> None:
    assert counts_of([(0, 2), (0, 2), (5, 7)], [(0, 2), (8, 9)]) == Counts(tp=1, fp=1, fn=2)


def test_precision_recall_and_f1() -> None:
    counts = total([Counts(tp=3, fp=1), Counts(fn=2)])
    assert (counts.precision.value, counts.recall.value) == (0.75, 0.6) and counts.f1 == pytest.approx(2 / 3)


def test_the_bootstrap_is_repeatable_and_around_the_value() -> None:
    items = [Counts(tp=1)] * 80 + [Counts(fn=1)] * 20
    low, high = f1_interval(items)
    assert (low, high) == f1_interval(items) and low < total(items).f1 < high


def test_labels_against_the_rest() -> None:
    pairs = [("present", "present"), ("absent", "present"), ("absent", "absent")]
    assert counts_by_label(pairs) == {"absent": Counts(tp=1, fn=1), "present": Counts(tp=1, fp=1)}
    assert macro_f1(pairs) == pytest.approx(2 / 3)


def test_tables_are_text() -> None:
    table = confusion([("urgent", "urgent"), ("urgent", "routine")], ["urgent", "routine"])
    assert table.splitlines()[-1].split() == ["urgent", "|", "1", "1"]
    assert "recall     0.500" in describe("x", [Counts(tp=1, fn=1)])
