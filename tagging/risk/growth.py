"""Faltering growth by published rules (NICE NG75, AND/ASPEN 2014), from the points of a child's curve. Pure; a hint, never a diagnosis."""

from collections.abc import Sequence
from datetime import date, datetime

from tagging.growth.curve import Child, Point
from tagging.growth.zscore import weight_for_age
from tagging.risk.score import Level, Reason, RiskScore, reason

ID = "growth_faltering"
# The centile lines of the growth charts that NG75 speaks of lie two thirds of a standard deviation apart: 2nd -2, 9th -1.33, 91st 1.33.
SPACE = 2 / 3
SECOND, NINTH, NINETY_FIRST = -2.0, -2 * SPACE, 2 * SPACE
# Weight is lost and regained in the early days (NG75 1.1): only later points tell.
EARLY_DAYS = 14
# A fall must last: so many days lie between the height and now (R).
LASTS_DAYS = 14
PRETERM_WEEKS = 37
# z-scores come in hundredths: what is on the line is over it.
_ON_THE_LINE = 0.005


def growth_faltering(
    child: Child, points: Sequence[Point], *, birth_weight_g: float | None, now: datetime, today: date
) -> RiskScore | None:
    """The score at the latest weight; None without one that can be placed. `points` are those of `curve`, up to `today`.

    A child born before 37 weeks has no place at birth on these charts: it is judged by its first weight at or after term.
    """
    weights = [
        each
        for each in points
        if each.measurement.kind == "weight" and each.for_age and not each.remeasure and each.measurement.day <= today
    ]
    weights = [each for each in weights if each.age.chronological >= EARLY_DAYS]
    if not weights:
        return None
    last = weights[-1]
    reasons = [*_place(last), *_fall(child, weights, birth_weight_g), *_for_length(weights)]
    rules = {each.rule for each in reasons}
    level: Level = "concern" if rules - {"thin"} else "watch" if rules else "none"
    known = (birth_weight_g is not None) + (len(weights) > 1) + (last.for_length is not None)
    return RiskScore(ID, level, now, tuple(reasons), known=known, wanted=3)


def _place(last: Point) -> list[Reason]:
    z = _z(last)
    return [reason(ID, "below_2nd", z=_shown(z))] if z < SECOND else []


def _fall(child: Child, weights: Sequence[Point], birth_weight_g: float | None) -> list[Reason]:
    """NG75: across one space or more if the birth weight was below the 9th centile, two between, three above the 91st."""
    last = weights[-1]
    at_birth = _at_birth(child, birth_weight_g)
    earlier = [
        (each.measurement.day, _z(each)) for each in weights[:-1] if (last.measurement.day - each.measurement.day).days >= LASTS_DAYS
    ]
    if at_birth is not None:
        earlier.insert(0, (child.birth, at_birth))
    start = at_birth if at_birth is not None else earlier[0][1] if earlier else None
    if start is None:
        return []
    limit = 1 if start < NINTH else 3 if start > NINETY_FIRST else 2
    day, height = max(earlier, key=lambda each: each[1])
    spaces = (height - _z(last) + _ON_THE_LINE) / SPACE
    if spaces < limit:
        return []
    place = "低于第9百分位" if limit == 1 else "高于第91百分位" if limit == 3 else "在第9至91百分位之间"
    return [
        reason(
            ID, "fell", day=f"{day:%Y-%m-%d}", start=_shown(height), spaces=f"{spaces:.1f}", z=_shown(_z(last)), birth=place, limit=limit
        )
    ]


def _for_length(weights: Sequence[Point]) -> list[Reason]:
    """AND/ASPEN: -1 mild, -2 moderate; a fall of one standard deviation or more."""
    placed = [(each.measurement.day, each.for_length.z) for each in weights if each.for_length is not None]
    if not placed or placed[-1][0] != weights[-1].measurement.day:
        return []
    day, z = placed[-1]
    reasons = [reason(ID, "wasted", z=_shown(z))] if z <= -2 else [reason(ID, "thin", z=_shown(z))] if z <= -1 else []
    earlier = [each for each in placed[:-1] if (day - each[0]).days >= LASTS_DAYS]
    if earlier:
        since, height = max(earlier, key=lambda each: each[1])
        # Who comes down from overweight does not falter.
        if height - z >= 1 - _ON_THE_LINE and z < 0:
            reasons.append(reason(ID, "length_fell", day=f"{since:%Y-%m-%d}", drop=f"{height - z:.2f}"))
    return reasons


def _at_birth(child: Child, birth_weight_g: float | None) -> float | None:
    preterm = child.gestational_age_weeks is not None and child.gestational_age_weeks < PRETERM_WEEKS
    if birth_weight_g is None or child.sex is None or preterm:
        return None
    score = weight_for_age(birth_weight_g / 1000, child.sex, 0)
    return None if score is None or score.remeasure else score.z


def _z(point: Point) -> float:
    return point.for_age.z if point.for_age else 0.0


def _shown(z: float) -> str:
    return f"{z:.2f}".replace("-", "−")
