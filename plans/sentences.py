"""Sentences that people read, kept in a YAML file beside the code that says them."""

from functools import cached_property
from pathlib import Path
from typing import Any

import yaml


class Sentences:
    """One file: groups of named sentences, which may have placeholders. Read when the first one is asked for."""

    def __init__(self, file: Path) -> None:
        self._file = file

    @cached_property
    def _groups(self) -> dict[str, Any]:
        loaded: dict[str, Any] = yaml.safe_load(self._file.read_text(encoding="utf-8"))
        return loaded

    def say(self, key: str, /, **values: object) -> str:
        """The sentence `key` ("group.name") with its placeholders filled. Raises KeyError for a sentence or value that is not there."""
        group, name = key.split(".")
        return str(self._groups[group][name]).format(**values)

    def group(self, name: str) -> dict[str, Any]:
        """A whole group, such as the names of vitals. Raises KeyError."""
        found: dict[str, Any] = self._groups[name]
        return found
