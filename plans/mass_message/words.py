"""The sentences of words.yml."""

from functools import cache
from pathlib import Path
from typing import Any

import yaml


@cache
def _all() -> dict[str, Any]:
    read: dict[str, Any] = yaml.safe_load(Path(__file__).with_name("words.yml").read_text(encoding="utf-8"))
    return read


def say(key: str, **values: object) -> str:
    """The sentence `key` (dotted), filled in."""
    found: Any = _all()
    for part in key.split("."):
        found = found[part]
    return str(found).format(**values)


def words(key: str) -> dict[str, str]:
    """A table of words."""
    found: dict[str, str] = _all()[key]
    return found
