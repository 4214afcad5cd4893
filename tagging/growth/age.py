"""At what age a child's growth is judged: corrected for prematurity until two years, and not at all before term."""

from dataclasses import dataclass
from datetime import date

# Clinical reference §4: age - (40 - gestational age in weeks), for children born before 37 weeks, until 24 months.
TERM_WEEKS, PRETERM_WEEKS, CORRECTED_UNTIL_DAYS = 40, 37, 730


@dataclass(frozen=True)
class GrowthAge:
    """`days` is the age to look up, None before term: no z-score is shown then, g/kg/day counts. `chronological` are days since birth."""

    days: int | None
    chronological: int
    corrected: bool


def growth_age(birth: date, day: date, gestational_age_weeks: int | None) -> GrowthAge:
    """The age of a child on `day`. Raises ValueError for a day before birth."""
    chronological = (day - birth).days
    if chronological < 0:
        raise ValueError("a day before birth")
    early = gestational_age_weeks is not None and gestational_age_weeks < PRETERM_WEEKS
    if gestational_age_weeks is None or not early or chronological > CORRECTED_UNTIL_DAYS:
        return GrowthAge(chronological, chronological, False)
    days = chronological - (TERM_WEEKS - gestational_age_weeks) * 7
    return GrowthAge(days if days >= 0 else None, chronological, True)
