"""z-scores of a child's weight, length and head by the WHO Child Growth Standards. Pure.

z = ((value/M)^L - 1) / (L·S), or ln(value/M)/S where L is 0. Beyond 3 a weight is measured by the distance between the second and the
third line (WHO anthro, "restricted" tails); length and head are not.
"""

from dataclasses import dataclass
from math import erf, log, sqrt
from typing import Literal

from tagging.growth.tables import Lms, Sex, by_day, by_length

Indicator = Literal["weight_for_age", "length_for_age", "head_for_age", "weight_for_length"]
Measured = Literal["lying", "standing"]

# Lying to day 730, standing from day 731; who was measured the other way is brought over by 0.7 cm (WHO anthro).
FIRST_STANDING_DAY, LYING_IS_LONGER_CM = 731, 0.7
# Beyond these a measurement is more likely wrong than right and is taken again (WHO anthro's flags).
REMEASURE: dict[Indicator, tuple[float, float]] = {
    "weight_for_age": (-6.0, 5.0),
    "length_for_age": (-6.0, 6.0),
    "head_for_age": (-5.0, 5.0),
    "weight_for_length": (-5.0, 5.0),
}
_TAILED: frozenset[Indicator] = frozenset({"weight_for_age", "weight_for_length"})


@dataclass(frozen=True)
class ZScore:
    """How far a measurement lies from the median, in standard deviations; `remeasure` when it can hardly be true."""

    indicator: Indicator
    z: float
    remeasure: bool

    @property
    def percentile(self) -> float:
        """The share of children below it, in percent."""
        return 50 * (1 + erf(self.z / sqrt(2)))


def weight_for_age(kg: float, sex: Sex, age_days: int) -> ZScore | None:
    """z of a weight; None outside of 0 to 1856 days or for a weight that is not positive. So do the others."""
    return _score("weight_for_age", kg, by_day("wfa", sex, age_days))


def length_for_age(cm: float, sex: Sex, age_days: int, measured: Measured | None = None) -> ZScore | None:
    """z of a length or height. `measured` None: as is usual at the age."""
    return _score("length_for_age", as_usual(cm, age_days, measured), by_day("lhfa", sex, age_days))


def head_for_age(cm: float, sex: Sex, age_days: int) -> ZScore | None:
    """z of a head circumference."""
    return _score("head_for_age", cm, by_day("hcfa", sex, age_days))


def weight_for_length(kg: float, cm: float, sex: Sex, age_days: int, measured: Measured | None = None) -> ZScore | None:
    """z of a weight among children of the same length (45 to 110 cm, to day 730) or height (65 to 120 cm, from day 731)."""
    if not 0 < cm < 250:
        return None
    length = as_usual(cm, age_days, measured)
    return _score("weight_for_length", kg, by_length("wfl" if age_days < FIRST_STANDING_DAY else "wfh", sex, length))


def as_usual(cm: float, age_days: int, measured: Measured | None) -> float:
    """A length as it would be, measured in the way that is usual at the age."""
    usual: Measured = "lying" if age_days < FIRST_STANDING_DAY else "standing"
    if measured in (None, usual):
        return cm
    return cm + (LYING_IS_LONGER_CM if measured == "standing" else -LYING_IS_LONGER_CM)


def _score(indicator: Indicator, value: float, lms: Lms | None) -> ZScore | None:
    if lms is None or not 0 < value < 1000:
        return None
    z = log(value / lms.m) / lms.s if lms.l == 0 else ((value / lms.m) ** lms.l - 1) / (lms.l * lms.s)
    if indicator in _TAILED and z > 3:
        z = 3 + (value - lms.at(3)) / (lms.at(3) - lms.at(2))
    elif indicator in _TAILED and z < -3:
        z = -3 + (value - lms.at(-3)) / (lms.at(-2) - lms.at(-3))
    low, high = REMEASURE[indicator]
    return ZScore(indicator, round(z, 2), not low <= z <= high)
