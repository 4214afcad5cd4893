"""The same result from two feeds (the laboratory's own and the integration platform's, or a table by hand) is one result. Pure."""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from tagging.terms.convert import convert
from tagging.terms.lab import find_lab, plain
from tagging.terms.number import read_value

# Two systems give the moment of one sample differently: drawn, received, to the minute (R).
SAME_SAMPLE = timedelta(minutes=30)
# Two roundings of one value, in parts of it.
SAME_VALUE = 0.005


@dataclass(frozen=True)
class Told:
    """One result as one feed told it. `id` is whatever the caller knows it by; those of one list are of one patient."""

    id: int
    source: str
    item: str
    text: str
    unit: str | None
    at: datetime
    code: str | None = None
    report: str | None = None


@dataclass(frozen=True)
class _Read:
    """A result with its item and its value as they are compared: a number in the item's usual unit, or words."""

    told: Told
    item: str
    number: float | None
    said: str


def same_results(results: Iterable[Told]) -> list[tuple[Told, ...]]:
    """The groups of two or more results that are one: of different sources, the same item and value, taken at the same time.

    Two equal values of one source are two results (a test that was repeated). The first of a group is the one with the lowest id.
    """
    by_item: dict[str, list[_Read]] = defaultdict(list)
    for read in map(_read, results):
        by_item[read.item].append(read)
    groups = [group for alike in by_item.values() for group in _groups(sorted(alike, key=lambda read: (read.told.at, read.told.id)))]
    return sorted(groups, key=lambda group: group[0].id)


def repeated(results: Iterable[Told]) -> frozenset[int]:
    """The ids that may be left out, because the same result stands there already."""
    return frozenset(each.id for group in same_results(results) for each in group[1:])


def _read(told: Told) -> _Read:
    found = find_lab(told.item, code=told.code, unit=told.unit, report=told.report)
    item = found.id or told.code or plain(told.item)
    written = read_value(told.text)
    if written.value is None:
        finding = (
            f"{written.grade}{written.plus or ''}" if written.grade else f"{written.low}:{written.high}" if written.low is not None else ""
        )
        return _Read(told, item, None, finding or plain(told.text))
    usual = found.item.unit if found.item else None
    converted = (
        convert(written.value, told.unit, usual, analyte=found.item.conversion if found.item else None) if told.unit and usual else None
    )
    unit = "" if converted is not None else plain(told.unit or "")
    return _Read(told, item, written.value if converted is None else converted, f"{written.comparator or ''}{unit}")


def _same(one: _Read, other: _Read) -> bool:
    if one.said != other.said or (one.number is None) != (other.number is None):
        return False
    if one.number is None or other.number is None:
        return True
    return abs(one.number - other.number) <= SAME_VALUE * max(abs(one.number), abs(other.number))


def _groups(alike: Sequence[_Read]) -> list[tuple[Told, ...]]:
    groups: list[list[_Read]] = []
    for each in alike:
        for group in groups:
            near = each.told.at - group[0].told.at <= SAME_SAMPLE
            if near and all(other.told.source != each.told.source and _same(other, each) for other in group):
                group.append(each)
                break
        else:
            groups.append([each])
    return [tuple(sorted((read.told for read in group), key=lambda told: told.id)) for group in groups if len(group) > 1]
