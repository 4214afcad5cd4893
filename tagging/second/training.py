"""Teaching the second reader from messages that were written by hand for it: nlu_data/second_reader/*.tsv.

A line is level, category, who (age and tags) and text, with tabs between. Needs scikit-learn; the same lines give the same reader.
"""

import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from zlib import crc32

import numpy as np

from tagging.command import DAYS_PER_MONTH
from tagging.content import Content
from tagging.errors import ContentError
from tagging.patient import PatientFacts
from tagging.second.feature import BUCKETS, Seen, windows
from tagging.second.learned import COARSE, LONG, Head, LearnedReader, Limits, Topics
from tagging.tables import LEVELS, severity
from tagging.triage import Triage, triage_text

# Of the messages that a level is right for, so many may be raised above it, measured on held-out folds (R): of those that the rules are
# silent on, and that they want seen today.
MAY_RAISE = {"routine": 0.036, "same_day": 0.05}
# Of long ones fewer: real stories are raised more often than those that were written for the reader.
MAY_RAISE_LONG = {"routine": 0.012, "same_day": 0.02}
# Where the rules have not called anybody: an emergency rather than urgent from this probability on (R).
ACT_FROM = 0.5
# Messages about self-harm, violence or despair; from half on the family hears about that and not about breathing.
MIND, MIND_FROM = ("suicide_selfharm", "abuse", "psy_crisis_parent"), 0.5
# A red flag is named where on held-out folds so many of these names are right (R).
NAMED_RIGHTLY = 0.9
# Inverse strength of regularisation and number of folds, chosen by cross-validation.
C, FOLDS = 20.0, 5
# Everyday messages of the dialogue's training data are many and alike.
EVERYDAY_WEIGHT = 0.5
# A bucket that only one message has teaches nothing about others.
RAREST = 2
# Relative times are not looked at.
ANY_TIME = datetime(2000, 1, 1, tzinfo=UTC)
_AGE = re.compile(r"(\d+(?:\.\d+)?)(d|wk|mo|y)")
_DAYS = {"d": 1.0, "wk": 7.0, "mo": DAYS_PER_MONTH, "y": 12 * DAYS_PER_MONTH}


@dataclass(frozen=True)
class Line:
    """One message with its level, and who it is about."""

    level: str
    category: str
    patient: PatientFacts
    text: str
    weight: float = 1.0

    @property
    def calls(self) -> bool:
        """Whether somebody must be called."""
        return severity(self.level) >= severity("urgent")


@dataclass(frozen=True)
class Taught:
    """A reader and how it does on held-out folds: what it hears of dangers that the rules miss, and what else it raises."""

    reader: LearnedReader
    lines: int
    missed_by_rules: int
    heard: float
    raised: float

    def report(self) -> str:
        """The figures in one paragraph."""
        return (
            f"{self.lines} messages. Of {self.missed_by_rules} dangers that the rules miss, {self.heard:.1%} are heard, and "
            f"{self.raised:.1%} of the harmless messages that the rules are silent on are raised (held-out folds)."
        )


def read_lines(folder: Path) -> Iterator[Line]:
    """The lines of all .tsv files of a folder, by name. Raises ContentError (`bad_content`) that names file and line."""
    for path in sorted(folder.glob("*.tsv")):
        for number, row in enumerate(path.read_text("utf-8").splitlines(), 1):
            parts = row.split("\t")
            if len(parts) != 4 or parts[0] not in LEVELS or not parts[3].strip():
                raise ContentError("bad_content", f"{path.name}, line {number}: level, category, who and text, with tabs between")
            yield Line(parts[0], parts[1].lstrip("~"), _who(parts[2], f"{path.name}, line {number}"), parts[3])


def _who(written: str, place: str) -> PatientFacts:
    age, tags = None, []
    for part in written.split():
        if match := _AGE.fullmatch(part):
            age = int(float(match[1]) * _DAYS[match[2]])
        elif re.fullmatch(r"[a-z_]+", part):
            tags.append(part)
        elif part != "-":
            raise ContentError("bad_content", f"{place}: `{part}` is neither an age (40d, 9mo, 6y) nor a tag")
    return PatientFacts(age, tags=tuple(tags))


def version_of(lines: Iterable[Line]) -> int:
    """A number for what the second reader learns from, everyday messages left out: other lines, another number."""
    return crc32("\n".join(f"{line.level} {line.category} {line.patient} {line.text}" for line in lines if line.weight == 1).encode())


def everyday(texts: Iterable[str]) -> Iterator[Line]:
    """Messages without a level of their own, taken as harmless; what the rules raise of them is left out by `teach`."""
    return (Line("routine", "-", PatientFacts(None), text, EVERYDAY_WEIGHT) for text in texts)


