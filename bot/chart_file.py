"""What the rows of a hospital's table say about its patients: one row, one row of ours, or why not. Pure; chart_file.yml has the words."""

import hashlib
import re
import unicodedata
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from functools import cache
from math import isfinite
from pathlib import Path
from typing import Any, Literal
from zoneinfo import ZoneInfo

import yaml

from integrations.tabular.read import FileRefused, Row, Table, plain
from plans.clock import local_day
from records.appointment import Appointment
from records.lab_result import LabResult
from records.medication import MedicationRequest
from tagging.particulars import record_key

Kind = Literal["appointments", "medications", "results"]
Chart = Appointment | MedicationRequest | LabResult
# Rows with a number of the hospital's own, and rows that are known by what they say; the two never meet.
BY_NUMBER, BY_CONTENT = "file", "file:content"
# A date farther away than this is a slip of the pen.
FAR_BACK, FAR_AHEAD = timedelta(days=20 * 365), timedelta(days=3 * 365)
# HL7 and people write a list of clock times with any of these.
_LISTED = re.compile(r"[、，,;；/\s]+")

_WITH_OFFSET = re.compile(r"\d{4}-\d\d-\d\d \d\d:\d\d(:\d\d)?(\.\d+)?(Z|[+-]\d\d:?\d\d)")
_RUN_TOGETHER = re.compile(r"(?!\d{8}(?!\d))\d{5,}")


class RowRefused(Exception):
    """The row is not taken; the text says why, in the words of chart_file.yml."""

    code, permanent = "row_refused", True


@dataclass(frozen=True)
class Read:
    """A row that can be taken: the patient by his record key, `name` as the file gives it, and the row of ours (`patient_id` unset)."""

    line: int
    record_number: str
    name: str
    row: Chart
    about: str

    @property
    def key(self) -> str:
        """The record number as it is compared."""
        return record_key(self.record_number)


@cache
def texts() -> dict[str, Any]:
    """chart_file.yml."""
    loaded: dict[str, Any] = yaml.safe_load(Path(__file__).with_name("chart_file.yml").read_text("utf-8"))
    return loaded


def say(path: str, **values: object) -> str:
    """The text at `path` of chart_file.yml, filled in."""
    group, name = path.split(".")
    return str(texts()[group][name]).format(**values)


def columns_of(kind: Kind, table: Table) -> dict[str, str]:
    """Which column of the table holds which field. Raises FileRefused for one that is needed and not there, or is there twice."""
    found: dict[str, str] = {}
    lacking, double = [], []
    for field, described in texts()["columns"][kind].items():
        there = [name for name in table.header if name in {plain(known) for known in described["names"]}]
        if len(there) > 1:
            double += there
        elif there:
            found[field] = there[0]
        elif described.get("needed"):
            lacking.append(described["names"][0])
    if double:
        raise FileRefused("same", columns="、".join(double))
    if lacking:
        raise FileRefused("columns", columns="、".join(lacking))
    return found


def ignored(kind: Kind, table: Table) -> list[str]:
    """The columns that no field is read from."""
    used = set(columns_of(kind, table).values())
    return [name for name in table.header if name and name not in used]


def read_row(kind: Kind, columns: Mapping[str, str], row: Row, *, now: datetime, zone: ZoneInfo) -> Read:
    """What the row says. Raises RowRefused."""
    if row.wrong is not None:
        raise RowRefused(say(f"row.{row.wrong}", where=row.where))
    cells = _Cells(kind, columns, row.cells, now, zone)
    made, about, natural = READERS[kind](cells)
    number = cells.get("source_id")
    record_number = cells.need("record_number")
    made.source = BY_NUMBER if number else BY_CONTENT
    known_by = [kind, number] if number else [kind, record_key(record_number), *natural]
    made.source_id = number or hashlib.sha256("\x1f".join(known_by).encode()).hexdigest()
    return Read(row.line, record_number, cells.get("name"), made, about)


@dataclass(frozen=True)
class _Cells:
    """One row's cells by field."""

    kind: Kind
    columns: Mapping[str, str]
    cells: Mapping[str, str]
    now: datetime
    zone: ZoneInfo

    def get(self, field: str) -> str:
        """The cell's text, empty where there is none."""
        return self.cells.get(self.columns.get(field, ""), "")

    def maybe(self, field: str) -> str | None:
        return self.get(field) or None

    def called(self, field: str) -> str:
        """The column as the file names it."""
        return self.columns.get(field, texts()["columns"][self.kind][field]["names"][0])

    def need(self, field: str) -> str:
        value = self.get(field)
        if not value:
            raise RowRefused(say("row.empty", where=self.called(field)))
        return value

    def word(self, field: str, group: str, default: str | None) -> str | None:
        """The cell as one of the words of `group`."""
        said = plain(self.get(field))
        if not said:
            return default
        for meant, ways in texts()["words"][group].items():
            if said in {plain(way) for way in ways}:
                return str(meant)
        raise RowRefused(say("row.word", where=self.called(field), value=self.get(field)))

    def moment(self, field: str) -> tuple[datetime, bool] | None:
        """The instant in UTC, and whether it has an hour; None for an empty cell."""
        text = self.get(field)
        if not text:
            return None
        read = _read_moment(text)
        if read is None:
            raise RowRefused(say("row.date", where=self.called(field), value=text))
        when = read[0] if read[0].tzinfo is not None else read[0].replace(tzinfo=self.zone)
        if not self.now - FAR_BACK < when < self.now + FAR_AHEAD:
            raise RowRefused(say("row.far", where=self.called(field), value=text))
        return when, read[1]

    def day(self, field: str) -> date | None:
        read = self.moment(field)
        return None if read is None else local_day(read[0], self.zone)

    def clocks(self, field: str) -> list[str]:
        """Clock times as 08:00, sorted, each once."""
        found = set()
        for text in _LISTED.split(self.get(field)):
            if not text:
                continue
            clock = _read(unicodedata.normalize("NFKC", text), texts()["clocks"])
            if clock is None:
                raise RowRefused(say("row.clock", where=self.called(field), value=text))
            found.add(f"{clock:%H:%M}")
        return sorted(found)


