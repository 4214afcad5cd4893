"""What people read of measures, from words.yml."""

from functools import cache
from pathlib import Path
from typing import Any

import yaml


@cache
def _words() -> dict[str, Any]:
    loaded: dict[str, Any] = yaml.safe_load(Path(__file__).with_name("words.yml").read_text("utf-8"))
    return loaded


def title(measure: str) -> str:
    """A measure's name."""
    return str(_words()["measures"][measure]["title"])


def definition(measure: str) -> str:
    """A measure's definition in one sentence, numerator over denominator, with its source."""
    return str(_words()["measures"][measure]["is"])


def word(group: str, name: str, **values: object) -> str:
    """The text `name` of a group, its placeholders filled. Raises KeyError where there is none."""
    return str(_words()[group][name]).format(**values)


def value_of(dimension: str, value: str) -> str:
    """A value of a dimension as people read it."""
    known = _words()["values"].get(dimension, {})
    return str(known.get(value, value or _words()["values"]["none"]))
