"""The sentences that do not belong to one template, kept in wording.yml."""

from functools import cache
from pathlib import Path
from typing import Any

import yaml

FILE = Path(__file__).parent / "wording.yml"


@cache
def _wording() -> dict[str, Any]:
    loaded: dict[str, Any] = yaml.safe_load(FILE.read_text(encoding="utf-8"))
    return loaded


def say(key: str, **values: object) -> str:
    """The sentence `key` ("group.name") with its placeholders filled. Raises KeyError for a sentence or value that is not there."""
    group, name = key.split(".")
    sentence: str = _wording()[group][name]
    return sentence.format(**values)


def words(group: str) -> dict[str, Any]:
    """A whole group of wording.yml, such as the names of vitals."""
    found: dict[str, Any] = _wording()[group]
    return found
