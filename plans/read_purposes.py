"""Why records are opened, in words."""

from functools import cache
from pathlib import Path

import yaml


@cache
def purposes() -> dict[str, str]:
    """The words by code; see read_purposes.yml."""
    loaded: dict[str, str] = yaml.safe_load(Path(__file__).with_suffix(".yml").read_text("utf-8"))
    return loaded


def purpose(why: str) -> str:
    """What `why` of a read means; a number in it is not told."""
    code = why.partition(":")[0]
    return purposes().get(code, code)
