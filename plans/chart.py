"""The words of chart.yml, and what texts about visits, medicines and results share: days, a phone's length, patterns of questions."""

import re
from collections.abc import Sequence
from datetime import date
from functools import cache
from pathlib import Path
from typing import Any

import yaml

from tagging.text import fold

# Of a menu's head WeCom takes 1024 bytes (wecom-api §3.5). The rest is for what else is said in the same turn.
BYTES = 800


@cache
def texts() -> dict[str, Any]:
    """chart.yml."""
    loaded: dict[str, Any] = yaml.safe_load(Path(__file__).with_name("chart.yml").read_text("utf-8"))
    return loaded


def say(path: str, **values: object) -> str:
    """The text at `path` of chart.yml (dots between keys), filled in. Raises KeyError when there is none."""
    found: Any = texts()
    for key in path.split("."):
        found = found[key]
    return str(found).format(**values)


@cache
def _pattern(name: str) -> re.Pattern[str]:
    return re.compile(texts()["words"][name], re.I)


def asks_about(name: str, text: str) -> bool:
    """Whether `text` holds words of this group."""
    return bool(_pattern(name).search(fold(text)))


def day_text(day: date, today: date) -> str:
    """3月9日（周一）, with the year where it is another one."""
    weekday = texts()["weekdays"][day.weekday()]
    return say("day" if day.year == today.year else "day_of_year", year=day.year, month=day.month, day=day.day, weekday=weekday)


def clip(text: str, most: int = 60) -> str:
    """A field of the hospital's, no longer than a line or two."""
    return text if len(text) <= most else text[: most - 1] + "…"


def fit(head: str, lines: Sequence[str], tail: Sequence[str], *, more: str = "more", most: int = BYTES) -> str:
    """Head, as many lines as `most` bytes hold, how many are left out, tail. A single line that is too long is cut."""
    closing = [text for text in tail if text]
    room = most - len("\n".join([head, say(more, number=len(lines)), *closing]).encode())
    shown: list[str] = []
    for line in lines:
        room -= len(line.encode()) + 1
        if room < 0:
            break
        shown.append(line)
    if lines and not shown:
        shown = [clip(lines[0], 100)]
    left = [say(more, number=len(lines) - len(shown))] if len(shown) < len(lines) else []
    return "\n".join(text for text in [head, *shown, *left, *closing] if text)
