"""A query about all patients, as SQL over `patient_index`. Everything that a user gave is a bound parameter; NULL is the unknown.

Its answers are those of judge.py, term by term; a test holds the two together.
"""

from collections.abc import Sequence
from datetime import date
from typing import Any as Anything

from sqlalchemy import (
    BigInteger,
    ColumnElement,
    Date,
    FromClause,
    Integer,
    Text,
    and_,
    any_,
    case,
    cast,
    exists,
    func,
    literal,
    not_,
    null,
    or_,
    select,
    true,
)
from sqlalchemy.dialects.postgresql import ARRAY, TIMESTAMP
from sqlalchemy.orm import aliased

from records.patient_index import PatientIndex, PatientValue
from records.tag import CARRIED, PatientTag, TagEvidence
from tagging.cohort.calendar import born_by, midnight
from tagging.cohort.judge import PLAN_STATES
from tagging.cohort.measure import measure_of
from tagging.cohort.query import (
    AgeTerm,
    All,
    Always,
    Any,
    DepartmentTerm,
    Not,
    PlanTerm,
    Query,
    SexTerm,
    SinceTerm,
    Span,
    TagTerm,
    TeamTerm,
    Term,
    TrendTerm,
    ValueTerm,
    terms,
    whenever,
)
from tagging.cohort.scope import Scope
from tagging.cohort.words import fold

Condition = ColumnElement[bool]
_AWARE = TIMESTAMP(timezone=True)
_EVENTS = {"discharge": PatientIndex.discharged_on, "visit": PatientIndex.visited_on, "answer": PatientIndex.answered_on}


