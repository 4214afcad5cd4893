"""The reader that has learned from messages written by hand (nlu_data/second_reader): linear, numpy only, the same answer every time."""

import zipfile
from collections.abc import Sequence
from dataclasses import astuple, dataclass, fields
from math import exp
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from tagging.errors import ContentError
from tagging.patient import PatientFacts
from tagging.second.feature import BUCKETS, CLAUSE, Seen, windows
from tagging.second.opinion import Opinion

if TYPE_CHECKING:
    from tagging.measurement import Measurement
    from tagging.symptom import SymptomMention
    from tagging.triage import Triage

NAME, FILE = "second_reader", "second_reader.npz"
HEADS = ("call", "act", "mind")
# Which red flag it is, is told from coarser buckets: there are many of them, and a wrong guess only changes the wording.
COARSE = 1 << 14
# From so many characters on a message is a story (R).
LONG = 45
# So many clauses are shown as the reason, each by so many characters at most.
SHOWN, QUOTE = 2, 60


@dataclass(frozen=True)
class Head:
    """One yes or no: a weight for each bucket (int8, times `scale`), and the weight of nothing."""

    weights: Any
    scale: float
    bias: float

    def probability(self, buckets: Any, values: Any) -> float:
        """Of a yes, for the buckets of a window with their values, which have length 1."""
        margin = float(values @ self.weights[buckets].astype(np.float32)) * self.scale + self.bias
        return 1 / (1 + exp(-max(-30.0, min(30.0, margin))))


@dataclass(frozen=True)
class Limits:
    """Probabilities from which on a head is believed. What the rules have graded already takes more to be raised, and so does a long
    message: in a story there is always something that resembles danger."""

    call: float
    call_same_day: float
    call_long: float
    call_long_same_day: float
    act: float
    mind: float
    topic: float

    def for_call(self, text: str, level: str) -> float:
        """From which probability on somebody is called for a message that the rules left at `level`."""
        if len(text) >= LONG:
            return self.call_long_same_day if level == "same_day" else self.call_long
        return self.call_same_day if level == "same_day" else self.call


@dataclass(frozen=True)
class Topics:
    """Which red flag: a row of weights (int8, times `scale`) over COARSE buckets and a bias for each name."""

    names: tuple[str, ...]
    weights: Any
    scale: float
    bias: Any

    def likeliest(self, buckets: Any, values: Any) -> tuple[str, float]:
        """The name with the largest margin, and how far it is ahead of the next."""
        margins = (self.weights[:, buckets % COARSE].astype(np.float32) @ values) * self.scale + self.bias
        second, first = np.argsort(margins)[-2:]
        return self.names[first], float(margins[first] - margins[second])


