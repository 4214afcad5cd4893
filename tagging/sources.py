"""The sources of clinical numbers, by id."""

from functools import cache
from pathlib import Path
from typing import Any

from tagging.folder import read_yaml


@cache
def sources() -> dict[str, dict[str, Any]]:
    """`{id: {title, where, confidence, short?}}` of data/sources.yml."""
    return read_yaml(Path(__file__).parent / "data" / "sources.yml")
