"""What an experiment has found: by arm the mean share of follow-ups that families answered, and how far each arm is from the first one.

The family is the unit, because follow-ups of one family are alike: each counts with the mean over its follow-ups that have ended.
Excluded families count nowhere.
"""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from math import sqrt
from statistics import NormalDist, fmean, variance
from typing import Any

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

from plans.experiment.stop import bound
from plans.experiment.tally import SHARES
from records.experiment import Experiment

_FAMILIES = text(
    f"""
    select family.arm, avg(case when :outcome = 'done' then done else answered end::int)::float8 as share
    from experiment_family family
    join ({SHARES} and choice.experiment_id = :experiment) shares on shares.carer_id = family.carer_id
    where family.experiment_id = :experiment and family.excluded_at is null
    group by family.arm, family.carer_id
    """  # noqa: S608 - our own words
)


@dataclass(frozen=True)
class ArmFigures:
    """One arm: how many families have an outcome, and the mean of their shares."""

    arm: str
    families: int
    share: float | None


@dataclass(frozen=True)
class Difference:
    """An arm against the first one, as a difference of shares with its interval; `z` in standard errors, None with too few families.

    The interval is repeated (Jennison and Turnbull): as wide as the look's bound, so that it may be read at every look.
    """

    arm: str
    difference: float
    low: float
    high: float
    z: float | None
    crossed: bool


@dataclass(frozen=True)
class Figures:
    """All arms, and their differences from the first one at look `look` of `looks`."""

    look: int
    looks: int
    arms: tuple[ArmFigures, ...]
    differences: tuple[Difference, ...]

    @property
    def crossed(self) -> bool:
        """Whether some arm differs enough to stop."""
        return any(each.crossed for each in self.differences)

    def as_stored(self) -> dict[str, Any]:
        """For the look's row."""
        return asdict(self)


async def shares_by_arm(tx: AsyncSession, experiment: Experiment) -> dict[str, list[float]]:
    """The families' shares, by arm; arms without any are there too."""
    found: dict[str, list[float]] = {arm["id"]: [] for arm in experiment.arms}
    for arm, share in await tx.execute(_FAMILIES, {"experiment": experiment.id, "outcome": experiment.outcome}):
        found[arm].append(share)
    return found


def figures(shares: dict[str, list[float]], *, look: int, looks: int, alpha: float) -> Figures:
    """What these families come to at this look; the first arm is what the others are compared with."""
    (_, base), *others = shares.items()
    limit = bound(look, looks, alpha / len(others))
    arms = tuple(ArmFigures(arm, len(of), fmean(of) if of else None) for arm, of in shares.items())
    return Figures(look, looks, arms, tuple(_difference(arm, of, base, limit) for arm, of in others))


def interval(one: Sequence[float], two: Sequence[float], width: float | None = None) -> tuple[float, float, float]:
    """The difference of the means (one - two) with its lower and upper end, `width` standard errors on either side (95 %)."""
    width = NormalDist().inv_cdf(0.975) if width is None else width
    difference, error = fmean(one) - fmean(two), _error(one, two)
    return difference, difference - width * error, difference + width * error


def _difference(arm: str, of: Sequence[float], base: Sequence[float], limit: float) -> Difference:
    if len(of) < 2 or len(base) < 2:
        return Difference(arm, 0.0, -1.0, 1.0, None, crossed=False)
    difference, low, high = interval(of, base, limit)
    error = _error(of, base)
    z = difference / error if error > 0 else None
    return Difference(arm, difference, max(-1.0, low), min(1.0, high), z, crossed=z is not None and abs(z) >= limit)


def _error(one: Sequence[float], two: Sequence[float]) -> float:
    """The standard error of a difference of means (Welch)."""
    return sqrt(variance(one) / len(one) + variance(two) / len(two))
