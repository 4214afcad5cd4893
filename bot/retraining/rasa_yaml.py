"""Labelled examples as plain Rasa YAML, and back without loss, so that they can be reviewed as a change of files."""

from collections.abc import Mapping, Sequence
from typing import Any

import yaml

from bot.retraining.texts import RetrainingError

VERSION = "3.1"


def write_examples(content: Mapping[str, Sequence[str]]) -> str:
    """The examples as a file below nlu_data/training would hold them: an intent after the other, a line for each example."""
    lines = [f'version: "{VERSION}"', "nlu:" if content else "nlu: []"]
    for intent, texts in content.items():
        lines += [f"- intent: {_scalar(intent)}", "  examples: |", *(f"    - {text}" for text in texts)]
    return "\n".join(lines) + "\n"


def read_examples(text: str, *, where: str = "") -> list[tuple[str, str]]:
    """(text, intent) of every example, in the order of the file.

    Raises RetrainingError for a file that says more than intents and their examples: what is not understood is not dropped.
    """
    try:
        loaded = yaml.safe_load(text)
    except yaml.YAMLError as err:
        raise RetrainingError("not_yaml", where=where, detail=str(err).splitlines()[0]) from err
    if not isinstance(loaded, dict) or not isinstance(loaded.get("nlu"), list):
        raise RetrainingError("no_nlu", where=where)
    _only(loaded, {"version", "nlu"}, where)
    found = []
    for section in loaded["nlu"]:
        if not isinstance(section, dict) or not isinstance(section.get("intent"), str):
            raise RetrainingError("only_intents", where=where, name=_name(section))
        _only(section, {"intent", "examples"}, where)
        found += [(example, section["intent"]) for example in _examples(section, where)]
    return found


def _examples(section: dict[str, Any], where: str) -> list[str]:
    """Rasa knows two forms: lines that begin with a dash, and a list of {text}."""
    given = section.get("examples") or ""
    if isinstance(given, str):
        lines = [line for line in given.split("\n") if line.strip()]
        if any(not line.startswith("-") for line in lines):
            raise RetrainingError("no_dash", where=where, name=section["intent"])
        return [line[1:].strip() for line in lines]
    if not isinstance(given, list) or any(not isinstance(each, dict) or not isinstance(each.get("text"), str) for each in given):
        raise RetrainingError("only_intents", where=where, name=section["intent"])
    for each in given:
        _only(each, {"text"}, where)
    return [each["text"].strip().removeprefix("- ").strip() for each in given]


def _only(given: dict[str, Any], known: set[str], where: str) -> None:
    if more := set(given) - known:
        raise RetrainingError("more_than_examples", where=where, name="、".join(sorted(map(str, more))))


def _name(section: Any) -> str:
    return next((f"{key}: {value}" for key, value in section.items()), "?") if isinstance(section, dict) else str(section)


def _scalar(text: str) -> str:
    """`text` as YAML reads it back: bare when it is a plain word, quoted otherwise (no, 7, a: b)."""
    return (
        text
        if yaml.safe_load(text) == text and text.isidentifier()
        else yaml.safe_dump(text, allow_unicode=True, default_style='"').strip()
    )