def _read_moment(text: str) -> tuple[datetime, bool] | None:
    """A day with or without an hour, in a way that means only one day; an offset of its own stays."""
    text = re.sub(r"(?<=\d)T(?=\d)", " ", re.sub(r"\s+", " ", unicodedata.normalize("NFKC", text)))
    if _WITH_OFFSET.fullmatch(text):
        try:
            return datetime.fromisoformat(text), True
        except ValueError:
            return None
    if _RUN_TOGETHER.match(text):
        # strptime would read 2026111 as some day.
        return None
    if (day := _read(text, texts()["dates"])) is not None:
        return day, False
    # Only 日 tells a day from the hour behind it: 2026-3-19:00 may mean two things.
    ways = [f"{day}{gap}{clock}" for day in texts()["dates"] for clock in texts()["clocks"] for gap in (" ", "")[: 1 + day.endswith("日")]]
    moment = _read(text, ways)
    return None if moment is None else (moment, True)


def _read(text: str, ways: list[str]) -> datetime | None:
    for way in ways:
        try:
            # The zone is the hospital's, which the caller knows.
            return datetime.strptime(text, way)  # noqa: DTZ007
        except ValueError:
            continue
    return None


def _number(text: str) -> float | None:
    """The value as a number, where it is nothing but one."""
    try:
        value = float(text) if re.fullmatch(r"[+-]?\d+(\.\d+)?", text) else None
    except ValueError:
        return None
    return value if value is not None and isfinite(value) else None


Made = tuple[Chart, str, list[str]]


def _appointment(cells: _Cells) -> Made:
    cells.need("starts_at")
    starts_at, has_hour = cells.moment("starts_at") or (cells.now, False)
    time_text = cells.maybe("time_text")
    if not has_hour and time_text is None:
        raise RowRefused(say("row.hour", where=cells.called("starts_at")))
    if not has_hour:
        starts_at = datetime.combine(local_day(starts_at, cells.zone), time(), tzinfo=cells.zone)
    fasting = cells.word("fasting", "fasting", None)
    made = Appointment(
        starts_at=starts_at,
        time_text=time_text,
        department=cells.need("department"),
        place=cells.maybe("place"),
        doctor=cells.maybe("doctor"),
        prepare=cells.maybe("prepare"),
        fasting=None if fasting is None else fasting == "yes",
        status=cells.word("status", "appointment_status", "booked"),
    )
    hour = time_text if not has_hour else f"{starts_at.astimezone(cells.zone):%H:%M}"
    about = f"{starts_at.astimezone(cells.zone):%Y-%m-%d} {hour} {made.department}"
    return made, about, [starts_at.astimezone(UTC).isoformat(), time_text or "", made.department]


def _medication(cells: _Cells) -> Made:
    starts_on, ends_on = cells.day("starts_on"), cells.day("ends_on")
    if starts_on is not None and ends_on is not None and ends_on < starts_on:
        raise RowRefused(say("row.order"))
    made = MedicationRequest(
        name=cells.need("medicine"),
        dose=cells.maybe("dose"),
        frequency=cells.maybe("frequency"),
        times=cells.clocks("times"),
        route=cells.maybe("route"),
        with_food=cells.maybe("with_food"),
        starts_on=starts_on,
        ends_on=ends_on,
        status=cells.word("status", "medication_status", "active"),
        note=cells.maybe("note"),
    )
    return made, made.name, [made.name, str(starts_on)]


def _result(cells: _Cells) -> Made:
    cells.need("collected_at")
    collected, released = cells.moment("collected_at") or (cells.now, False), cells.moment("released_at")
    if released is not None and local_day(released[0], cells.zone) < local_day(collected[0], cells.zone):
        raise RowRefused(say("row.released"))
    text = cells.need("text")
    made = LabResult(
        report=cells.need("report"),
        item=cells.need("item"),
        status="final",
        value=_number(text),
        text=text,
        unit=cells.maybe("unit"),
        reference_range=cells.maybe("reference_range"),
        flag=cells.word("flag", "flag", None),
        collected_at=collected[0],
        released_at=None if released is None else released[0],
    )
    return made, f"{made.report} {made.item}", [made.report, made.item, collected[0].astimezone(UTC).isoformat()]


READERS: dict[Kind, Callable[[_Cells], Made]] = {"appointments": _appointment, "medications": _medication, "results": _result}
