"""Figures of an evaluation: precision, recall and F1 with their uncertainty, and confusion tables as text."""

import random
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from math import sqrt

Z95 = 1.959964  # two-sided 95 % of the normal distribution


@dataclass(frozen=True)
class Share:
    """`hits` of `total`, with the Wilson score interval (Wilson 1927) that stays honest for few lines and near 0 and 1."""

    hits: int
    total: int

    @property
    def value(self) -> float:
        """The share itself; 0 of nothing counts as 1, because nothing was missed."""
        return self.hits / self.total if self.total else 1.0

    def interval(self, z: float = Z95) -> tuple[float, float]:
        """Lower and upper end of the Wilson interval, by default 95 %."""
        if not self.total:
            return 0.0, 1.0
        n, p = self.total, self.hits / self.total
        middle = (p + z * z / (2 * n)) / (1 + z * z / n)
        half = z * sqrt(p * (1 - p) / n + z * z / (4 * n * n)) / (1 + z * z / n)
        return max(0.0, middle - half), min(1.0, middle + half)

    def __str__(self) -> str:
        low, high = self.interval()
        return f"{self.value:.3f} [{low:.3f}, {high:.3f}] ({self.hits}/{self.total})"


@dataclass(frozen=True)
class Counts:
    """True positives, false positives and false negatives; adding joins the counts of several items."""

    tp: int = 0
    fp: int = 0
    fn: int = 0

    def __add__(self, other: "Counts") -> "Counts":
        return Counts(self.tp + other.tp, self.fp + other.fp, self.fn + other.fn)

    @property
    def precision(self) -> Share:
        """Of what was found, what was right."""
        return Share(self.tp, self.tp + self.fp)

    @property
    def recall(self) -> Share:
        """Of what is there, what was found."""
        return Share(self.tp, self.tp + self.fn)

    @property
    def f1(self) -> float:
        """Harmonic mean of precision and recall; 1 where there was nothing to find and nothing was found."""
        asked = 2 * self.tp + self.fp + self.fn
        return 2 * self.tp / asked if asked else 1.0


def total(items: Iterable[Counts]) -> Counts:
    """The counts of all items together (micro-average)."""
    tp = fp = fn = 0
    for item in items:
        tp, fp, fn = tp + item.tp, fp + item.fp, fn + item.fn
    return Counts(tp, fp, fn)


def f1_interval(items: Sequence[Counts], *, rounds: int = 500, seed: int = 1) -> tuple[float, float]:
    """95 % percentile bootstrap interval of the micro F1; `items` are the counts per line, which are drawn with replacement."""
    if not items:
        return 0.0, 1.0
    draw = random.Random(seed)  # noqa: S311 (a bootstrap, not a secret)
    values = sorted(total(draw.choices(items, k=len(items))).f1 for _ in range(rounds))
    return values[int(0.025 * rounds)], values[min(rounds - 1, int(0.975 * rounds))]


def counts_of(expected: Iterable[object], found: Iterable[object]) -> Counts:
    """Counts of one line: `expected` and `found` are hashable things (spans, concepts), compared with their multiplicity."""
    want, got = Counter(expected), Counter(found)
    tp = sum((want & got).values())
    return Counts(tp, sum(got.values()) - tp, sum(want.values()) - tp)


def counts_by_label(pairs: Iterable[tuple[str, str]]) -> dict[str, Counts]:
    """One class per line: `pairs` of (expected, found) give the counts of each label against the rest, labels sorted."""
    counts: dict[str, Counts] = {}
    for want, got in pairs:
        if want == got:
            counts[want] = counts.get(want, Counts()) + Counts(tp=1)
        else:
            counts[want] = counts.get(want, Counts()) + Counts(fn=1)
            counts[got] = counts.get(got, Counts()) + Counts(fp=1)
    return dict(sorted(counts.items()))


def macro_f1(pairs: Iterable[tuple[str, str]], labels: Sequence[str] | None = None) -> float:
    """Mean F1 over `labels` (all that are expected when left out)."""
    counts = counts_by_label(pairs)
    names = labels or [label for label, count in counts.items() if count.tp + count.fn]
    return sum(counts.get(name, Counts()).f1 for name in names) / len(names) if names else 1.0


def describe(name: str, items: Sequence[Counts]) -> str:
    """Precision, recall and F1 of the counts per line, with 95 % intervals, as three lines of text."""
    counts = total(items)
    low, high = f1_interval(items)
    return f"{name}\n  precision  {counts.precision}\n  recall     {counts.recall}\n  F1         {counts.f1:.3f} [{low:.3f}, {high:.3f}]"


def confusion(pairs: Iterable[tuple[str, str]], labels: Sequence[str] = ()) -> str:
    """A table as text: a row per expected label, a column per found one. `labels` go first in their order, others follow sorted."""
    cells = Counter(pairs)
    seen = {label for pair in cells for label in pair}
    names = [label for label in labels if label in seen] + sorted(seen - set(labels))
    width = max([len(name) for name in names] + [8])
    head = f"{'expected':>{width}} | " + " ".join(f"{name:>{max(len(name), 5)}}" for name in names)
    rows = [
        f"{want:>{width}} | " + " ".join(f"{cells[want, got]:>{max(len(got), 5)}}" for got in names)
        for want in names
        if any(cells[want, got] for got in names)
    ]
    return "\n".join([head, "-" * len(head), *rows])
