"""How well the language layer does on labelled lines: `careloop evaluate language|triage|measurements`."""

import sys
from collections.abc import Callable
from enum import StrEnum
from importlib import import_module
from pathlib import Path
from typing import Protocol

FROZEN = Path(__file__).parent.parent / "nlu_data" / "evaluation"


class Result(Protocol):
    """What the evaluation of a topic comes to."""

    def report(self, *, worst: int) -> str:
        """Figures and the worst errors as text."""
        ...


class Topic(StrEnum):
    """What to measure."""

    language = "language"
    triage = "triage"
    measurements = "measurements"


def run_evaluation(topic: Topic, file: Path | None, worst: int) -> None:
    """Print the figures for `file`, or for the frozen sets that come with CareLoop, and the worst errors."""
    evaluate: Callable[[Path], Result] = import_module(f"tagging.evaluation.{topic.value}").evaluate_file
    files = [file] if file is not None else [path for name in _SETS[topic] if (path := FROZEN / name).exists()]
    for path in files:
        sys.stdout.write(f"{path.name}\n{evaluate(path).report(worst=worst)}\n\n")


_SETS = {
    Topic.triage: ("cases.jsonl", "redflags.jsonl"),
    Topic.measurements: ("measurements.jsonl",),
    Topic.language: ("symptoms.jsonl", "language.jsonl"),
}
