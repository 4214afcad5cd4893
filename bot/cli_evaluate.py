"""How well the language layer and the answering of questions do on labelled lines: `careloop evaluate language|triage|…`."""

import json
import sys
from collections.abc import Callable
from enum import StrEnum
from importlib import import_module
from pathlib import Path
from typing import Protocol

from tagging.errors import InputError

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
    retrieval = "retrieval"
    notes = "notes"


def run_evaluation(topic: Topic, file: Path | None, worst: int) -> None:
    """Print the figures for `file`, or for the frozen sets that come with CareLoop, and the worst errors."""
    evaluate = (
        _retrieval() if topic is Topic.retrieval else import_module(_MODULES.get(topic, f"tagging.evaluation.{topic.value}")).evaluate_file
    )
    files = [file] if file is not None else [path for name in _SETS[topic] if (path := FROZEN / name).exists()]
    for path in files:
        try:
            sys.stdout.write(f"{path.name}\n{evaluate(path).report(worst=worst)}\n\n")
        except (json.JSONDecodeError, InputError) as error:
            raise SystemExit(f"{path.name}: {error}") from error


def _retrieval() -> Callable[[Path], Result]:
    """With the sentence encoder of the settings, if one is named."""
    from bot.settings import load_settings
    from plans.encoder import open_encoder
    from plans.retrieval import evaluate_file

    name = load_settings().encoder
    encoder = open_encoder(name) if name else None
    return lambda path: evaluate_file(path, encoder)


# Notes are read for tags, which the language of families does without.
_MODULES = {Topic.notes: "tagging.tags.evaluate_notes"}
_SETS = {
    Topic.retrieval: ("questions.jsonl", "wordings.jsonl"),
    Topic.triage: ("cases.jsonl", "redflags.jsonl"),
    Topic.measurements: ("measurements.jsonl",),
    Topic.notes: ("notes.jsonl",),
    Topic.language: ("symptoms.jsonl", "language.jsonl"),
}
