"""pictures.yml: what the words on devices and reports stand for."""

import re
from functools import cache
from pathlib import Path

import yaml
from pydantic import BaseModel, ConfigDict, ValidationError

from tagging.errors import ContentError

FILE = Path(__file__).parent.parent / "data" / "pictures.yml"


class _Table(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Shown(_Table):
    """One number of a device: the vital, and the labels beside it."""

    vital: str
    labels: tuple[str, ...]


class Device(_Table):
    """A kind of device: the words that betray it, its numbers from top to bottom, its units as vitals.yml names them."""

    words: tuple[str, ...]
    shows: tuple[Shown, ...]
    units: dict[str, str]


class Analyte(_Table):
    """A line of a lab report: its name for families, how laboratories print it, its unit in UCUM, and the vital it is, if it is one.

    `units` maps other printed units (see `plain`) to the factor that leads to `unit`; `range` is what can be at all, in `unit`.
    """

    name: str
    printed: tuple[str, ...]
    unit: str
    units: dict[str, float] = {}
    range: tuple[float, float]
    vital: str | None = None


class Words(_Table):
    """The whole file."""

    version: int
    say: dict[str, str]
    shown_units: dict[str, str]
    meter_limits: dict[str, float]
    devices: dict[str, Device]
    units: dict[str, str]
    headings: dict[str, tuple[str, ...]]
    analytes: dict[str, Analyte]


@cache
def words() -> Words:
    """The table, read once. Raises ContentError (`bad_content`) naming the place."""
    try:
        return Words.model_validate(yaml.safe_load(FILE.read_text("utf-8")))
    except (ValidationError, yaml.YAMLError) as error:
        raise ContentError("bad_content", f"{FILE.name}: {error}") from error


# What a recogniser takes for each other, and what print varies: compared without it.
_SAME = str.maketrans(
    {
        "（": "(",
        "）": ")",
        "：": ":",
        "，": ",",
        "％": "%",
        "—": "-",
        "–": "-",
        "－": "-",
        "～": "~",
        "〜": "~",
        "µ": "u",
        "μ": "u",
        "₂": "2",
        "＃": "#",
        "º": "°",
    }
)


def plain(text: str) -> str:
    """`text` for comparing: lower case, half width, without spaces."""
    return re.sub(r"\s+|°(?=[℃℉])", "", text.translate(_SAME)).lower()
