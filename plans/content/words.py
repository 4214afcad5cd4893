"""What editors, clinicians and families read about contents, kept in words.yml."""

from functools import cache
from pathlib import Path
from typing import Any

import yaml

FILE = Path(__file__).parent / "words.yml"


@cache
def _words() -> dict[str, Any]:
    loaded: dict[str, Any] = yaml.safe_load(FILE.read_text(encoding="utf-8"))
    return loaded


def say(key: str, **values: object) -> str:
    """The sentence `key` ("group.name") with its placeholders filled. Raises KeyError for a sentence or value that is not there."""
    group, name = key.split(".")
    sentence: str = _words()[group][name]
    return sentence.format(**values)


def table(group: str) -> dict[str, Any]:
    """A whole group of words.yml."""
    found: dict[str, Any] = _words()[group]
    return found


class ContentRefused(Exception):
    """What was asked of the content centre cannot be done; the text is a Chinese sentence that says why (words.yml `refused`)."""

    permanent = True

    def __init__(self, code: str, /, **values: object) -> None:
        super().__init__(say(f"refused.{code}", **values))
        self.code = code
