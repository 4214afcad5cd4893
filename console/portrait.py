"""A patient's portrait as one page that prints well: no script, nothing loaded from elsewhere."""

from collections import defaultdict
from collections.abc import Sequence
from datetime import date, datetime
from functools import cache
from typing import Any
from zoneinfo import ZoneInfo

import yaml
from markupsafe import Markup

from console.moment import age_text, number_text
from console.page import TEMPLATES, environment
from tagging.portrait.measured import ReadingView
from tagging.portrait.numbers import in_words, numberings
from tagging.portrait.portrait import Portrait

# As many results and readings as are of use on paper.
RESULTS, READINGS = 60, 20
_WIDE, _HIGH = 150, 24


def portrait_page(portrait: Portrait, *, hospital: str, zone: ZoneInfo) -> str:
    """The page in Chinese, days and times in the hospital's `zone`. Everything that came from outside is escaped."""

    def day(at: datetime | date | None) -> str:
        return "" if at is None else f"{at.astimezone(zone) if isinstance(at, datetime) else at:%Y-%m-%d}"

    def moment(at: datetime) -> str:
        return f"{at.astimezone(zone):%Y-%m-%d %H:%M}"

    page = environment().get_template("portrait.html")
    return page.render(
        p=portrait, w=portrait_words(), hospital=hospital, day=day, moment=moment, age=age_text, number=number_text, spark=_spark,
        results=portrait.results[:RESULTS], shown=READINGS, number_of=in_words, numberings=numberings(),
    )  # fmt: skip


def _spark(readings: Sequence[ReadingView]) -> Markup:
    """The last readings as a line; numbers alone go into it."""
    values = [reading.value for reading in readings[-READINGS:]]
    if len(values) < 2:
        return Markup("")
    low, high = min(values), max(values)
    step, span = _WIDE / (len(values) - 1), (high - low) or 1
    points = " ".join(f"{n * step:.1f},{_HIGH - 2 - (value - low) / span * (_HIGH - 4):.1f}" for n, value in enumerate(values))
    return Markup('<svg width="{}" height="{}" aria-hidden="true"><polyline points="{}"/></svg>').format(_WIDE, _HIGH, points)


class _Words(defaultdict[str, str]):
    """The words of a group; None stands for a code that has none, so that the page can show the code."""

    def __missing__(self, key: str) -> Any:
        return None


@cache
def portrait_words() -> dict[str, _Words]:
    """What the portrait says for codes, by group; a code that has no word gives None."""
    groups = yaml.safe_load((TEMPLATES / "portrait.yml").read_text(encoding="utf-8"))
    return {name: _Words(None, words) for name, words in groups.items()}
