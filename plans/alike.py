"""How alike two questions are, from 0 to 1: shared characters, what is left over, what kind of thing is asked, numbers, contrasts.

By words and tables (alike.yml) alone, or with the cosine of a sentence encoder beside them. Its costs are in `Question` (0.3 ms); comparing
two takes some 20 µs.
"""

import logging
import math
import re
import warnings
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from itertools import pairwise
from pathlib import Path

import yaml
from pydantic import BaseModel, ConfigDict

from tagging.text import fold

FILE = Path(__file__).with_name("alike.yml")
_NUMBERS = re.compile(r"\d+(?:\.\d+)?")
_DIGITS = str.maketrans("一二三四五六七八九", "123456789")
# What all words for a child become: each question here is about one.
CHILD = "孩子"
# What is left over beyond this makes no more difference.
MOST_LEFT = 4.0


class Table(BaseModel):
    """alike.yml."""

    model_config = ConfigDict(extra="forbid")

    same: tuple[tuple[str, str], ...]
    empty: str
    asking: str
    kinds: dict[str, str]
    contrasts: tuple[tuple[str, ...], ...]
    weights: dict[str, float]
    with_encoder: dict[str, float]


@dataclass(frozen=True)
class Question:
    """A text made ready for comparison."""

    text: str
    # Without words that say nothing, and the child: two questions with the same are the same.
    same: str
    characters: Counter[str]
    pairs: Counter[str]
    # The words that say what it is about, with their rarity.
    subject: dict[str, float]
    kinds: frozenset[str]
    numbers: frozenset[str]
    # By the number of the group of contrasts.
    contrasts: dict[int, frozenset[str]]

    @classmethod
    def of(cls, text: str) -> "Question":
        """Read `text`."""
        rules = _rules()
        plain = "".join(c for c in fold(text) if c.isalnum())
        for word, others in rules.same:
            plain = others.sub(word, plain)
        plain = plain.translate(_DIGITS)
        said = rules.empty.sub("", plain) or plain
        core = rules.empty.sub("", rules.asking.sub("", plain))
        return cls(
            text=plain,
            same=said.replace(CHILD, "") or said,
            characters=Counter(said),
            pairs=Counter(first + second for first, second in pairwise(f"^{said}$")),
            subject={word: rarity(word) for word in cutter()(core)},
            kinds=frozenset(kind for kind, pattern in rules.kinds.items() if pattern.search(plain)),
            numbers=frozenset(_NUMBERS.findall(plain)),
            contrasts={
                number: frozenset(word for word in group if word in plain)
                for number, group in enumerate(rules.contrasts)
                if any(word in plain for word in group)
            },
        )


def features(a: Question, b: Question) -> dict[str, float]:
    """What `likeness` weighs, by the names of alike.yml."""
    kinds = a.kinds | b.kinds
    return {
        "base": 1.0,
        "characters": _shared(a.characters, b.characters),
        "pairs": _shared(a.pairs, b.pairs),
        "left": min(MOST_LEFT, max(_left(a, b), _left(b, a))),
        # Where neither says what it wants to know, they agree more than not.
        "kind": len(a.kinds & b.kinds) / len(kinds) if kinds else 0.7,
        "numbers": float(a.numbers != b.numbers),
        "contrast": float(any(number in b.contrasts and not said & b.contrasts[number] for number, said in a.contrasts.items())),
    }


def likeness(a: Question, b: Question, meaning: float | None = None) -> float:
    """How alike `a` and `b` are; `meaning` is the cosine of the two for a sentence encoder, if there is one."""
    found = features(a, b)
    weights = _rules().weights
    if meaning is not None:
        found["meaning"], weights = meaning, _rules().with_encoder
    return 1 / (1 + math.exp(-sum(weights[name] * value for name, value in found.items())))


def _shared(a: Counter[str], b: Counter[str]) -> float:
    return sum([min(a[each], b[each]) for each in a.keys() & b.keys()]) / max(1, sum(a.values()), sum(b.values()))


def _left(a: Question, b: Question) -> float:
    """How much `a` speaks of that `b` does not, a rare word counting for more."""
    left = 0.0
    for word, rare in a.subject.items():
        if word not in b.subject:
            left += rare * sum([c not in b.text for c in word]) / len(word)
    return left / 10


@dataclass(frozen=True)
class _Rules:
    same: tuple[tuple[str, re.Pattern[str]], ...]
    empty: re.Pattern[str]
    asking: re.Pattern[str]
    kinds: dict[str, re.Pattern[str]]
    contrasts: tuple[tuple[str, ...], ...]
    weights: dict[str, float]
    with_encoder: dict[str, float]


@cache
def _rules() -> _Rules:
    table = Table.model_validate(yaml.safe_load(FILE.read_text(encoding="utf-8")))
    return _Rules(
        same=tuple((word, re.compile(others)) for word, others in table.same),
        empty=re.compile(table.empty),
        asking=re.compile(table.asking),
        kinds={kind: re.compile(pattern) for kind, pattern in table.kinds.items()},
        contrasts=table.contrasts,
        weights=table.weights,
        with_encoder=table.with_encoder,
    )


def rarity(word: str) -> float:
    """How rare `word` is in Chinese at large, as the word cutter's dictionary counts it: about 4 for 的, 15 for what it has hardly seen."""
    import jieba

    frequency = jieba.dt.FREQ.get(word) or 1
    return min(15.0, math.log(jieba.dt.total) - math.log(frequency))


@cache
def cutter() -> Callable[[str], list[str]]:
    """Cuts Chinese into words; its dictionary takes about a second."""
    with warnings.catch_warnings():
        # It warns of a package that it imports itself.
        warnings.simplefilter("ignore")
        import jieba

    jieba.setLogLevel(logging.WARNING)
    jieba.initialize()
    cut: Callable[[str], list[str]] = jieba.lcut
    return cut
