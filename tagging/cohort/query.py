"""A query as a typed tree. Its leaves are terms; each is true, false or unknown of a patient, and what is unknown matches nobody.

`Not` of the unknown is unknown, `All` and `Any` are Kleene's (as in SQL). Whoever is meant by what is not on file asks for `UNKNOWN`.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

# Bounds of what is taken from outside; no clinician has come near them, and a query within them compiles in milliseconds.
LONGEST, DEEPEST, MOST_TERMS, MOST_NAMES, LONGEST_NAME = 4000, 12, 60, 50, 100
MOST_DAYS, MOST_NUMBER = 36_500, 1e9
# Each measure is one more table to join.
MOST_MEASURES = 8
# Of a trend that does not say how far it looks back.
TREND_DAYS = 30

AgeUnit = Literal["days", "months", "years"]
Event = Literal["discharge", "visit", "answer"]
Way = Literal["rising", "falling", "steady"]
How = Literal["any", "all", "none"]
PlanState = Literal["active", "ended", "withdrawn", "never"]


@dataclass(frozen=True)
class Span:
    """Numbers from `low` to `high`; an open end excludes its number, None is no end."""

    low: float | None = None
    high: float | None = None
    low_open: bool = False
    high_open: bool = False

    def holds(self, number: float) -> bool:
        """Whether `number` lies within."""
        above = self.low is None or number > self.low or (number == self.low and not self.low_open)
        return above and (self.high is None or number < self.high or (number == self.high and not self.high_open))

    @property
    def whole(self) -> tuple[int | None, int | None]:
        """The first and the last whole number within, None for no end."""
        low = None if self.low is None else int(self.low) + self.low_open
        return low, None if self.high is None else int(self.high) - self.high_open


@dataclass(frozen=True)
class TagTerm:
    """Carries any, all or none of `tags` (codes or names; a tag's children count as the tag itself); with `sources` or `within` days,
    borne out by evidence of these sources that is no older."""

    tags: tuple[str, ...]
    how: How = "any"
    sources: tuple[str, ...] = ()
    within: int | None = None


@dataclass(frozen=True)
class AgeTerm:
    """Completed days, months or years by the calendar."""

    unit: AgeUnit
    span: Span


@dataclass(frozen=True)
class SexTerm:
    """M or F; None: not on file."""

    sex: Literal["M", "F"] | None


@dataclass(frozen=True)
class SinceTerm:
    """Days since the last discharge, visit (its beginning) or answered follow-up; `span` None: there was none."""

    event: Event
    span: Span | None


@dataclass(frozen=True)
class ValueTerm:
    """The latest reading of `measure`, no older than `within` days; `span` None: there is none. Numbers are in `unit`."""

    measure: str
    span: Span | None
    unit: str | None = None
    within: int | None = None


@dataclass(frozen=True)
class TrendTerm:
    """The latest reading against the first of the last `within` days; `way` None: fewer than two in that time."""

    measure: str
    way: Way | None
    within: int = TREND_DAYS


@dataclass(frozen=True)
class DepartmentTerm:
    """The department of the latest stay or visit is one of these; none named: there was none."""

    names: tuple[str, ...]


@dataclass(frozen=True)
class TeamTerm:
    """The team that follows the patient is one of these."""

    names: tuple[str, ...]


@dataclass(frozen=True)
class PlanTerm:
    """The latest enrolment in `template` (None: any template) is in this state; never: there was none."""

    template: str | None
    state: PlanState


Term = TagTerm | AgeTerm | SexTerm | SinceTerm | ValueTerm | TrendTerm | DepartmentTerm | TeamTerm | PlanTerm


@dataclass(frozen=True)
class Not:
    """True where `part` is false."""

    part: "Query"


@dataclass(frozen=True)
class All:
    """True where all parts (two or more) are."""

    parts: tuple["Query", ...]


@dataclass(frozen=True)
class Any:
    """True where one of the parts (two or more) is."""

    parts: tuple["Query", ...]


@dataclass(frozen=True)
class Always:
    """True of everybody. It has no words: only our own reckoning makes it."""


Query = Term | Not | All | Any | Always


def terms(query: Query) -> Iterator[Term]:
    """The leaves, from left to right."""
    if isinstance(query, Not):
        yield from terms(query.part)
    elif isinstance(query, All | Any):
        for part in query.parts:
            yield from terms(part)
    elif not isinstance(query, Always):
        yield query


def whenever(query: Query, *, negated: bool = False) -> Query:
    """What holds now of everybody who matches now or later, as far as other facts stay. The less it lets through, the fewer are watched."""
    match query:
        case Not(part):
            return whenever(part, negated=not negated)
        case All(parts) | Any(parts):
            loose = tuple(whenever(part, negated=negated) for part in parts)
            return All(loose) if isinstance(query, All) != negated else Any(loose)
        case Always():
            return query
        case term:
            return _whenever(term, negated)


def _whenever(term: Term, negated: bool) -> Query:
    """Ages and days since only grow, evidence and readings only grow old: half of what can change cannot change back."""
    as_it_is: Query = Not(term) if negated else term
    match term:
        case AgeTerm(unit, span):
            if negated:
                return as_it_is if span.high is None else Always()
            return Always() if span.high is None else AgeTerm(unit, Span(high=span.high, high_open=span.high_open))
        case SinceTerm(event, Span() as span):
            known = Not(SinceTerm(event, None))
            if negated:
                return as_it_is if span.high is None else known
            return known if span.high is None else SinceTerm(event, Span(high=span.high, high_open=span.high_open))
        case TagTerm(how=how, within=int()):
            return as_it_is if (how == "none") == negated else Always()
        case ValueTerm(span=None, within=int()) | TrendTerm(way=None):
            return as_it_is if negated else Always()
        case TrendTerm(measure, _, within):
            return Not(TrendTerm(measure, None, within))
        case _:
            return as_it_is
