"""The service's own Chinese, from texts.yml."""

import re
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


def said_or(path: str, default: str, **values: Any) -> str:
    """`say`, or `default` where the file has nothing."""
    try:
        return say(path, **values)
    except KeyError:
        return default


# Triage's evidence names ages, tags and offsets as rules do; a clinician reads words.
_WORDS = ((r" at (\d+) days", r"（\1日龄）"), (r", tag (\w+)", r"（标签 \1）"), (r"(?<=」)\[\d+:\d+\]", ""))


def reasons(because: list[str]) -> str:
    """Why an alert fired, in a clinician's words; `because` as the rules say it."""
    read = []
    for reason in because:
        for pattern, words in _WORDS:
            reason = re.sub(pattern, words, reason)
        read.append(said_or(f"reasons.{reason}", reason))
    return "；".join(dict.fromkeys(read))
