"""Figures of a model on labelled messages, each with its 95 % interval as [value, low, high]."""

from collections.abc import Sequence
from math import sqrt
from typing import Any

import numpy as np

from tagging.evaluation.score import Z95, Share

# Resamples for the interval of a mean of F1s, which has no formula. The seed is fixed: the same readings give the same interval.
RESAMPLES, SEED = 300, 0

Interval = list[float]


def share(hits: int, of: int) -> Interval:
    """A share with its interval (Wilson); of nothing, it could be anything."""
    counted = Share(hits, of)
    return [round(value, 4) for value in (counted.value, *counted.interval())]


def f1(truth: Sequence[str], read: Sequence[str], intent: str) -> Interval:
    """F1 of one intent. Its interval is as wide as Wilson's for a share of the same number of messages: those that belong to the
    intent or were given to it, counted half where only one of both holds."""
    hits = sum(t == r == intent for t, r in zip(truth, read, strict=True))
    half = sum((t == intent) != (r == intent) for t, r in zip(truth, read, strict=True))
    counted = Share(2 * hits, 2 * hits + half)
    low, high = counted.interval(Z95 * sqrt(2))
    return [round(value, 4) for value in (counted.value if counted.total else 0.0, low, high)]


def macro_f1(truth: Sequence[str], read: Sequence[str]) -> Interval:
    """The mean F1 of the intents that occur in `truth`; its interval by resampling the messages."""
    names = sorted({*truth, *read})
    at = np.array([names.index(t) for t in truth])
    of = np.array([names.index(r) for r in read])
    values = [_macro(at, of, len(names))] if len(at) else [0.0]
    rng = np.random.default_rng(SEED)
    for _ in range(RESAMPLES if len(at) else 0):
        drawn = rng.integers(0, len(at), len(at))
        values.append(_macro(at[drawn], of[drawn], len(names)))
    ends = (float(np.percentile(values, percent)) for percent in (2.5, 97.5))
    return [round(value, 4) for value in (values[0], *ends)]


def _macro(truth: Any, read: Any, names: int) -> float:
    hits = np.bincount(truth[truth == read], minlength=names)
    said, meant = np.bincount(read, minlength=names), np.bincount(truth, minlength=names)
    there = meant > 0
    return float((2 * hits[there] / (said[there] + meant[there])).mean())
