"""Searches: parameters checked and bound, pages by a key, each row seen through the door of the program that asks."""

import base64
import json
import re
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from sqlalchemy import ColumnElement, Select, Subquery, and_, false, func, or_, select, tuple_
from sqlalchemy.ext.asyncio import AsyncSession

from bot.fhir.codes import row_of
from bot.fhir.refusal import FhirRefusal, issue_of
from integrations.fhir.write import Json
from records.fhir_client import patients_seen_by

# A page, and the most that one request may ask for; more is cut to it, as FHIR allows.
PAGE, MOST = 50, 200
# Of one parameter, by commas or repetition.
MOST_VALUES, LONGEST_VALUE = 50, 200
# What tells the tables of one resource type apart in the ids.
PARTS = ("", "o", "l", "c", "t")
# What says how to answer, not what to find.
PLAIN = {"_format", "_pretty", "_count", "_sort", "_summary", "_total", "_cursor"}
INCLUDES = {"_include", "_revinclude"}

Condition = ColumnElement[bool]
Token = tuple[str | None, str]
Span = tuple[datetime, datetime]


@dataclass(frozen=True)
class Key:
    """One row that was found: which table of its kind, its number, whose it is (None: nobody's)."""

    part: str
    id: int
    patient_id: int | None


Show = Callable[[AsyncSession, Sequence[Key], int], Any]


@dataclass(frozen=True)
class Lookup:
    """A condition that has to be looked up first: `find` takes (tx, client)."""

    find: Callable[[AsyncSession, int], Awaitable[Condition]]


@dataclass(frozen=True)
class Kind:
    """How one resource type is found and shown.

    `rows` holds at least part, id, patient_id and changed_at. `conditions` make a parameter's values a condition: by token
    (system|code), by date, by reference, by word, or by what has to be looked up first. `show` takes (tx, keys, client) and gives the
    resources in the keys' order.
    """

    name: str
    rows: Subquery
    show: Show
    tokens: Mapping[str, Callable[[list[Token]], Condition]] = field(default_factory=dict)
    dates: Mapping[str, ColumnElement[Any]] = field(default_factory=dict)
    references: Mapping[str, tuple[str, ColumnElement[Any]]] = field(default_factory=dict)
    words: Mapping[str, Callable[[str], Condition]] = field(default_factory=dict)
    lookups: Mapping[str, Callable[[list[str]], Lookup]] = field(default_factory=dict)
    seen: Callable[[int], Condition] | None = None

    @property
    def parameters(self) -> dict[str, str]:
        """Every parameter with FHIR's type of it, for the CapabilityStatement."""
        kinds = [("token", self.tokens), ("date", self.dates), ("reference", self.references), ("string", {**self.words, **self.lookups})]
        return {"_id": "token", "_lastUpdated": "date"} | {name: kind for kind, names in kinds for name in names}


@dataclass(frozen=True)
class Search:
    """A checked search: what to find, in which order, from where on, and what of it was not taken up."""

    kind: Kind
    conditions: tuple[Condition | Lookup, ...]
    used: tuple[tuple[str, str], ...]
    order: tuple[str, ColumnElement[Any], bool]
    count: int
    cursor: tuple[Any, str, int] | None
    counting: bool
    accurate: bool
    warnings: tuple[Json, ...] = ()


def read_search(kind: Kind, query: Sequence[tuple[str, str]], *, strict: bool, zone: ZoneInfo) -> Search:
    """Check the parameters. Those that are unknown are left out with a warning, and refused when `strict`. Raises FhirRefusal."""
    conditions: list[Condition | Lookup] = []
    used: list[tuple[str, str]] = []
    warnings: list[Json] = []
    single: dict[str, str] = {}
    for name, value in query:
        bare, _, modifier = name.partition(":")
        if bare in INCLUDES:
            raise FhirRefusal("no_include", path=bare)
        if bare in PLAIN and not modifier:
            if bare in single and single[bare] != value:
                raise FhirRefusal("bad_parameter", path=bare)
            single[bare] = value
            continue
        if bare not in kind.parameters:
            path = bare if re.fullmatch(r"[A-Za-z_\-.]{1,64}", bare) else ""
            if "." in bare or bare == "_has":
                raise FhirRefusal("unsupported_modifier", path=path)
            if strict:
                raise FhirRefusal("unknown_parameter", path=path)
            warnings.append(issue_of("unknown_parameter", path, severity="warning"))
            continue
        if len(used) >= MOST_VALUES:
            raise FhirRefusal("too_many_values", path=bare)
        conditions.append(_condition(kind, bare, modifier, _values(bare, value), zone))
        used.append((name, value))
    order = _order(kind, single.get("_sort", "_id"))
    count, counting = _count(single)
    return Search(
        kind, tuple(conditions), (*used, *((name, value) for name, value in single.items() if name in ("_sort", "_count", "_summary"))),
        order, count, _cursor(single.get("_cursor"), order[1]), counting, single.get("_total") == "accurate", tuple(warnings[:20]),
    )  # fmt: skip


