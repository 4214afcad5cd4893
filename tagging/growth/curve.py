"""A child's measurements as points of the growth charts, in the order in which they were taken. Pure."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date
from typing import Literal

from tagging.growth.age import GrowthAge, growth_age
from tagging.growth.tables import Sex
from tagging.growth.zscore import Measured, ZScore, head_for_age, length_for_age, weight_for_age, weight_for_length

Kind = Literal["weight", "height", "head_circumference"]

# A length this old still fits a weight: an infant grows about a centimetre in two weeks (R).
LENGTH_HOLDS_DAYS = 14


@dataclass(frozen=True)
class Child:
    """What the charts need to know. Without a sex there are no z-scores."""

    birth: date
    sex: Sex | None
    gestational_age_weeks: int | None = None


@dataclass(frozen=True)
class Measurement:
    """One measurement: kilograms or centimetres. `measured` is how a length was taken, where it is known."""

    kind: Kind
    value: float
    day: date
    measured: Measured | None = None


@dataclass(frozen=True)
class Point:
    """A measurement with its z-scores: the one for age, and for a weight beside a recent length the one for length."""

    measurement: Measurement
    age: GrowthAge
    for_age: ZScore | None
    for_length: ZScore | None = None

    @property
    def remeasure(self) -> bool:
        """Whether it should be taken again before anybody acts on it."""
        return any(score is not None and score.remeasure for score in (self.for_age, self.for_length))


def curve(child: Child, measurements: Iterable[Measurement]) -> list[Point]:
    """The points of all measurements from birth on, by day."""
    points: list[Point] = []
    length: Measurement | None = None
    # On one day the length comes first, so that the weight is judged by it.
    for each in sorted(measurements, key=lambda m: (m.day, m.kind != "height")):
        if each.day < child.birth:
            continue
        if each.kind == "height":
            length = each
        age = growth_age(child.birth, each.day, child.gestational_age_weeks)
        fits = length is not None and (each.day - length.day).days <= LENGTH_HOLDS_DAYS
        points.append(Point(each, age, *_scores(child, each, age, length if fits else None)))
    return points


def _scores(child: Child, each: Measurement, age: GrowthAge, length: Measurement | None) -> tuple[ZScore | None, ZScore | None]:
    if child.sex is None or age.days is None:
        return None, None
    if each.kind == "height":
        return length_for_age(each.value, child.sex, age.days, each.measured), None
    if each.kind == "head_circumference":
        return head_for_age(each.value, child.sex, age.days), None
    beside = weight_for_length(each.value, length.value, child.sex, age.days, length.measured) if length else None
    return weight_for_age(each.value, child.sex, age.days), beside
