"""Teaching a model from the hospital's own records, and judging it on what came later than anything that it learned from."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeAlias

from tagging.prediction.features import features
from tagging.prediction.model import LogisticModel, Term, spread
from tagging.prediction.outcome import Sample

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

    Floats: TypeAlias = npt.NDArray[np.float64]
    Truths: TypeAlias = npt.NDArray[np.bool_]

# Fewer outcomes than ten for each weight make a model of noise (Peduzzi 1996, events per variable); 17 features.
FEWEST = 170
# The first 60 % in time teach, the next 20 % correct the probabilities, the last 20 % judge. Samples of one patient at one time stay on
# one side by the clock.
TEACH, CORRECT = 0.6, 0.8
# The highest scores: a team can look after one in ten; one in four is worth a thought. (R)
HIGH, MEDIUM = 0.10, 0.25
BOOTSTRAPS = 400
BINS = 10


class NotEnough(Exception):
    """The records hold too few outcomes to learn from; the text says how many."""

    code, permanent = "not_enough", True


@dataclass(frozen=True)
class Trained:
    """A model with the figures by which it is judged, and the distributions that drift is told from."""

    model: LogisticModel
    figures: dict[str, Any]
    bins: dict[str, Any]


def train(samples: Sequence[Sample], values: "Floats", *, seed: int = 0) -> Trained:
    """Fit, correct and judge; `values` has a row for each sample, which are in the order of time. Takes seconds: call it in a thread.

    The same samples give the same model. Raises NotEnough.
    """
    import numpy as np
    from sklearn.linear_model import LogisticRegression

    happened = np.array([sample.happened for sample in samples], dtype=bool)
    count = int(happened.sum())
    if min(count, len(samples) - count) < FEWEST:
        raise NotEnough(f"{len(samples)} samples with {count} outcomes; {FEWEST} of each kind are needed.")
    judge = judged_part(samples)
    first, second = _cut(samples, TEACH), judge.start
    teach, correct = slice(0, first), slice(first, second)
    for part in (teach, correct, judge):
        if len(set(happened[part].tolist())) < 2:
            raise NotEnough("The outcomes of one part of the time are all alike.")
    seen = spread(values)
    usual = np.array([np.nanmedian(column) if not np.isnan(column).all() else 0.0 for column in seen[teach].T])
    scale = np.array([float(np.nanstd(column)) if not np.isnan(column).all() else 0.0 for column in seen[teach].T])
    scale[scale < 1e-9] = 1.0
    unknown = np.isnan(seen)
    columns = np.hstack([np.where(unknown, 0.0, np.clip(np.nan_to_num((seen - usual) / scale), -5, 5)), unknown.astype(float)])
    fitted = LogisticRegression(C=0.1, max_iter=2000, random_state=seed).fit(columns[teach], happened[teach])
    weights = fitted.coef_[0]
    half = len(features())
    terms = tuple(
        Term(feature.name, float(usual[number]), float(scale[number]), float(weights[number]), float(weights[half + number]))
        for number, feature in enumerate(features())
    )
    raw = LogisticModel(terms, float(fitted.intercept_[0]), 1.0, 0.0, 1.0, 1.0)
    odds = raw.parts(values).sum(axis=1) + raw.intercept
    platt = LogisticRegression(C=1e6).fit(odds[correct, None], happened[correct])
    slope, offset = float(platt.coef_[0][0]), float(platt.intercept_[0])
    scores = 1 / (1 + np.exp(-np.clip(slope * odds + offset, -30, 30)))
    high, medium = (float(np.quantile(scores[correct], 1 - share)) for share in (HIGH, MEDIUM))
    model = LogisticModel(terms, raw.intercept, slope, offset, high, medium)
    figures = {"samples": len(samples), "outcomes": count, **judged(happened[judge], scores[judge], high, seed=seed)}
    return Trained(model, figures, distributions(values[teach], scores[judge]))


def judged_part(samples: Sequence[Sample]) -> slice:
    """The samples that judge a model: the latest fifth."""
    return slice(_cut(samples, CORRECT), len(samples))


def _cut(samples: Sequence[Sample], share: float) -> int:
    """Where this share of the samples ends, moved on to the end of its moment."""
    place = int(len(samples) * share)
    while place < len(samples) and samples[place].moment.at == samples[place - 1].moment.at:
        place += 1
    return place


def judged(happened: "Truths", scores: "Floats", high: float, *, seed: int) -> dict[str, Any]:
    """Discrimination with its interval, calibration, and what a list of the high ones would be worth.

    `auc_low` and `auc_high` are the 95 % interval of a bootstrap; `calibration` is expected over observed outcomes, 1 when they agree.
    """
    import numpy as np
    from sklearn.metrics import brier_score_loss, roc_auc_score

    chance = np.random.default_rng(seed)
    aucs = []
    for _ in range(BOOTSTRAPS):
        drawn = chance.integers(0, len(happened), len(happened))
        if 0 < happened[drawn].sum() < len(drawn):
            aucs.append(roc_auc_score(happened[drawn], scores[drawn]))
    flagged = scores >= high
    return {
        "judged_on": len(happened),
        "base_rate": round(float(happened.mean()), 4),
        "auc": round(float(roc_auc_score(happened, scores)), 4),
        "auc_low": round(float(np.quantile(aucs, 0.025)), 4),
        "auc_high": round(float(np.quantile(aucs, 0.975)), 4),
        "brier": round(float(brier_score_loss(happened, scores)), 4),
        "calibration": round(float(scores.sum() / max(1, happened.sum())), 3),
        "high_share": round(float(flagged.mean()), 4),
        "high_rate": round(float(happened[flagged].mean()), 4) if flagged.any() else None,
        "high_found": round(float(happened[flagged].sum() / happened.sum()), 4),
    }


def distributions(values: "Floats", scores: "Floats") -> dict[str, Any]:
    """The deciles of every feature and of the scores, with the share that is not known: what later data are held against."""
    import numpy as np

    def of(column: "Floats") -> dict[str, Any]:
        known = column[~np.isnan(column)]
        edges = np.unique(np.quantile(known, np.linspace(0, 1, BINS + 1)[1:-1])) if len(known) else np.array([])
        shares = np.bincount(np.searchsorted(edges, known, side="right"), minlength=len(edges) + 1) / max(1, len(column))
        return {"edges": edges.tolist(), "shares": shares.tolist(), "unknown": float(np.isnan(column).mean())}

    found = {feature.name: of(values[:, number]) for number, feature in enumerate(features())}
    return {"features": found, "score": of(scores)}