async def find(tx: AsyncSession, search: Search, client_id: int) -> tuple[list[Key], str | None, int | None]:
    """The keys of one page, the cursor of the next one, and the total where it was asked for."""
    kind, rows = search.kind, search.kind.rows
    conditions = [await each.find(tx, client_id) if isinstance(each, Lookup) else each for each in search.conditions]
    chosen = _seen(kind, client_id).where(*conditions)
    total = await tx.scalar(select(func.count()).select_from(chosen.subquery())) if search.counting or search.accurate else None
    if search.counting:
        return [], None, total
    _, column, descending = search.order
    key = tuple_(column, rows.c.part, rows.c.id)
    if search.cursor is not None:
        chosen = chosen.where(key < tuple_(*search.cursor) if descending else key > tuple_(*search.cursor))
    ordered = [each.desc() if descending else each.asc() for each in (column, rows.c.part, rows.c.id)]
    found = (await tx.execute(chosen.add_columns(column.label("sorted_by")).order_by(*ordered).limit(search.count + 1))).all()
    page = found[: search.count]
    further = _packed(page[-1].sorted_by, page[-1].part, page[-1].id) if len(found) > search.count else None
    return [Key(row.part, row.id, row.patient_id) for row in page], further, total


async def find_one(tx: AsyncSession, kind: Kind, resource_id: str, client_id: int) -> Key | None:
    """The row of one id, if the program may see it."""
    return next(iter(await _found(tx, kind, client_id, by_id(kind, [(None, resource_id)]), 1)), None)


async def find_of_patient(tx: AsyncSession, kind: Kind, patient_id: int, client_id: int, *, limit: int) -> list[Key]:
    """A patient's rows of one kind, as far as the program may see them, the oldest first."""
    return await _found(tx, kind, client_id, kind.rows.c.patient_id == patient_id, limit)


async def _found(tx: AsyncSession, kind: Kind, client_id: int, condition: Condition, limit: int) -> list[Key]:
    rows = await tx.execute(_seen(kind, client_id).where(condition).order_by(kind.rows.c.part, kind.rows.c.id).limit(limit))
    return [Key(row.part, row.id, row.patient_id) for row in rows]


def _seen(kind: Kind, client_id: int) -> Select[Any]:
    """The rows that the program may see; nothing is ever chosen but through this."""
    rows = kind.rows
    door = kind.seen(client_id) if kind.seen is not None else rows.c.patient_id.in_(patients_seen_by(client_id))
    return select(rows.c.part, rows.c.id, rows.c.patient_id).where(door)


def _values(name: str, value: str) -> list[str]:
    found = [each.replace("\\,", ",") for each in re.split(r"(?<!\\),", value)]
    if len(found) > MOST_VALUES:
        raise FhirRefusal("too_many_values", path=name)
    if any(not each or len(each) > LONGEST_VALUE or "\0" in each or not each.isprintable() for each in found):
        raise FhirRefusal("bad_parameter", path=name)
    return found


def _condition(kind: Kind, name: str, modifier: str, values: list[str], zone: ZoneInfo) -> Condition | Lookup:
    if name in kind.references:
        target, column = kind.references[name]
        if modifier not in ("", target):
            raise FhirRefusal("unsupported_modifier", path=name)
        return or_(false(), *(_refers(target, column, each) for each in values))
    if modifier:
        raise FhirRefusal("unsupported_modifier", path=name)
    if name == "_id":
        return by_id(kind, [_token(each) for each in values])
    if name == "_lastUpdated" or name in kind.dates:
        column = kind.rows.c.changed_at if name == "_lastUpdated" else kind.dates[name]
        return or_(false(), *(_dated(name, column, each, zone) for each in values))
    if name in kind.tokens:
        return kind.tokens[name]([_token(each) for each in values])
    if name in kind.lookups:
        return kind.lookups[name](values)
    return or_(false(), *(kind.words[name](each) for each in values))


def by_id(kind: Kind, tokens: list[Token]) -> Condition:
    """The rows of these ids."""
    rows = kind.rows
    known = [found for _, word in tokens if (found := row_of(word)) is not None]
    return or_(false(), *(and_(rows.c.part == part, rows.c.id == number) for part, number in known))


def _token(value: str) -> Token:
    system, bar, code = value.partition("|")
    return (system, code) if bar else (None, value)


