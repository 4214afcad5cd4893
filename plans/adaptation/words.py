"""The words of the rules that adapt care, kept in wording.yml."""

from functools import cache
from pathlib import Path
from typing import Any

import yaml

FILE = Path(__file__).with_name("wording.yml")


@cache
def words(group: str) -> dict[str, Any]:
    """One group of wording.yml."""
    found: dict[str, Any] = yaml.safe_load(FILE.read_text(encoding="utf-8"))[group]
    return found


def say(key: str, **values: object) -> str:
    """The sentence `group.name` with its placeholders filled."""
    group, name = key.split(".")
    sentence: str = words(group)[name]
    return sentence.format(**values)
