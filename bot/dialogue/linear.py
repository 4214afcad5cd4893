"""A linear model over counted features, with calibrated confidence; numpy only when serving, no Rasa.

Training is deterministic: the same examples give the same weights.
"""

import json
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from math import hypot, log
from pathlib import Path
from typing import Any

import numpy as np


@dataclass
class LinearModel:
    """`weights` is (vocabulary, labels); softmax(temperature * margins) is the confidence, below `threshold` nothing is understood."""

    labels: list[str]
    vocabulary: dict[str, tuple[int, float]]
    weights: Any
    bias: Any
    temperature: float = 1.0
    threshold: float = 0.0

    def margins(self, counts: Counter[str]) -> Any:
        """One margin a label."""
        hits = [(*self.vocabulary[name], n) for name, n in counts.items() if name in self.vocabulary]
        if not hits:
            return self.bias
        values = [weight if n == 1 else (1 + log(n)) * weight for _, weight, n in hits]
        unit = np.array(values, np.float32) / hypot(*values)
        return unit @ self.weights[[row for row, _, _ in hits]] + self.bias

    def rank(self, counts: Counter[str]) -> list[tuple[str, float]]:
        """All labels with their confidence (they sum up to 1), best first."""
        confidence = softmax(self.temperature * self.margins(counts))
        return [(self.labels[i], float(confidence[i])) for i in np.argsort(-confidence)]

    def save(self, folder: Path) -> None:
        """Write the model into `folder`."""
        np.savez_compressed(folder / "weights.npz", weights=self.weights, bias=self.bias)
        rest = {
            "labels": self.labels,
            "vocabulary": self.vocabulary,
            "temperature": self.temperature,
            "threshold": self.threshold,
        }
        (folder / "model.json").write_text(json.dumps(rest, ensure_ascii=False), encoding="utf-8")

    @classmethod
    def read(cls, folder: Path) -> "LinearModel":
        """The model that `save` wrote into `folder`."""
        rest = json.loads((folder / "model.json").read_text(encoding="utf-8"))
        with np.load(folder / "weights.npz") as arrays:
            return cls(weights=arrays["weights"], bias=arrays["bias"], **rest)


def softmax(margins: Any) -> Any:
    """Confidence of each column, along the last axis."""
    grown = np.exp(margins - margins.max(axis=-1, keepdims=True))
    return grown / grown.sum(axis=-1, keepdims=True)


def fit(
    examples: Sequence[Counter[str]], labels: Sequence[str], *, c: float, wrong_cost: float, folds: int = 5, repeats: int = 3
) -> LinearModel:
    """Train on the examples' features, and calibrate on held-out folds of them, cut anew `repeats` times.

    `wrong_cost` says how many honest "I did not understand" one wrong answer is worth; the threshold is where the sum of both
    is lowest on the held-out folds.
    """
    from sklearn.feature_extraction.text import TfidfVectorizer

    vectorizer = TfidfVectorizer(analyzer=lambda counts: list(counts.elements()), sublinear_tf=True)
    matrix = vectorizer.fit_transform(examples)
    names = sorted(set(labels))
    truth = np.array([names.index(label) for label in labels])
    machine = _machine(matrix, truth, c)
    model = LinearModel(
        labels=names,
        vocabulary={name: (int(row), float(vectorizer.idf_[row])) for name, row in sorted(vectorizer.vocabulary_.items())},
        weights=machine.coef_.T.astype(np.float32),
        bias=machine.intercept_.astype(np.float32),
    )
    held_out = np.concatenate([_held_out(matrix, truth, c, folds, seed) for seed in range(repeats)])
    truths = np.tile(truth, repeats)
    model.temperature = _temperature(held_out, truths)
    model.threshold = _threshold(softmax(model.temperature * held_out), truths, wrong_cost)
    return model


def _machine(matrix: Any, truth: Any, c: float) -> Any:
    from sklearn.svm import LinearSVC

    # liblinear shuffles by this seed; the weights are the same at each run.
    return LinearSVC(C=c, random_state=0).fit(matrix, truth)


def _held_out(matrix: Any, truth: Any, c: float, folds: int, seed: int) -> Any:
    """The margins of every example, by a machine that has not seen it. Every label stands in several folds."""
    margins = np.zeros((len(truth), truth.max() + 1), np.float32)
    order = np.random.default_rng(seed).permutation(len(truth))
    # Dealt out label by label, so that each fold has its share of each.
    order = order[np.argsort(truth[order], kind="stable")]
    for fold in range(folds):
        test = order[fold::folds]
        train = np.setdiff1d(order, test)
        margins[test] = _machine(matrix[train], truth[train], c).decision_function(matrix[test])
    return margins


def _temperature(margins: Any, truth: Any) -> float:
    """The scale under which the confidence of the right label is likeliest."""
    rows = np.arange(len(truth))
    return min(
        (float(t) for t in np.arange(1.0, 8.1, 0.25)),
        key=lambda t: float(-np.log(softmax(t * margins)[rows, truth] + 1e-9).mean()),
    )


def _threshold(confidence: Any, truth: Any, wrong_cost: float) -> float:
    """The confidence below which to reject, so that wrong answers and rejections together cost least."""
    best, right = confidence.max(axis=1), confidence.argmax(axis=1) == truth
    order = np.argsort(-best)
    accepted_wrong = np.concatenate([[0], np.cumsum(~right[order])])
    rejected = len(order) - np.arange(len(order) + 1)
    cut = int(np.argmin(wrong_cost * accepted_wrong + rejected))
    return float(best[order[cut - 1]]) if cut else 1.0
