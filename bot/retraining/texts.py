"""What administrators read, from texts.yml."""

from functools import cache
from pathlib import Path
from typing import Any

import yaml


@cache
def _all() -> dict[str, Any]:
    loaded: dict[str, Any] = yaml.safe_load(Path(__file__).with_name("texts.yml").read_text("utf-8"))
    return loaded


def say(path: str, **values: Any) -> str:
    """The text at `path` (dots between keys) with its placeholders filled. Raises KeyError when there is none."""
    found: Any = _all()
    for key in path.split("."):
        found = found[key]
    return str(found).format(**values)


class RetrainingError(Exception):
    """What was asked for cannot be done; the message says so to an administrator, code and values to a program."""

    permanent = True

    def __init__(self, code: str, **values: Any) -> None:
        super().__init__(say(f"errors.{code}", **values))
        self.code, self.values = code, values
