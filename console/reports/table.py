"""A table of a report, from which the page, its chart and its Excel file are made: they cannot differ."""

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from bot.report_output import shown
from console.words import area_sentences
from plans.measures.measure import Result
from plans.measures.words import definition, title, value_of

say = area_sentences("reports").say
# Where a definition names its source, which is for those who check it.
_SOURCE = re.compile("（§[^（）]*）|（R）|，R(?=）)|(?<=（)R，")
# From so many minutes on, hours are read more easily.
HOURS_FROM = 120
# Units of what changed from one period to another.
CHANGE = "change_"


@dataclass(frozen=True)
class Cell:
    """Words, or a figure in a `unit` of the measures' words; `part` of `whole` stand beside it. `small`: few patients are behind it."""

    value: float | str | None
    unit: str = ""
    part: float | None = None
    whole: float | None = None
    small: bool = False

    @property
    def text(self) -> str:
        """As people read it."""
        if isinstance(self.value, str):
            return self.value
        if self.value is not None and self.unit.startswith(CHANGE):
            return say(f"units.{self.unit}", value=self.value) if self.value else say("units.same")
        if self.value is not None and self.unit == "minutes" and self.value >= HOURS_FROM:
            return shown(self.value / 60, "hours")
        return shown(self.value, self.unit or "number")

    @property
    def beside(self) -> str:
        """Numerator and denominator."""
        return "" if not self.whole or self.part is None else f"{round(self.part)}/{round(self.whole)}"


@dataclass(frozen=True)
class Table:
    """`code` names it in its address, `measures` are those whose definitions belong to it. A `folded` one is shown on demand, where the
    chart says it better."""

    code: str
    heads: Sequence[str]
    rows: Sequence[Sequence[Cell]]
    measures: Sequence[str] = ()
    chart: Mapping[str, Any] | None = None
    folded: bool = False
    note: str = ""

    @property
    def title(self) -> str:
        """Its heading."""
        return say(f"tables.{self.code}")

    @property
    def wide(self) -> bool:
        """Whether it needs the whole width."""
        return len(self.heads) > 4 or (self.chart is not None and (len(self.heads) > 3 or self.chart["kind"] in ("line", "heat")))

    @property
    def numbers(self) -> list[bool]:
        """Which columns hold figures."""
        return [any(row[place].unit or row[place].value is None for row in self.rows) for place in range(len(self.heads))]

    @property
    def definitions(self) -> list[tuple[str, str]]:
        """Names of the measures, and what they are."""
        return [(title(id), _SOURCE.sub("", definition(id))) for id in self.measures]


@dataclass
class Figures:
    """Results, found by what they are of."""

    results: Sequence[Result]
    by: tuple[str, ...] = ()
    _found: dict[tuple[str, tuple[str, ...]], Result] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self._found = {(each.measure, tuple(each.group[name] for name in self.by) if each.group else ()): each for each in self.results}

    def of(self, measure: str, *group: str) -> Result | None:
        """The figure of a group, or of all together."""
        return self._found.get((measure, group))

    def cell(self, measure: str, *group: str) -> Cell:
        """It as a cell, with numerator and denominator."""
        return cell(self.of(measure, *group))

    def groups(self, place: int = 0) -> list[str]:
        """The values of a dimension, in order."""
        return sorted({group[place] for _, group in self._found if group})


def cell(result: Result | None) -> Cell:
    """A figure as a cell; a dash where there is none."""
    if result is None:
        return Cell(None)
    small = result.small and result.value is not None
    if result.unit == "count":
        return Cell(result.value, result.unit)
    if result.unit == "per_day":
        return Cell(result.value, result.unit, small=small)
    return Cell(result.value, result.unit, result.numerator, result.denominator, small)


def p90(result: Result | None) -> Cell:
    """The 90th percentile beside a median."""
    return Cell(None if result is None else result.more.get("p90"), "minutes")


def count(value: float) -> Cell:
    """A plain number."""
    return Cell(value, "number")


def percent(result: Result | None) -> float | None:
    """A rate for a chart, in percent."""
    return None if result is None or result.value is None else round(result.value * 100, 1)


def compared(measures: Iterable[str], now: Figures, before: Figures) -> list[list[Cell]]:
    """A line for each measure: its name, this period, the one before, and the change."""
    return [[Cell(title(id)), now.cell(id), before.cell(id), _change(now.of(id), before.of(id))] for id in measures]


def by_group(figures: Figures, measures: Sequence[str], name: Callable[[str], str], *lead: Callable[[str], Cell]) -> list[list[Cell]]:
    """A line for each value of the first dimension: its name, what `lead` says of it, the measures."""
    rows = []
    for group in figures.groups():
        if any(figures.of(id, group) for id in measures):
            rows.append([Cell(name(group)), *(each(group) for each in lead), *(figures.cell(id, group) for id in measures)])
    return rows


def called(dimension: str) -> Callable[[str], str]:
    """How the values of a dimension are called."""
    return lambda value: value_of(dimension, value)


def _change(now: Result | None, before: Result | None) -> Cell:
    if now is None or before is None or now.value is None or before.value is None:
        return Cell(None)
    change = now.value - before.value
    return Cell(round(change * (100 if now.unit == "percent" else 1), 1), f"{CHANGE}{now.unit}")
