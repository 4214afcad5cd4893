"""What a prediction model is, and the one that is used: a logistic regression whose every weight can be read.

Kept as JSON and computed with NumPy alone: a model that is loaded runs no code of its own.
"""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any, Protocol, TypeAlias

from tagging.prediction.features import Feature, features

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

    Floats: TypeAlias = npt.NDArray[np.float64]

# So many reasons are told.
REASONS = 3
# A share of the log-odds below this is no reason.
WEIGHTY = 0.1


@dataclass(frozen=True)
class Reason:
    """What a feature adds to the log-odds of this patient's score, against a patient of the usual kind; `told` is in Chinese."""

    feature: str
    value: float | None
    adds: float
    told: str


class PredictionModel(Protocol):
    """Anything that foretells one outcome from the features of `tagging.prediction.features`."""

    def predict(self, values: "Floats") -> "Floats":
        """Probabilities for rows of features; NaN stands for what is not known."""
        ...

    def explain(self, row: "Floats") -> list[Reason]:
        """What speaks most for and against, for one row."""
        ...

    def level(self, probability: float) -> str:
        """high, medium or low."""
        ...


class UnknownModel(Exception):
    """A stored model names features that this program does not have."""

    code, permanent = "unknown_model", True


@dataclass(frozen=True)
class Term:
    """How one feature counts: scaled by what was usual in the data, with a weight, and another for not being known."""

    feature: str
    usual: float
    scale: float
    weight: float
    unknown: float


@dataclass(frozen=True)
class LogisticModel:
    """Weights, the correction found on data that the weights had not seen (Platt 1999), and where the levels begin."""

    terms: tuple[Term, ...]
    intercept: float
    slope: float
    offset: float
    high: float
    medium: float

    @classmethod
    def from_json(cls, said: Mapping[str, Any]) -> "LogisticModel":
        """The model that `to_json` wrote. Raises UnknownModel."""
        known = {feature.name for feature in features()}
        terms = tuple(Term(**term) for term in said["terms"])
        lacking = sorted({term.feature for term in terms} - known)
        if lacking:
            raise UnknownModel(", ".join(lacking))
        return cls(terms, *(float(said[name]) for name in ("intercept", "slope", "offset", "high", "medium")))

    def to_json(self) -> dict[str, Any]:
        """Plain JSON."""
        return asdict(self)

    def parts(self, values: "Floats") -> "Floats":
        """What each term adds to the log-odds, row by row."""
        import numpy as np

        columns = {feature.name: number for number, feature in enumerate(features())}
        seen = spread(values)[:, [columns[term.feature] for term in self.terms]]
        scaled = (seen - np.array([term.usual for term in self.terms])) / np.array([term.scale for term in self.terms])
        weights, unknown = (np.array([getattr(term, name) for term in self.terms]) for name in ("weight", "unknown"))
        return np.where(np.isnan(seen), unknown, np.clip(np.nan_to_num(scaled), -5, 5) * weights)

    def predict(self, values: "Floats") -> "Floats":
        """See PredictionModel."""
        import numpy as np

        raw = self.parts(values).sum(axis=1) + self.intercept
        found: Floats = 1 / (1 + np.exp(-np.clip(self.slope * raw + self.offset, -30, 30)))
        return found

    def explain(self, row: "Floats") -> list[Reason]:
        """See PredictionModel."""
        import numpy as np

        parts = self.parts(row[None, :])[0] * self.slope
        named: dict[str, tuple[int, Feature]] = {feature.name: (number, feature) for number, feature in enumerate(features())}
        reasons = []
        for place in np.argsort(-np.abs(parts))[:REASONS]:
            number, feature = named[self.terms[place].feature]
            value = None if np.isnan(row[number]) else float(row[number])
            if abs(parts[place]) >= WEIGHTY:
                told = f"{feature.label}未知" if value is None else feature.tell(value)
                reasons.append(Reason(feature.name, value, round(float(parts[place]), 3), told))
        return reasons

    def level(self, probability: float) -> str:
        """See PredictionModel."""
        return "high" if probability >= self.high else "medium" if probability >= self.medium else "low"


def spread(values: "Floats") -> "Floats":
    """The features as models see them: counts and durations compressed."""
    import numpy as np

    return np.column_stack(
        [np.log1p(np.maximum(values[:, number], 0)) if feature.log else values[:, number] for number, feature in enumerate(features())]
    )


def told(reasons: Sequence[Reason]) -> str:
    """The reasons in one line, in Chinese: what raises the risk, then what lowers it."""
    up = "，".join(reason.told for reason in reasons if reason.adds > 0)
    down = "，".join(reason.told for reason in reasons if reason.adds < 0)
    return "；".join(part for part in (up and f"升高：{up}", down and f"降低：{down}") if part)
