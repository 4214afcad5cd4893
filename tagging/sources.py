"""The sources of clinical numbers, by id."""

from functools import cache
from pathlib import Path
from typing import Any

import yaml


@cache
def sources() -> dict[str, dict[str, Any]]:
    """`{id: {title, where, confidence, short?}}` of data/sources.yml."""
    loaded: dict[str, dict[str, Any]] = yaml.safe_load((Path(__file__).parent / "data" / "sources.yml").read_text("utf-8"))
    return loaded
