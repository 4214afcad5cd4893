"""Whether today's patients still look like those that a model learned from, and whether what it foretold came true."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, TypeAlias

from tagging.prediction.features import features
from tagging.prediction.training import BINS

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

    Floats: TypeAlias = npt.NDArray[np.float64]

# Population stability index: below 0.1 alike, above 0.25 another population (Siddiqi 2006, the usual bands of credit scoring).
SHIFTED = 0.25
# A share that is nought would make the index infinite.
LEAST = 1e-4
# Expected over observed outside of this band: the probabilities are no longer right. (R)
CALIBRATED = (0.7, 1.4)


def stability(bins: Mapping[str, Any], column: "Floats") -> float:
    """The population stability index of a column against the distribution that `training.distributions` kept; unknown is a bin too."""
    import numpy as np

    known = column[~np.isnan(column)]
    edges = np.array(bins["edges"])
    now = np.bincount(np.searchsorted(edges, known, side="right"), minlength=len(edges) + 1) / max(1, len(column))
    before = np.append(np.array(bins["shares"]), bins["unknown"])
    shares = np.append(now, np.isnan(column).mean())
    before, shares = np.maximum(before, LEAST), np.maximum(shares, LEAST)
    return float(((shares - before) * np.log(shares / before)).sum())


def limit(patients: int) -> float:
    """The index above which this many patients count as another population: of few, the index is above nought by chance alone
    (by about the number of bins over that of patients; Yurdakul 2018)."""
    return SHIFTED + BINS / max(1, patients)


def drift(bins: Mapping[str, Any], values: "Floats", scores: "Floats") -> dict[str, float]:
    """The index of every feature that shifted, and of the scores (`score`) always."""
    found = {"score": round(stability(bins["score"], scores), 3)}
    for number, feature in enumerate(features()):
        index = round(stability(bins["features"][feature.name], values[:, number]), 3)
        if index > limit(len(values)):
            found[feature.name] = index
    return found
