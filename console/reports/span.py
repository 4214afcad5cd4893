"""The days of a report, as the address names them: a week, month or quarter, or any first and last day; and the days before."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Literal
from zoneinfo import ZoneInfo

from console.form import day
from console.words import area_sentences
from plans.measures.period import Period
from tagging.cohort.calendar import add

say = area_sentences("reports").say
Shape = Literal["week", "month", "quarter", "days"]
SHAPES: tuple[Shape, ...] = ("week", "month", "quarter")
# A year and a leap day by weeks; more is a job for the command line.
LONGEST = 371


@dataclass(frozen=True)
class Span:
    """From the beginning of `first` to the end of `last`."""

    first: date
    last: date

    @property
    def shape(self) -> Shape:
        """Which part of the calendar it is."""
        return next((shape for shape in SHAPES if span_of(shape, self.first) == self), "days")

    def moved(self, steps: int) -> "Span":
        """So many weeks, months, quarters or times its own length later; before for negative `steps`."""
        match self.shape:
            case "month":
                return span_of("month", add(self.first, steps, "months"))
            case "quarter":
                return span_of("quarter", add(self.first, 3 * steps, "months"))
            case _:
                length = timedelta(days=(self.last - self.first).days + 1)
                return Span(self.first + steps * length, self.last + steps * length)

    @property
    def unit(self) -> Literal["day", "week"]:
        """By what its course is drawn."""
        return "day" if (self.last - self.first).days < 45 else "week"

    @property
    def title(self) -> str:
        """As people call it."""
        first, last = self.first, self.last
        if self.shape in ("month", "quarter"):
            return say(f"span.{self.shape}", year=first.year, month=first.month, quarter=(first.month + 2) // 3)
        return say("span.days", first=_day(first), last=_day(last, first))

    @property
    def query(self) -> dict[str, str]:
        """As the address says it."""
        return {"from": self.first.isoformat(), "to": self.last.isoformat()}

    def period(self, zone: ZoneInfo) -> Period:
        """For the measures."""
        return Period(self.first, self.last, zone)


def span_of(shape: Shape, on: date) -> Span:
    """The week (from Monday), month or quarter that holds the day."""
    if shape == "week":
        monday = on - timedelta(days=on.weekday())
        return Span(monday, monday + timedelta(days=6))
    months = 3 if shape == "quarter" else 1
    first = date(on.year, (on.month - 1) // months * months + 1, 1)
    return Span(first, add(first, months, "months") - timedelta(days=1))


def last_whole(shape: Shape, today: date) -> Span:
    """The newest one that is over."""
    return span_of(shape, span_of(shape, today).first - timedelta(days=1))


def asked(query: Mapping[str, str], today: date) -> tuple[Span, bool]:
    """What the address asks for, and whether it was understood; else, and without a wish, the last month."""
    shape = query.get("period", "month")
    usual = last_whole(next((each for each in SHAPES if each == shape), "month"), today)
    if not query.get("from") and not query.get("to"):
        return usual, shape in SHAPES
    try:
        found = Span(day(query.get("from", "")), day(query.get("to", "")))
    except ValueError:
        return usual, False
    fits = found.first <= found.last and (found.last - found.first).days < LONGEST
    return (found, True) if fits else (usual, False)


def _day(at: date, beside: date | None = None) -> str:
    return say("span.day" if beside is not None and beside.year == at.year else "span.long_day", year=at.year, month=at.month, day=at.day)
