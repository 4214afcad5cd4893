"""How well questions are told apart and answered: `careloop evaluate retrieval [--file JSONL]`.

Lines are pairs of questions, {"a", "b", "label"} (2 the same, 0 not; 1, a part of the other, is left out), which give the area under
the curve; or {"question", "article"} (null when no article answers it), which give what a family would have read.
"""

import json
import random
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from plans.alike import Question, cutter, likeness
from plans.content.library import Library
from plans.encoder import Encoder
from tagging.evaluation.score import Share

SAME, PART = 2, 1
RIGHT, WRONG, NOTHING, FALSE, SILENT = "right article", "wrong article", "nothing found", "article though none answers", "rightly nothing"


@dataclass(frozen=True)
class Pairs:
    """Pairs with their likeness; `milliseconds` is processor time for one new question and one comparison."""

    scored: list[tuple[float, bool, str]]
    milliseconds: float

    def report(self, *, worst: int) -> str:
        """Figures and the worst errors as text."""
        area = auc([(score, same) for score, same, _ in self.scored])
        low, high = auc_interval([(score, same) for score, same, _ in self.scored])
        lines = [f"{len(self.scored)} pairs  AUC {area:.3f} [{low:.3f}, {high:.3f}]  {self.milliseconds:.2f} ms a question"]
        wrong = sorted(self.scored, key=lambda each: each[0] if each[1] else 1 - each[0])[:worst]
        lines += [f"  {score:.2f} {'same' if same else 'other'}  {text}" for score, same, text in wrong]
        return "\n".join(lines)


@dataclass(frozen=True)
class Answers:
    """What was found for questions: (kind, question, wanted, found)."""

    found: list[tuple[str, str, str | None, str | None]]
    milliseconds: float

    def report(self, *, worst: int) -> str:
        """Figures and the errors as text."""
        count = Counter(kind for kind, *_ in self.found)
        asked = count[RIGHT] + count[WRONG] + count[NOTHING]
        lines = [f"{len(self.found)} questions  {self.milliseconds:.2f} ms each"]
        lines += [f"  {kind:<28} {Share(count[kind], asked)}" for kind in (RIGHT, WRONG, NOTHING)]
        lines += [f"  {FALSE:<28} {Share(count[FALSE], len(self.found) - asked)}"]
        errors = [each for each in self.found if each[0] not in (RIGHT, SILENT)][:worst]
        return "\n".join([*lines, *(f"  {kind}: {text} (wanted {wanted}, found {got})" for kind, text, wanted, got in errors)])


def evaluate_file(path: Path, encoder: Encoder | None = None) -> Pairs | Answers:
    """Read and score a file of one of the two kinds."""
    lines = [json.loads(line) for line in path.read_text("utf-8").splitlines() if line.strip()]
    cutter()
    return _pairs(lines, encoder) if lines and "a" in lines[0] else _answers(lines, encoder)


def _pairs(lines: Sequence[dict[str, Any]], encoder: Encoder | None) -> Pairs:
    chosen = [line for line in lines if line["label"] != PART]
    began = time.process_time()
    texts = list(dict.fromkeys(text for line in chosen for text in (line["a"], line["b"])))
    read = {text: Question.of(text) for text in texts}
    meaning: list[float | None] = [None] * len(chosen)
    if encoder is not None:
        row = {text: vector for text, vector in zip(texts, encoder.encode(texts), strict=True)}
        meaning = [float(row[line["a"]] @ row[line["b"]]) for line in chosen]
    scored = [
        (likeness(read[line["a"]], read[line["b"]], each), line["label"] == SAME, f"{line['a']} | {line['b']}")
        for line, each in zip(chosen, meaning, strict=True)
    ]
    return Pairs(scored, 1000 * (time.process_time() - began) / max(1, len(texts)))


def _answers(lines: Sequence[dict[str, Any]], encoder: Encoder | None) -> Answers:
    library = Library.load(encoder=encoder)
    began = time.process_time()
    found = []
    for line in lines:
        hits = library.search(line["question"], 1)
        found.append((line["question"], line["article"], hits[0].article.id if hits else None))
    spent = 1000 * (time.process_time() - began) / max(1, len(lines))
    return Answers([(_kind(wanted, got), text, wanted, got) for text, wanted, got in found], spent)


def _kind(wanted: str | None, got: str | None) -> str:
    if wanted is None:
        return SILENT if got is None else FALSE
    return RIGHT if got == wanted else NOTHING if got is None else WRONG


def auc(scored: Sequence[tuple[float, bool]]) -> float:
    """The chance that one of the same is scored above one that is not; ties count half."""
    ranks: dict[float, list[int]] = {}
    for rank, (score, same) in enumerate(sorted(scored), 1):
        ranks.setdefault(score, []).append(rank if not same else -rank)
    total, same_count = 0.0, sum(same for _, same in scored)
    for places in ranks.values():
        middle = sum(abs(place) for place in places) / len(places)
        total += middle * sum(place < 0 for place in places)
    other = len(scored) - same_count
    return (total - same_count * (same_count + 1) / 2) / (same_count * other) if same_count and other else 1.0


def auc_interval(scored: Sequence[tuple[float, bool]], *, rounds: int = 200, seed: int = 1) -> tuple[float, float]:
    """95 % percentile bootstrap interval; pairs are drawn with replacement."""
    draw = random.Random(seed)  # noqa: S311 (a bootstrap, not a secret)
    values = sorted(auc(draw.choices(scored, k=len(scored))) for _ in range(rounds))
    return values[int(0.025 * rounds)], values[min(rounds - 1, int(0.975 * rounds))]
