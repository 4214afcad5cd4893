"""The classes of data with how long each is kept: shipped ones (retention.yml), with the periods of the hospital's own file over them."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import timedelta
from functools import cache
from pathlib import Path
from typing import Any, Literal, get_args

import yaml
from sqlalchemy import Table

from records.schema import Base

Then = Literal["delete", "blank", "files", "jobs", "kept"]
# Never shorter than law means.
_DAYS = {"day": 1, "month": 31, "year": 366}
_PERIOD = re.compile(r"(\d{1,5}) (day|month|year)s?")


class RetentionError(Exception):
    """A file of periods that cannot be used; the text is one sentence."""

    code, permanent = "retention", True


@dataclass(frozen=True)
class Period:
    """A time as people write it: `15 years`."""

    number: int
    unit: str

    @classmethod
    def read(cls, text: object) -> "Period":
        """From `15 years`, `6 months`, `90 days`. Raises ValueError."""
        found = _PERIOD.fullmatch(str(text).strip())
        if found is None:
            raise ValueError(f"{text!r} is no period such as 15 years, 6 months or 90 days")
        return cls(int(found[1]), found[2])

    @property
    def length(self) -> timedelta:
        """With leap years and long months."""
        return timedelta(days=self.number * _DAYS[self.unit])

    @property
    def chinese(self) -> str:
        """As administrators read it."""
        return f"{self.number}{dict(day='天', month='个月', year='年')[self.unit]}"


@dataclass(frozen=True)
class Rows:
    """Rows of a class: of `table`, old by `at`, where `when` (SQL) holds. `blank` are the columns that lose their words."""

    table: Table
    at: str
    when: str = "true"
    blank: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class DataClass:
    """A class; see retention.yml. `changed` says that the period is the hospital's own."""

    code: str
    name: str
    keep: Period
    least: Period
    source: str
    then: Then
    rows: tuple[Rows, ...]
    changed: bool = False


@cache
def shipped() -> dict[str, DataClass]:
    """The shipped classes by code. Raises ValueError for a table or column that is not there, and for a period below the least."""
    raw = yaml.safe_load(Path(__file__).with_name("retention.yml").read_text("utf-8"))
    found = {code: _read(code, each) for code, each in raw.items()}
    if short := [code for code, each in found.items() if each.keep.length < each.least.length]:
        raise ValueError(f"kept too short: {short}")
    return found


def classes(file: Path | None) -> dict[str, DataClass]:
    """The classes with the periods of the hospital's `file` (`media: 10 years`). Raises RetentionError."""
    found = dict(shipped())
    if file is None:
        return found
    try:
        own = yaml.safe_load(file.read_text("utf-8")) or {}
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as err:
        raise RetentionError(f"Setting retention_file: {file} cannot be read: {type(err).__name__}.") from err
    if not isinstance(own, dict):
        raise RetentionError(f"Setting retention_file: {file} must hold lines such as `media: 10 years`.")
    for code, said in own.items():
        if code not in found or (found[code].then == "kept"):
            raise RetentionError(f"Setting retention_file: {file}: {code!r} is no class whose period can be set.")
        try:
            period = Period.read(said)
        except ValueError as err:
            raise RetentionError(f"Setting retention_file: {file}: {code}: {err}.") from err
        least = found[code].least
        if period.length < least.length:
            raise RetentionError(f"Setting retention_file: {file}: {code}: law asks for {least.number} {least.unit}s at least.")
        found[code] = replace(found[code], keep=period, changed=True)
    return found


def _read(code: str, raw: Mapping[str, Any]) -> DataClass:
    if raw["then"] not in get_args(Then) or not raw["source"]:
        raise ValueError(f"{code}: then and source")
    rows = tuple(Rows(Base.metadata.tables[each.pop("table")], **each) for each in map(dict, raw.get("rows", ())))
    for each in rows:
        if wrong := {each.at, *each.blank} - set(each.table.columns.keys()):
            raise ValueError(f"{code}: no columns {wrong}")
    return DataClass(code, raw["name"], Period.read(raw["keep"]), Period.read(raw["least"]), raw["source"], raw["then"], rows)
