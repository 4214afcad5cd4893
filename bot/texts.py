"""The service's own Chinese, from texts.yml."""

import re
from functools import cache
from pathlib import Path
from typing import Any

import yaml

from tagging.content import default_content


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


# Triage's evidence names ages, tags, units and offsets as rules do; a clinician reads words.
_WORDS = (
    (r"resembles danger \(([\d.]+)\): ", r"措辞像危险情况（把握 \1）："),
    (r"(\d+) g, ([\d.]+)% below birth weight (\d+) g", r"体重 \1 克，比出生体重 \3 克低 \2%"),
    (r" at (\d+) days", r"（\1日龄）"),
    (r", at or above ([\d.]+) for (\d+) min", r"，\2 分钟内不低于 \1"),
    (r", not certain", "（不确定）"),
    (r"(?<=」)\[\d+:\d+\]", ""),
    (r" if (「.*?」) is meant so", r"（如果\1就是这个意思，请核对）"),
    (r" \+ ", " 并有 "),
    (r"10\*9/L", "×10⁹/L"),
    (r" /d\b", " 次/天"),
)


def reasons(because: list[str]) -> str:
    """Why an alert fired, in a clinician's words; `because` as the rules say it. What another reason says too is left out."""
    read = []
    for reason in because:
        for pattern, words in _WORDS:
            reason = re.sub(pattern, words, reason)
        reason = re.sub(r", tag (\w+)", lambda tag: f"（{_tag_name(tag[1])}）", reason)
        reason = re.sub(r"^([a-z_]+) (?=[\d.]+$)", lambda vital: f"{_vital_name(vital[1])} ", reason)
        read.append(said_or(f"reasons.{reason}", reason))
    read = list(dict.fromkeys(read))
    return "；".join(reason for reason in read if not any(reason != other and reason in other for other in read))


def _tag_name(tag: str) -> str:
    """What a tag stands for, by the words that imply it."""
    concepts = default_content().symptoms.concepts
    return next((each.name for id, each in concepts.items() if each.tag == tag and id.startswith("ctx_")), tag)


def _vital_name(vital: str) -> str:
    vitals = default_content().vitals.vitals
    return vitals[vital].name if vital in vitals else vital
