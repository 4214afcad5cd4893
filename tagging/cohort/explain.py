"""Why a patient is in a cohort, or is not: every term with its verdict and what it rests on."""

from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from records.tag import CARRIED, PatientTag
from tagging.cohort.calendar import on
from tagging.cohort.facts import Facts, facts_of, needs_of
from tagging.cohort.judge import age_in, day_of, evidence_for, first_within, in_reach, is_recent, judge
from tagging.cohort.measure import measure_of
from tagging.cohort.query import (
    AgeTerm,
    DepartmentTerm,
    PlanTerm,
    Query,
    SexTerm,
    SinceTerm,
    TagTerm,
    TeamTerm,
    Term,
    TrendTerm,
    ValueTerm,
    terms,
)
from tagging.cohort.scope import Scope
from tagging.cohort.words import fold, say, table
from tagging.cohort.write import write

# So many reasons of one tag are told, the newest first.
SHOWN = 3


@dataclass(frozen=True)
class Reason:
    """One term: as text, its verdict (None: not known), and what it rests on in words."""

    term: str
    verdict: bool | None
    because: tuple[str, ...]

    @property
    def in_words(self) -> str:
        """符合, 不符合 or 不清楚."""
        return say(f"explain.{ {True: 'yes', False: 'no', None: 'unknown'}[self.verdict] }")


@dataclass(frozen=True)
class Explanation:
    """Whether the patient matches, the verdict of the whole (None: not known), and of each term from left to right."""

    matches: bool
    verdict: bool | None
    reasons: tuple[Reason, ...]


@dataclass(frozen=True)
class Carried:
    """A tag that the patient carries, in which state and since which day."""

    tag_id: int
    state: str
    since: str


async def explain(tx: AsyncSession, query: Query, patient_id: int, scope: Scope) -> Explanation | None:
    """Every term about this patient; None where he is not within reach. The caller has opened the patient through `access_patient`."""
    found = await facts_of(tx, [patient_id], needs_of([query], scope, all_evidence=True))
    if not found or not in_reach(found[0], scope):
        return None
    facts = found[0]
    rows = await tx.execute(
        select(PatientTag.tag_id, PatientTag.state, PatientTag.since).where(
            PatientTag.patient_id == patient_id, PatientTag.until.is_(None), PatientTag.state.in_(CARRIED)
        )
    )
    carried = [Carried(row.tag_id, row.state, on(row.since, scope.zone).isoformat()) for row in rows]
    verdict = judge(query, facts, scope)
    return Explanation(verdict is True, verdict, reasons(query, facts, carried, scope))


def reasons(query: Query, facts: Facts, carried: Sequence[Carried], scope: Scope) -> tuple[Reason, ...]:
    """Every term from left to right with its verdict and what it rests on. Pure."""
    names = scope.name_of
    return tuple(
        Reason(write(term, names=names), judge(term, facts, scope), tuple(_because(term, facts, carried, scope))) for term in terms(query)
    )


def _because(term: Term, facts: Facts, carried: Sequence[Carried], scope: Scope) -> list[str]:
    match term:
        case TagTerm():
            return _tags(term, facts, carried, scope)
        case AgeTerm(unit):
            if facts.birth_date > scope.today:
                return [say("explain.born", day=facts.birth_date, age="—")]
            age = table("explain")["ages"][unit].format(n=age_in(facts, unit, scope))
            return [say("explain.born", day=facts.birth_date, age=age)]
        case SexTerm():
            words = table("keywords")
            return [{"M": words["male"][0], "F": words["female"][0]}.get(facts.sex or "", say("explain.sex_none"))]
        case SinceTerm(event):
            day = day_of(facts, event)
            return [say("explain.never") if day is None else say("explain.since", day=day, days=(scope.today - day).days)]
        case ValueTerm():
            return [_value(term, facts, scope)]
        case TrendTerm(measure, _, within):
            readings = facts.readings(measure)
            first = first_within(readings, within, scope)
            if readings is None or first is None or first == len(readings.value) - 1:
                return [say("explain.few")]
            days = [readings.days[first], readings.days[-1]]
            return [
                say("explain.trend", first=readings.value[first], first_day=days[0], last=readings.value[-1], last_day=days[1]),
            ]
        case DepartmentTerm():
            return [facts.department or say("explain.never")]
        case TeamTerm():
            return [name for name, id in scope.team_names.items() if id == facts.team_id]
        case PlanTerm():
            words = table("keywords")
            plans = [entry.rpartition(":") for entry in facts.plans if not entry.startswith(":")]
            return [f"{template} {words[state][0]}" for template, _, state in plans] or [say("explain.no_plan")]


def _tags(term: TagTerm, facts: Facts, carried: Sequence[Carried], scope: Scope) -> list[str]:
    said = list[str]()
    states = table("explain")["states"]
    for tag in term.tags:
        ids = scope.counted(tag)
        for one in carried:
            if one.tag_id in ids:
                said.append(say("explain.tag", name=scope.tags[one.tag_id].name, state=states[one.state], since=one.since))
        reasons = evidence_for(tag, term, facts, scope)
        for reason in reasons[:SHOWN]:
            source = "lab" if reason.ref_kind == "lab_result" else reason.source
            named = table("sources").get(source, [source])[0]
            said.append(say("explain.evidence", source=named, day=on(reason.at, scope.zone), because=reason.because))
        if (
            said
            and (term.sources or term.within is not None)
            and not any(is_recent(on(each.at, scope.zone), term.within, scope) for each in reasons)
        ):
            said.append(say("explain.no_evidence"))
    return said or [say("explain.no_tag")]


def _value(term: ValueTerm, facts: Facts, scope: Scope) -> str:
    readings = facts.readings(term.measure)
    if readings is None:
        return say("explain.never")
    day, unit = readings.days[-1], readings.unit or ""
    if not is_recent(day, term.within, scope):
        return say("explain.old", day=day)
    wanted = measure_of(term.measure).unit or term.unit
    same = term.span is None or fold(unit) == fold(wanted or "")
    return say("explain.value" if same else "explain.other_unit", value=readings.value[-1], unit=unit, day=day)
