"""How well a model reads the frozen sets, and what it makes of messages in which triage finds danger. Without Rasa, in seconds."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import yaml

from bot.dialogue.intent import IntentReader, understood_alone
from bot.retraining.data import domain_intents, evaluation_lines, frozen
from bot.retraining.figures import f1, macro_f1, share
from bot.retraining.limits import limits
from tagging.understanding import Understanding

DANGER = ("emergency", "urgent")


@dataclass(frozen=True)
class Text:
    """A text that has been understood once, for as many models as want to read it."""

    text: str
    understood: Understanding

    @classmethod
    def of(cls, text: str) -> "Text":
        """As the dialogue understands a text of which nothing else is known."""
        return cls(text, understood_alone(text))


def read(reader: IntentReader, texts: Sequence[Text]) -> list[tuple[str, float]]:
    """Intent and confidence of each text."""
    return [reader.classify(each.text, each.understood) for each in texts]


def examine(reader: IntentReader, root: Path) -> dict[str, Any]:
    """The figures that are kept with a model."""
    truth = frozen(root)
    answers = [intent for intent, _ in read(reader, [Text.of(text) for text, _ in truth])]
    wanted = [intent for _, intent in truth]
    danger = [Text.of(text) for text in dangerous(root)]
    return {**figures(wanted, answers), "heard": heard([intent for intent, _ in read(reader, danger)])}


def figures(truth: Sequence[str], answers: Sequence[str]) -> dict[str, Any]:
    """Accuracy, macro-F1 and F1 of each intent on labelled messages."""
    return {
        "messages": len(truth),
        "accuracy": share(sum(t == a for t, a in zip(truth, answers, strict=True)), len(truth)),
        "macro_f1": macro_f1(truth, answers),
        "intents": {intent: {"messages": n, "f1": f1(truth, answers, intent)} for intent, n in sorted(Counter(truth).items())},
    }


def heard(answers: Sequence[str]) -> list[float]:
    """The share of dangerous messages that are taken down, answered as a question or handed on, not passed over as small talk."""
    return share(sum(answer in limits().heard for answer in answers), len(answers))


def dangerous(root: Path) -> list[str]:
    """The messages of the red-flag set in which triage must find danger."""
    lines = evaluation_lines(root, "redflags")
    return [
        line["input"]["text"] for line in lines if (line.get("expect") or {}).get("level") in DANGER and "text" in (line.get("input") or {})
    ]


@cache
def _probes() -> dict[str, list[str]]:
    loaded: dict[str, list[str]] = yaml.safe_load(Path(__file__).with_name("probes.yml").read_text("utf-8"))
    return loaded


def probes(root: Path) -> list[tuple[str, str]]:
    """Plain wishes as (text, intent), which every model must understand, of the intents that this program has."""
    known = domain_intents(root)
    return [(text, intent) for intent, texts in _probes().items() if intent in known for text in texts]
