"""The sentences of planning.yml."""

from functools import cache
from pathlib import Path
from typing import Any

import yaml


@cache
def _texts() -> dict[str, Any]:
    loaded: dict[str, Any] = yaml.safe_load(Path(__file__).with_name("planning.yml").read_text(encoding="utf-8"))
    return loaded


def say(key: str, **values: object) -> str:
    """The sentence at `key` ("group.name"), filled in. Raises KeyError."""
    group, name = key.split(".")
    return str(_texts()[group][name]).format(**values)


def words(group: str) -> dict[str, Any]:
    """A whole group."""
    found: dict[str, Any] = _texts()[group]
    return found