@dataclass(frozen=True)
class LearnedReader:
    """`rarity` weighs each bucket (0: never seen in training), `call` decides whether somebody must be called, `act` whether at once,
    `mind` whether it is about self-harm, violence or despair, `topics` which red flag it is."""

    version: int
    rarity: Any
    call: Head
    act: Head
    mind: Head
    topics: Topics
    limits: Limits

    def read(
        self, text: str, *, patient: PatientFacts, signs: Sequence["SymptomMention"], values: Sequence["Measurement"], triage: "Triage"
    ) -> Opinion | None:
        """Urgent or emergency, with the clauses that speak for it most; None otherwise, and where the rules call somebody already: how
        fast is then what clinicians have written down. See SecondReader."""
        if triage.level in ("emergency", "urgent"):
            return None
        seen = [(window, self.weighed(window)) for window in windows(text, patient=patient, signs=signs, values=values, triage=triage)]
        called, window, weighed = max(
            ((self.call.probability(*weighed), window, weighed) for window, weighed in seen), key=lambda each: each[0]
        )
        limits = self.limits
        if called < limits.for_call(text, triage.level):
            return None
        at_once = self.act.probability(*weighed) >= limits.act
        why = f"resembles danger ({called:.2f}): {self._why(text, window)}"
        mind = self.mind.probability(*weighed) >= limits.mind
        topic, ahead = self.topics.likeliest(*weighed)
        known = next(iter(triage.categories), topic if ahead >= limits.topic else None)
        return Opinion("emergency" if at_once else "urgent", NAME, self.version, why, known, mind)

    def weighed(self, seen: Seen) -> tuple[Any, Any]:
        """The buckets of a window, each once, and their values as a vector of length 1."""
        buckets = np.unique(np.concatenate([seen.buckets, seen.known]))
        values = self.rarity[buckets].astype(np.float32)
        length = float(np.sqrt(values @ values))
        return buckets, values / length if length else values

    def _why(self, text: str, seen: Seen) -> str:
        """The clauses of the window that speak for danger most, in their order."""
        weight = self.rarity[seen.buckets].astype(np.float32) * self.call.weights[seen.buckets]
        clauses = [clause.span() for clause in CLAUSE.finditer(text, max(0, int(seen.starts.min())), int(seen.ends.max()))]
        speaks = {(start, end): float(weight[(seen.starts >= start) & (seen.ends <= end)].sum()) for start, end in clauses}
        worst = sorted(speaks, key=lambda span: -speaks[span])[:SHOWN]
        shown = [span for span in worst if speaks[span] > 0] or worst[:1]
        return " + ".join(f"「{text[start : min(end, start + QUOTE)]}」[{start}:{end}]" for start, end in sorted(shown))

    def save(self, path: Path) -> None:
        """Write the reader as one file; the same reader gives the same bytes."""
        heads = {name: getattr(self, name) for name in HEADS}
        arrays = {"rarity": self.rarity, **{name: head.weights for name, head in heads.items()}}
        arrays |= {"topics": np.array(self.topics.names), "topic": self.topics.weights, "topic_bias": self.topics.bias}
        arrays["topic_scale"] = np.array(self.topics.scale)
        arrays["scales"] = np.array([(head.scale, head.bias) for head in heads.values()])
        arrays |= {"limits": np.array(astuple(self.limits)), "version": np.array(self.version)}
        with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
            for name, array in arrays.items():
                # A fixed date: NumPy's own writer does the same, but does not promise it.
                with archive.open(zipfile.ZipInfo(f"{name}.npy", (1980, 1, 1, 0, 0, 0)), "w") as member:
                    np.lib.format.write_array(member, np.ascontiguousarray(array), allow_pickle=False)  # type: ignore[no-untyped-call]


def open_reader(path: Path) -> LearnedReader | None:
    """The reader in `path`, None where there is none. Raises ContentError (`bad_content`) when it cannot be read."""
    if not path.exists():
        return None
    try:
        with np.load(path, allow_pickle=False) as arrays:
            rarity, *weights = (arrays[name] for name in ("rarity", *HEADS))
            scales, limits = arrays["scales"].tolist(), arrays["limits"].tolist()
            version = int(arrays["version"])
            names = tuple(str(name) for name in arrays["topics"])
            topics = Topics(names, arrays["topic"], float(arrays["topic_scale"]), arrays["topic_bias"])
    except (OSError, ValueError, KeyError, zipfile.BadZipFile) as error:
        raise ContentError("bad_content", f"{path.name} is no second reader: {error}") from error
    shapes = {array.shape for array in (rarity, *weights)} == {(BUCKETS,)} and topics.weights.shape == (len(names), COARSE)
    if not shapes or (len(scales), len(limits)) != (len(HEADS), len(fields(Limits))):
        raise ContentError("bad_content", f"{path.name} was made for other features; train it anew (careloop train --second-reader)")
    call, act, mind = (Head(array, scale, bias) for array, (scale, bias) in zip(weights, scales, strict=True))
    return LearnedReader(version, rarity, call, act, mind, topics, Limits(*limits))