def _refers(target: str, column: ColumnElement[Any], value: str) -> Condition:
    """`Patient/cl-7`, `cl-7` or the full address; a reference to another type, or to nobody, finds nothing."""
    kind, _, resource_id = value.rstrip("/").rpartition("/")
    found = row_of(resource_id)
    if found is None or found[0] or (kind and kind.rpartition("/")[2] != target):
        return false()
    return column == found[1]


_PREFIXED = re.compile(r"(eq|ne|gt|lt|ge|le|sa|eb)?(\d.*)")
_WRITTEN = re.compile(r"(\d{4})(?:-(\d\d)(?:-(\d\d)(?:T(\d\d):(\d\d)(?::(\d\d)(?:\.\d{1,9})?)?(Z|[+ -]\d\d:\d\d)?)?)?)?")


def _dated(name: str, column: ColumnElement[Any], value: str, zone: ZoneInfo) -> Condition:
    """A date of any precision is the span that it covers; the prefix says how the column stands to it."""
    match = _PREFIXED.fullmatch(value)
    span = span_of(match[2], zone) if match else None
    if match is None or span is None:
        raise FhirRefusal("bad_parameter", path=name)
    first, end = (each.astimezone(zone).date() for each in span) if str(column.type) == "DATE" else span
    match match[1]:
        case "gt" | "sa":
            return column >= end
        case "ge":
            return column >= first
        case "lt" | "eb":
            return column < first
        case "le":
            return column < end
        case "ne":
            return or_(column < first, column >= end)
    return and_(column >= first, column < end)


def span_of(written: str, zone: ZoneInfo) -> Span | None:
    """The first moment of a date as it is written and the first after it; None where it is none. A `+` may have become a blank."""
    match = _WRITTEN.fullmatch(written)
    if match is None:
        return None
    year, month, day, hour, minute, second, offset = match.groups()
    try:
        on = date(int(year), int(month or 1), int(day or 1))
        clock = f"{hour or '00'}:{minute or '00'}:{second or '00'}"
        given = "" if offset in (None, "Z") else offset.replace(" ", "+")
        at = datetime.fromisoformat(f"{on.isoformat()}T{clock}{given}")
        at = at.replace(tzinfo=at.tzinfo or (UTC if offset == "Z" else zone))
        if hour is not None:
            end = at + timedelta(seconds=1 if second else 60)
        elif day is not None:
            end = at + timedelta(days=1)
        elif month is not None:
            end = at.replace(year=on.year + on.month // 12, month=on.month % 12 + 1)
        else:
            end = at.replace(year=on.year + 1)
        return at.astimezone(UTC), end.astimezone(UTC)
    except (ValueError, OverflowError):
        return None


def _order(kind: Kind, value: str) -> tuple[str, ColumnElement[Any], bool]:
    name, descending = value.removeprefix("-"), value.startswith("-")
    columns = {"_id": kind.rows.c.id, "_lastUpdated": kind.rows.c.changed_at, **kind.dates}
    if name not in columns:
        raise FhirRefusal("bad_parameter", path="_sort")
    return name, columns[name], descending


def _count(single: Mapping[str, str]) -> tuple[int, bool]:
    """How many on a page, and whether only the number is wanted."""
    value, summary = single.get("_count", str(PAGE)), single.get("_summary", "false")
    if not re.fullmatch(r"[0-9]{1,9}", value):
        raise FhirRefusal("bad_parameter", path="_count")
    if summary not in ("false", "count"):
        raise FhirRefusal("not_supported", path="_summary")
    return min(int(value), MOST), int(value) == 0 or summary == "count"


def _packed(value: Any, part: str, number: int) -> str:
    written = value.isoformat() if isinstance(value, date) else value
    return base64.urlsafe_b64encode(json.dumps([written, part, number]).encode()).decode().rstrip("=")


def _cursor(packed: str | None, column: ColumnElement[Any]) -> tuple[Any, str, int] | None:
    """Where a page begins: what `_packed` made, from nobody who could be trusted. It is only ever compared, never run."""
    if packed is None:
        return None
    try:
        value, part, number = json.loads(base64.urlsafe_b64decode(packed[:400] + "=" * (-len(packed) % 4)))
        if str(column.type) in ("BIGINT", "INTEGER"):
            good = isinstance(value, int) and not isinstance(value, bool) and abs(value) < 1 << 62
        elif str(column.type) == "DATE":
            value, good = date.fromisoformat(value), True
        else:
            value = datetime.fromisoformat(value)
            good = value.tzinfo is not None
        good = good and isinstance(part, str) and part in PARTS and isinstance(number, int) and 0 <= number < 1 << 62
    except (ValueError, TypeError, RecursionError) as err:
        raise FhirRefusal("bad_parameter", path="_cursor") from err
    if not good:
        raise FhirRefusal("bad_parameter", path="_cursor")
    return value, part, number