def teach(lines: Sequence[Line], content: Content, *, on_progress: Callable[[float], None] = lambda done: None) -> Taught:
    """A reader that has learned from `lines`. Blocking, about a minute. Raises ContentError when there is too little to learn from."""
    from scipy.sparse import csr_matrix

    rows: list[Any] = []
    kept: list[tuple[Line, Triage]] = []
    for number, line in enumerate(lines):
        seen = _seen(line, content)
        if line.weight == 1 or seen.triage.level == "routine":
            rows.append(np.unique(np.concatenate([part for each in seen.windows for part in (each.buckets, each.known)])))
            kept.append((line, seen.triage))
        on_progress(0.6 * number / len(lines))
    calls = np.array([line.calls for line, _ in kept])
    if min(calls.sum(), (~calls).sum()) < FOLDS:
        raise ContentError("bad_content", "there are too few messages to learn from")
    ends = np.cumsum([0, *map(len, rows)])
    here = csr_matrix((np.ones(ends[-1], np.float32), np.concatenate(rows), ends), shape=(len(rows), BUCKETS))
    often = np.asarray(here.sum(axis=0)).ravel()
    rarity = np.where(often >= RAREST, np.log(len(rows) / np.maximum(often, 1)) + 1, 0).astype(np.float16)
    matrix = _unit(here, rarity)
    weight = np.array([line.weight for line, _ in kept])
    silent = np.array([severity(triage.level) < severity("urgent") for _, triage in kept])
    harmless = np.array([line.level == "routine" for line, _ in kept])
    at_once = np.array([line.level == "emergency" for line, _ in kept])
    mind = np.array([line.category in MIND for line, _ in kept])
    called = np.zeros(len(rows))
    for fold in range(FOLDS):
        test = np.arange(len(rows)) % FOLDS == fold
        called[test] = _fit(matrix[~test], calls[~test], weight[~test]).predict_proba(matrix[test])[:, 1]
        on_progress(0.6 + 0.3 * (fold + 1) / FOLDS)
    own = weight == 1
    topics, topic_limit = _topics(matrix[calls], np.array([line.category for line, _ in kept])[calls])
    graded = {level: own & np.array([triage.level == level for _, triage in kept]) for level in MAY_RAISE}
    long = np.array([len(line.text) >= LONG for line, _ in kept])
    quiet = {"routine": graded["routine"] & harmless, "same_day": graded["same_day"] & ~calls}
    limits = Limits(
        call=_limit(called[quiet["routine"]], MAY_RAISE["routine"]),
        call_same_day=_limit(called[quiet["same_day"]], MAY_RAISE["same_day"]),
        call_long=_limit(called[quiet["routine"] & long], MAY_RAISE_LONG["routine"]),
        call_long_same_day=_limit(called[quiet["same_day"] & long], MAY_RAISE_LONG["same_day"]),
        act=ACT_FROM,
        mind=MIND_FROM,
        topic=topic_limit,
    )
    reader = LearnedReader(
        version_of(lines),
        rarity,
        _head(_fit(matrix, calls, weight)),
        _head(_fit(matrix[calls], at_once[calls], weight[calls])),
        _head(_fit(matrix[calls], mind[calls], weight[calls])),
        topics,
        limits,
    )
    missed, spared = calls & silent, harmless & silent
    heard = float((called[missed] >= limits.call).mean()) if missed.any() else 0.0
    return Taught(reader, len(rows), int(missed.sum()), heard, float((called[spared] >= limits.call).mean()))


def _topics(matrix: Any, categories: Any) -> tuple[Topics, float]:
    """Who tells the red flags apart, and how far one must be ahead of the next to be named."""
    from scipy.sparse import csr_matrix

    named = categories != "-"
    coarse = csr_matrix((np.ones(BUCKETS), (np.arange(BUCKETS), np.arange(BUCKETS) % COARSE)), shape=(BUCKETS, COARSE))
    folded, truth = (matrix @ coarse).tocsr()[named], categories[named]
    right, ahead = np.zeros(len(truth), bool), np.zeros(len(truth))
    for fold in range(FOLDS):
        test = np.arange(len(truth)) % FOLDS == fold
        told = _machine(folded[~test], truth[~test])
        margins = told.decision_function(folded[test])
        ranked = np.sort(margins, axis=1)
        right[test], ahead[test] = told.classes_[margins.argmax(axis=1)] == truth[test], ranked[:, -1] - ranked[:, -2]
    order = np.argsort(-ahead)
    share = np.cumsum(right[order]) / np.arange(1, len(order) + 1)
    last = int(np.flatnonzero(share >= NAMED_RIGHTLY).max(initial=0))
    told = _machine(folded, truth)
    scale = float(np.abs(told.coef_).max() / 127)
    weights = np.rint(told.coef_ / scale).astype(np.int8)
    return Topics(tuple(told.classes_), weights, scale, told.intercept_.astype(np.float32)), float(ahead[order[last]])


def _machine(matrix: Any, truth: Any) -> Any:
    from sklearn.svm import LinearSVC

    return LinearSVC(C=0.5, random_state=0).fit(matrix, truth)


def _limit(probabilities: Any, share: float) -> float:
    """The probability that only `share` of these reach; certainty when there are none."""
    return float(np.quantile(probabilities, 1 - share)) if len(probabilities) else 1.0


@dataclass(frozen=True)
class _Seen:
    triage: Triage
    windows: list[Seen]


def _seen(line: Line, content: Content) -> _Seen:
    """What a reader is shown of a line: it listens while the rules triage it."""
    shown: list[_Seen] = []

    class Listener:
        """Says nothing."""

        def read(self, text: str, **found: Any) -> None:
            shown.append(_Seen(found["triage"], list(windows(text, **found))))

    triage_text(line.text, context=None, patient=line.patient, now=ANY_TIME, content=replace(content, second=Listener()))
    return shown[0]


def _unit(here: Any, rarity: Any) -> Any:
    from scipy.sparse import diags
    from sklearn.preprocessing import normalize

    return normalize(here @ diags(rarity.astype(np.float32)))


def _fit(matrix: Any, truth: Any, weight: Any) -> Any:
    from sklearn.linear_model import LogisticRegression

    # liblinear's dual shuffles by this seed; its primal, used here, does not, but the seed costs nothing.
    return LogisticRegression(C=C, solver="liblinear", random_state=0).fit(matrix, truth, sample_weight=weight)


def _head(fitted: Any) -> Head:
    weights = fitted.coef_[0]
    scale = float(np.abs(weights).max() / 127)
    return Head(np.rint(weights / scale).astype(np.int8), scale, float(fitted.intercept_[0]))