class Compiled:
    """Conditions and the tables they read, for one scope. `source` is complete once all conditions have been asked for."""

    def __init__(self, scope: Scope) -> None:
        self.scope = scope
        self._values: dict[str, Anything] = {}

    @property
    def source(self) -> FromClause:
        """`patient_index` and the readings of every measure that a condition looks at."""
        joined: FromClause = PatientIndex.__table__
        for code, values in self._values.items():
            joined = joined.outerjoin(
                values, and_(values.patient_id == PatientIndex.patient_id, values.code == literal(code, Text)), full=False
            )
        return joined

    def matches(self, query: Query) -> Condition:
        """True of the patients within reach of whom `query` is true."""
        return and_(self.in_reach(), self.condition(query))

    def in_reach(self) -> Condition:
        """True of the patients of the teams that are asked about."""
        return true() if self.scope.teams is None else _in(PatientIndex.team_id, sorted(self.scope.teams), BigInteger)

    def condition(self, query: Query) -> Condition:
        """The query's verdict; NULL where it is not known."""
        match query:
            case Not(part):
                return not_(self.condition(part))
            case All(parts):
                return and_(*(self.condition(part) for part in sorted(parts, key=_cost)))
            case Any(parts):
                return or_(*(self.condition(part) for part in sorted(parts, key=_cost)))
            case Always():
                return true()
            case term:
                return self._term(term)

    def may_match(self, query: Query) -> Condition:
        """True of the patients within reach who match today or, by the passing of time, some other day."""
        return self.matches(whenever(query))

    def next_on(self, query: Query) -> ColumnElement[Anything]:
        """The first day after today on which some term can change by time alone; NULL for never (judge.next_on, without its guard)."""
        today = literal(self.scope.today, Date)
        later = [case((day > today, day)) for term in terms(query) for day in self._turns(term)]
        return func.least(*later) if later else null()

    def _term(self, term: Term) -> Condition:
        match term:
            case TagTerm(tags, how):
                carried = [self._carries(tag, term) for tag in tags]
                return and_(*carried) if how == "all" else or_(*carried) if how == "any" else not_(or_(*carried))
            case AgeTerm(unit, span):
                low, high = span.whole
                born, today = PatientIndex.birth_date, self.scope.today
                bounds = [] if low is None else [born <= born_by(today, low, unit)]
                return and_(*bounds, *([] if high is None else [born > born_by(today, high + 1, unit)]))
            case SexTerm(sex):
                return PatientIndex.sex.is_(None) if sex is None else PatientIndex.sex == sex
            case SinceTerm(event, span):
                return self._since(_EVENTS[event], span)
            case ValueTerm(measure, span, unit, within):
                return self._value(measure, span, unit, within)
            case TrendTerm(measure, way, within):
                return self._trend(measure, way, within)
            case DepartmentTerm(names):
                return _in(PatientIndex.department, names, Text) if names else PatientIndex.department.is_(None)
            case TeamTerm(names):
                return _in(PatientIndex.team_id, [self.scope.team(name) for name in names], BigInteger)
            case PlanTerm(template, state):
                states = PLAN_STATES if state == "never" else (state,)
                on_one: Condition = PatientIndex.plans.overlap(cast([f"{template or ''}:{each}" for each in states], ARRAY(Text)))
                return not_(on_one) if state == "never" else on_one

    def _carries(self, tag: str, term: TagTerm) -> Condition:
        ids = list(self.scope.counted(tag))
        carried: Condition = PatientIndex.tags.overlap(cast(ids, ARRAY(Integer)))
        if not term.sources and term.within is None:
            return carried
        # The cheap half first: it stands in the row, and the index finds it.
        return and_(carried, exists(self._evidence(ids, term)))

    def _evidence(self, ids: Sequence[int], term: TagTerm, *, however_old: bool = False) -> Anything:
        sources = _in(TagEvidence.source, [each for each in term.sources if each != "lab"], Text)
        if "lab" in term.sources:
            sources = or_(sources, TagEvidence.ref_kind == "lab_result")
        chosen = (
            select(TagEvidence.at)
            .join(PatientTag, PatientTag.id == TagEvidence.patient_tag_id)
            .where(
                PatientTag.patient_id == PatientIndex.patient_id,
                _in(PatientTag.tag_id, ids, BigInteger),
                PatientTag.until.is_(None),
                PatientTag.state.in_(CARRIED),
                TagEvidence.against.is_(False),
                sources if term.sources else true(),
            )
            .correlate(PatientIndex)
        )
        if term.within is None or however_old:
            return chosen
        return chosen.where(TagEvidence.at >= literal(midnight(born_by(self.scope.today, term.within, "days"), self.scope.zone), _AWARE))

    def _since(self, day: Anything, span: Span | None) -> Condition:
        if span is None:
            never: Condition = day.is_(None)
            return never
        low, high = span.whole
        bounds = [] if low is None else [day <= self._days_ago(low)]
        return and_(*bounds, *([] if high is None else [day >= self._days_ago(high)]))

    def _value(self, measure: str, span: Span | None, unit: str | None, within: int | None) -> Condition:
        what = measure_of(measure)
        row = self._readings(what.code)
        place = func.cardinality(row.value)
        recent = true() if within is None else row.days[place] >= self._days_ago(within)
        if span is None:
            return not_(func.coalesce(and_(row.patient_id.is_not(None), recent), False))
        in_unit = func.lower(row.unit.collate("C")) == fold(what.unit or unit or "")
        kept, value = what.span(span, unit), row.value[place]
        # A comparison of what is NULL where it does not count, not a choice between verdicts: the planner can guess how many that leaves.
        counts = case((and_(recent, in_unit), value))
        bounds = [] if kept.low is None else [counts > kept.low if kept.low_open else counts >= kept.low]
        return and_(*bounds, *([] if kept.high is None else [counts < kept.high if kept.high_open else counts <= kept.high]))

    def _trend(self, measure: str, way: str | None, within: int) -> Condition:
        row = self._readings(measure_of(measure).code)
        last, first = func.cardinality(row.value), self._first_within(row, within)
        if way is None:
            return not_(func.coalesce(first < last, False))
        newest, oldest = case((first < last, row.value[last])), row.value[first]
        change: Condition = newest > oldest if way == "rising" else newest < oldest if way == "falling" else newest == oldest
        return change

    def _first_within(self, row: Anything, within: int) -> ColumnElement[int]:
        """The place of the first reading of the last days: a binary search among the days, which stand in order."""
        return func.width_bucket(self._days_ago(within + 1), row.days) + 1

    def _day_in(self, row: Anything, within: int) -> Anything:
        return row.days[self._first_within(row, within)]

    def _days_ago(self, days: int) -> ColumnElement[date]:
        return literal(born_by(self.scope.today, days, "days"), Date)

    def _turns(self, term: Term) -> list[ColumnElement[date]]:
        match term:
            case AgeTerm(unit, span):
                low, high = span.whole
                counts = [count for count in (low, None if high is None else high + 1) if count is not None]
                return [_plus(PatientIndex.birth_date, count, unit) for count in counts]
            case SinceTerm(event, Span() as span):
                low, high = span.whole
                return [_plus(_EVENTS[event], count, "days") for count in (low, None if high is None else high + 1) if count is not None]
            case TagTerm(within=int(within)):
                newest = [self._evidence(list(self.scope.counted(tag)), term, however_old=True) for tag in term.tags]
                latest = [chosen.with_only_columns(func.max(TagEvidence.at)).scalar_subquery() for chosen in newest]
                return [cast(func.timezone(str(self.scope.zone), moment), Date) + (within + 1) for moment in latest]
            case ValueTerm(measure=measure, within=int(within)):
                row = self._readings(measure_of(measure).code)
                return [row.days[func.cardinality(row.value)] + (within + 1)]
            case TrendTerm(measure=measure, within=within):
                row = self._readings(measure_of(measure).code)
                return [self._day_in(row, within) + (within + 1)]
            case _:
                return []

    def _readings(self, code: str) -> Anything:
        if code not in self._values:
            self._values[code] = aliased(PatientValue, name=f"value_{len(self._values)}")
        return self._values[code]


def _cost(query: Query) -> int:
    """Where in a row of conditions it stands: the server asks them in our order, and a comparison costs a tenth of a look into an array."""
    match query:
        case Not(part):
            return _cost(part)
        case All(parts) | Any(parts):
            return max(map(_cost, parts))
        case ValueTerm() | TrendTerm():
            return 2
        case TagTerm(sources=sources, within=within):
            return 3 if sources or within is not None else 1
        case PlanTerm():
            return 1
        case _:
            return 0


def _in(column: Anything, values: Sequence[Anything], kind: Anything) -> Condition:
    found: Condition = column == any_(cast(list(values), ARRAY(kind)))
    return found


def _plus(day: Anything, count: int, unit: str) -> Anything:
    if unit == "days":
        return day + count
    months = count * (12 if unit == "years" else 1)
    return cast(day + func.make_interval(0, months), Date)
