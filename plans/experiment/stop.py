"""When an experiment may stop early, and how many families it takes.

Group-sequential looks with O'Brien and Fleming's bounds (Biometrics 1979;35:549): at look k of K the difference must be C·√(K/k) standard
errors, with C such that over all looks a false find has the chance alpha. C is computed here as Armitage, McPherson and Rowe did
(J R Stat Soc A 1969;132:235); for alpha 0.05 it agrees with Jennison and Turnbull's table 2.3 (Group Sequential Methods, 2000).
"""

from functools import lru_cache
from math import ceil, sqrt
from statistics import NormalDist

# The walk's density is kept at so many points; the constants are right to three decimals then.
POINTS = 401
# Looks cost a little power: for up to ten O'Brien-Fleming looks less than 4 % more families (Jennison and Turnbull, table 2.4).
INFLATION = 1.04
MOST_LOOKS = 10


def bound(look: int, looks: int, alpha: float) -> float:
    """How many standard errors the difference must be at this look (from 1), on either side."""
    return _constant(looks, alpha) * sqrt(looks / look)


@lru_cache(maxsize=64)
def _constant(looks: int, alpha: float) -> float:
    low, high = 0.5, 8.0
    for _ in range(40):
        middle = (low + high) / 2
        low, high = (middle, high) if _crossing(middle, looks) > alpha else (low, middle)
    return (low + high) / 2


def _crossing(constant: float, looks: int) -> float:
    """The chance that a walk of `looks` standard normal steps ever leaves ±constant·√looks."""
    import numpy as np

    edge = constant * sqrt(looks)
    at = np.linspace(-edge, edge, POINTS)
    # Simpson's weights.
    weights = np.full(POINTS, 2.0)
    weights[1::2] = 4.0
    weights[0] = weights[-1] = 1.0
    weights *= (at[1] - at[0]) / 3
    step = np.exp(-((at[:, None] - at[None, :]) ** 2) / 2) / sqrt(2 * np.pi)
    density = np.exp(-(at**2) / 2) / sqrt(2 * np.pi)
    for _ in range(looks - 1):
        density = step @ (density * weights)
    return 1 - float(density @ weights)


def families_needed(base: float, difference: float, *, alpha: float, power: float, comparisons: int = 1) -> int:
    """How many families each arm needs to find `difference` on top of `base` (both shares) with `power`.

    Fleiss' formula for two proportions (Statistical Methods for Rates and Proportions, 1981), for the chance of a false find alpha
    divided among the comparisons (Bonferroni), plus INFLATION for the looks. It is generous: the share of a family with several
    follow-ups varies less than a yes or no.
    """
    one, two = base, base + difference
    mean = (one + two) / 2
    z_alpha, z_power = NormalDist().inv_cdf(1 - alpha / comparisons / 2), NormalDist().inv_cdf(power)
    root = z_alpha * sqrt(2 * mean * (1 - mean)) + z_power * sqrt(one * (1 - one) + two * (1 - two))
    return ceil(INFLATION * root**2 / difference**2)
