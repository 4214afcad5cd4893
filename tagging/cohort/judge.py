"""A query about one patient, in memory: true, false, or None where it is not known; and when time alone can change that. Pure."""

from collections.abc import Iterator
from datetime import date

from tagging.cohort.calendar import add, born_by, completed, on
from tagging.cohort.facts import Evidence, Facts, Readings
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

PLAN_STATES = ("active", "paused", "ended", "withdrawn")


def judge(query: Query, facts: Facts, scope: Scope) -> bool | None:
    """Kleene's logic: `Not` of the unknown is unknown, one false part makes All false, one true part makes Any true."""
    match query:
        case Not(part):
            verdict = judge(part, facts, scope)
            return None if verdict is None else not verdict
        case All(parts) | Any(parts):
            decides = isinstance(query, Any)
            verdicts = {judge(part, facts, scope) for part in parts}
            return decides if decides in verdicts else None if None in verdicts else not decides
        case Always():
            return True
        case term:
            return _judge(term, facts, scope)


def in_reach(facts: Facts, scope: Scope) -> bool:
    """Whether the patient is of the teams that are asked about."""
    return scope.teams is None or facts.team_id in scope.teams


def matches(query: Query, facts: Facts, scope: Scope) -> bool:
    """Whether the patient is in: within reach, and the query is true."""
    return in_reach(facts, scope) and judge(query, facts, scope) is True


def next_on(query: Query, facts: Facts, scope: Scope) -> date | None:
    """The first day after today on which the verdict can change though nothing else does; None for never.

    A day too early is possible (some term changes, the verdict does not), a day too late is not.
    """
    if not in_reach(facts, scope) or judge(whenever(query), facts, scope) is not True:
        return None
    return min((day for term in terms(query) for day in turns(term, facts, scope) if day > scope.today), default=None)


def turns(term: Term, facts: Facts, scope: Scope) -> Iterator[date]:
    """Days, past ones among them, on which time alone can change this term's verdict."""
    match term:
        case AgeTerm(unit, span):
            low, high = span.whole
            if low is not None:
                yield add(facts.birth_date, low, unit)
            if high is not None:
                yield add(facts.birth_date, high + 1, unit)
        case SinceTerm(event, Span() as span):
            day = day_of(facts, event)
            if day is not None:
                low, high = span.whole
                yield from (add(day, days, "days") for days in (low, None if high is None else high + 1) if days is not None)
        case TagTerm(within=int(within)):
            for tag in term.tags:
                newest = max((one.at for one in evidence_for(tag, term, facts, scope)), default=None)
                if newest is not None:
                    yield add(on(newest, scope.zone), within + 1, "days")
        case ValueTerm(measure=measure, within=int(within)):
            readings = facts.readings(measure)
            if readings:
                yield add(readings.days[-1], within + 1, "days")
        case TrendTerm(measure=measure, within=within):
            readings = facts.readings(measure)
            first = first_within(readings, within, scope)
            if readings and first is not None:
                yield add(readings.days[first], within + 1, "days")


def day_of(facts: Facts, event: str) -> date | None:
    """The day on which the event happened last."""
    return {"discharge": facts.discharged_on, "visit": facts.visited_on, "answer": facts.answered_on}[event]


def is_recent(day: date, within: int | None, scope: Scope) -> bool:
    """Whether it is today or one of the `within` days before (or later)."""
    return within is None or (scope.today - day).days <= within


def evidence_for(tag: str, term: TagTerm, facts: Facts, scope: Scope) -> list[Evidence]:
    """What bears out `tag` by the term's sources, however old."""
    ids = scope.counted(tag)
    return [one for one in facts.evidence if one.tag_id in ids and (not term.sources or one.comes_from(term.sources))]


def first_within(readings: Readings | None, within: int, scope: Scope) -> int | None:
    """The place of the first reading of the last `within` days; None without one."""
    if readings is None:
        return None
    return next((place for place, day in enumerate(readings.days) if is_recent(day, within, scope)), None)


def _carries(tag: str, term: TagTerm, facts: Facts, scope: Scope) -> bool:
    if facts.tags.isdisjoint(scope.counted(tag)):
        return False
    if not term.sources and term.within is None:
        return True
    return any(is_recent(on(one.at, scope.zone), term.within, scope) for one in evidence_for(tag, term, facts, scope))


def _judge(term: Term, facts: Facts, scope: Scope) -> bool | None:
    match term:
        case TagTerm(tags, how):
            carried = [_carries(tag, term, facts, scope) for tag in tags]
            return all(carried) if how == "all" else any(carried) == (how == "any")
        case AgeTerm(unit, span):
            return _aged(facts.birth_date, unit, span, scope.today)
        case SexTerm(sex):
            return facts.sex is None if sex is None else None if facts.sex is None else facts.sex == sex
        case SinceTerm(event, span):
            day = day_of(facts, event)
            if span is None:
                return day is None
            return None if day is None else span.holds((scope.today - day).days)
        case ValueTerm(measure, span, unit, within):
            return _value(facts.readings(measure), measure, span, unit, within, scope)
        case TrendTerm(measure, way, within):
            readings = facts.readings(measure)
            first = first_within(readings, within, scope)
            known = readings is not None and first is not None and first < len(readings.value) - 1
            if way is None:
                return not known
            if not known or readings is None or first is None:
                return None
            change = readings.value[-1] - readings.value[first]
            return change > 0 if way == "rising" else change < 0 if way == "falling" else change == 0
        case DepartmentTerm(names):
            if not names:
                return facts.department is None
            return None if facts.department is None else facts.department in names
        case TeamTerm(names):
            return facts.team_id in {scope.team(name) for name in names}
        case PlanTerm(template, state):
            if state == "never":
                return not {f"{template or ''}:{each}" for each in PLAN_STATES} & set(facts.plans)
            return f"{template or ''}:{state}" in facts.plans


def _aged(born: date, unit: str, span: Span, today: date) -> bool:
    low, high = span.whole
    # The same bounds as in SQL: in memory and there a day is compared, never an age.
    above = low is None or born <= born_by(today, low, unit)  # type: ignore[arg-type]
    return above and (high is None or born > born_by(today, high + 1, unit))  # type: ignore[arg-type]


def _value(readings: Readings | None, measure: str, span: Span | None, unit: str | None, within: int | None, scope: Scope) -> bool | None:
    known = readings is not None and is_recent(readings.days[-1], within, scope)
    if span is None:
        return not known
    if not known or readings is None or readings.unit is None:
        return None
    what = measure_of(measure)
    if fold(readings.unit) != fold(what.unit or unit or ""):
        return None
    return what.span(span, unit).holds(readings.value[-1])


def age_in(facts: Facts, unit: str, scope: Scope) -> int:
    """Completed days, months or years, for explanations."""
    return completed(facts.birth_date, scope.today, unit)  # type: ignore[arg-type]
