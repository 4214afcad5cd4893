"""The WHO Child Growth Standards as they are shipped (who/README.md): L, M and S for each sex and day or centimetre."""

import csv
from dataclasses import dataclass
from functools import cache
from math import exp
from pathlib import Path
from typing import Literal

FOLDER = Path(__file__).parent / "who"

Sex = Literal["M", "F"]
Table = Literal["wfa", "lhfa", "hcfa", "wfl", "wfh"]

_FILES: dict[Table, tuple[str, str]] = {
    "wfa": ("wfa_day_0_1856.csv", "age_days"),
    "lhfa": ("lhfa_day_0_1856.csv", "age_days"),
    "hcfa": ("hcfa_day_0_1856.csv", "age_days"),
    "wfl": ("wfl_length_45_110.csv", "length_cm"),
    "wfh": ("wfh_height_65_120.csv", "height_cm"),
}
# Days 0 to 1856: the fifth birthday and the month after it.
LAST_DAY = 1856


@dataclass(frozen=True)
class Lms:
    """Box-Cox power, median and coefficient of variation at one age or length."""

    l: float  # noqa: E741 (its name in every text about it)
    m: float
    s: float

    def at(self, z: float) -> float:
        """The measurement that lies `z` standard deviations from the median."""
        return float(self.m * exp(self.s * z)) if self.l == 0 else float(self.m * (1 + self.l * self.s * z) ** (1 / self.l))


def by_day(table: Literal["wfa", "lhfa", "hcfa"], sex: Sex, age_days: int) -> Lms | None:
    """The line of a completed day of age; None outside of 0 to LAST_DAY."""
    return _lines(table).get((sex, age_days))


def by_length(table: Literal["wfl", "wfh"], sex: Sex, cm: float) -> Lms | None:
    """The line of a length, between two millimetres in proportion, as WHO's anthro does; None outside of the table."""
    millimetres = round(cm * 10, 6)
    below = int(millimetres)
    one, other = _lines(table).get((sex, below)), _lines(table).get((sex, below + 1))
    part = millimetres - below
    if one is None or part == 0:
        return one
    if other is None:
        return None
    return Lms(*(a + (b - a) * part for a, b in ((one.l, other.l), (one.m, other.m), (one.s, other.s))))


@cache
def _lines(table: Table) -> dict[tuple[str, int], Lms]:
    """By sex and day, or by sex and tenth of a centimetre."""
    name, index = _FILES[table]
    scale = 1 if index == "age_days" else 10
    with (FOLDER / name).open(encoding="utf-8", newline="") as file:
        return {
            ("M" if row["sex"] == "male" else "F", round(float(row[index]) * scale)): Lms(float(row["l"]), float(row["m"]), float(row["s"]))
            for row in csv.DictReader(file)
        }
