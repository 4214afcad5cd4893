"""Checks on the data before anything is learned from them: each finding is one sentence that says what to do."""

import re
from collections import Counter, defaultdict
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from itertools import chain
from statistics import median
from typing import TYPE_CHECKING, Any

from bot.retraining.deidentify import deidentify
from bot.retraining.likeness import grams, normal
from bot.retraining.limits import limits
from bot.retraining.on_file import OnFile
from bot.retraining.texts import say

if TYPE_CHECKING:
    from bot.retraining.data import Example


# Texts of fewer letters (a number, a sigh) are like many others and say little.
WORDS = 4
BLOCK = 500


@dataclass(frozen=True)
class Problem:
    """`kind` is contradiction, leak, private, duplicate, near or imbalance. What is `refused` must be mended before a training."""

    kind: str
    sentence: str
    texts: tuple[str, ...] = ()
    refused: bool = False


def check_new(wanted: Sequence[tuple[str, str]], known: Sequence["Example"], held_out: Collection[str]) -> list[Problem]:
    """What is wrong with taking these (text, intent) beside the known examples."""
    intents = defaultdict(set)
    for example in known:
        intents[normal(example.text)].add(example.intent)
    problems = []
    for text, intent in wanted:
        key = normal(text)
        others = sorted(intents[key] - {intent})
        if not key:
            problems.append(_problem("empty", (text,), refused=True))
        elif key in held_out:
            problems.append(_problem("leak", (text,), refused=True))
        elif others:
            problems.append(_problem("contradiction", (text,), refused=True, intents="、".join([intent, *others])))
        elif intent in intents[key]:
            problems.append(_problem("duplicate", (text,), refused=True, intent=intent))
        intents[key].add(intent)
    return problems


def check_data(examples: Sequence["Example"], held_out: Collection[str], intents: Collection[str]) -> list[Problem]:
    """What is wrong with a whole data set; the weightiest first.

    What the administrators did not write they cannot mend: it is told, but not refused.
    """
    by_key: dict[str, list[Example]] = defaultdict(list)
    for example in examples:
        by_key[normal(example.text)].append(example)
    found: list[Problem] = []
    for key, same in by_key.items():
        texts, theirs = tuple(dict.fromkeys(example.text for example in same)), any(not example.ours for example in same)
        different = sorted({example.intent for example in same})
        if len(different) > 1:
            found.append(_problem("contradiction", texts, refused=theirs, intents="、".join(different)))
        elif len(same) > 1:
            found.append(_problem("duplicate", texts, intent=different[0]))
        if key in held_out:
            found.append(_problem("leak", texts, refused=theirs))
        if unknown := sorted(set(different) - set(intents)):
            found.append(_problem("unknown_intent", texts, refused=theirs, intent="、".join(unknown)))
    found += _near(examples) + _imbalance(examples)
    order = ("unknown_intent", "contradiction", "leak", "near", "imbalance", "duplicate")
    return sorted(found, key=lambda problem: (not problem.refused, order.index(problem.kind)))


def check_private(examples: Sequence["Example"], known: OnFile) -> list[Problem]:
    """The administrators' examples in which something still tells who somebody is: what they learn from is kept for good."""
    return [
        _problem("private", (example.text,), refused=True)
        for example in examples
        if not example.ours and deidentify(example.text, known) != example.text
    ]


def _near(examples: Sequence["Example"]) -> list[Problem]:
    """Texts of different intents that are nearly the same, at least one of which an administrator can mend."""
    from scipy.sparse import csr_matrix, diags

    different = {key: example for example in examples if len(re.sub(r"\d", "", key := normal(example.text))) >= WORDS}
    # Theirs first, in the order of the data: each is held against those behind it.
    rows = sorted(different.values(), key=lambda example: example.ours)
    theirs = sum(not example.ours for example in rows)
    if not theirs:
        return []
    counts = [grams(example.text) for example in rows]
    columns: dict[str, int] = {}
    for gram in chain.from_iterable(counts):
        columns.setdefault(gram, len(columns))
    at, column, value = zip(*((row, columns[gram], n) for row, each in enumerate(counts) for gram, n in each.items()), strict=True)
    matrix: Any = csr_matrix((value, (at, column)), shape=(len(rows), len(columns)), dtype=float)
    unit = diags(1 / matrix.power(2).sum(axis=1).A1 ** 0.5) @ matrix
    found = []
    # Row block by row block, so that the memory stays small however many examples there are.
    for start in range(0, theirs, BLOCK):
        alike = (unit[start : min(start + BLOCK, theirs)] @ unit.T).tocoo()
        close = alike.data >= limits().nearly_the_same
        for row, other in zip((alike.row[close] + start).tolist(), alike.col[close].tolist(), strict=True):
            one, two = rows[row], rows[other]
            if row < other and one.intent != two.intent:
                found.append(_problem("near", (one.text, two.text), one=one.intent, two=two.intent))
    return found


def _imbalance(examples: Sequence["Example"]) -> list[Problem]:
    counts = Counter(example.intent for example in examples)
    if not counts:
        return []
    usual = median(counts.values())
    few = [_problem("few", (), kind="imbalance", intent=intent, count=n) for intent, n in counts.items() if n < limits().fewest_examples]
    most = limits().most_times_median * usual
    many = [_problem("many", (), kind="imbalance", intent=i, count=n, times=round(n / usual)) for i, n in counts.items() if n > most]
    return few + many


def _problem(words: str, texts: tuple[str, ...], *, kind: str | None = None, refused: bool = False, **values: object) -> Problem:
    told = {f"text{number}": text for number, text in enumerate(texts[:2])}
    return Problem(kind or words, say(f"checks.{words}", **told, **values), texts, refused)
