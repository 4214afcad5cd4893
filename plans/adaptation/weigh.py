"""Does a rule fire? Pure: a rule made ready, an event, the patient's history and a moment in; what was found, with its evidence, out."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from plans.adaptation.event import Event, Number, fits, number_of
from plans.adaptation.history import History, row_of
from plans.adaptation.on import UNANSWERED
from plans.adaptation.ready import Ready, ReadyCount, RuleBook, answer_values
from plans.adaptation.words import say, words
from records.tag import CARRIED
from tagging.cohort.calendar import on as day_on
from tagging.cohort.explain import Carried, reasons
from tagging.cohort.facts import Facts
from tagging.cohort.judge import judge
from tagging.cohort.measure import measure_of
from tagging.cohort.query import ValueTerm, terms
from tagging.cohort.scope import Scope

# So many firings stand behind one another at most; no care needs a longer chain, and a longer one is a mistake in the rules (R).
MOST_DEPTH = 4
# So many firings a patient gets in a day, of all rules together; beyond that something is wrong, and a person has to look (R).
MOST_A_DAY = 20
DAY = timedelta(days=1)


@dataclass(frozen=True)
class Planned:
    """A rule fires: what it saw, and what clinicians read of it."""

    ready: Ready
    event: Event
    because: str
    evidence: tuple[dict[str, Any], ...]
    at: datetime


@dataclass
class Fired:
    """When which rule fired last on one patient, and when he was fired on in the last day."""

    last: dict[str, datetime] = field(default_factory=dict)
    lately: list[datetime] = field(default_factory=list)

    def holds_back(self, ready: Ready, event: Event, at: datetime) -> str | None:
        """Why the rule must not fire now (a key of wording.yml `held`), whatever it finds; None when it may."""
        if event.depth >= MOST_DEPTH:
            return "depth"
        last = self.last.get(ready.rule.key)
        if last is not None and at - last < ready.rule.again_after:
            return "again"
        if sum(at - DAY < each <= at for each in self.lately) >= MOST_A_DAY:
            return "many"
        return None

    def note(self, ready: Ready, at: datetime) -> None:
        """It fired."""
        self.last[ready.rule.key] = at
        self.lately.append(at)


def weigh(ready: Ready, event: Event, history: History, *, at: datetime, book: RuleBook) -> Planned | None:
    """Whether the rule fires for this event as of `at`. It must have heard the event already."""
    if history.died_at is not None or at - event.at > ready.rule.within:
        return None
    scope = book.scope_on(day_on(at, book.scope.zone))
    facts = history.facts(at, scope.zone, ready.measures)
    if not book.is_for(ready, facts.department):
        return None
    shown: dict[str, object] = {"value": "", "unit": "", "count": "", "text": "", "date": day_on(event.at, scope.zone).isoformat()}
    shown |= _of_event(ready, event)
    evidence: list[dict[str, Any]] = []
    missed = ready.rule.on.missed
    if missed is not None:
        ended = [one for one in history.follow_ups if one.at <= event.at]
        ended = [one for one in ended if missed.template in (None, one.template) and missed.step in (None, one.step)]
        row = row_of(ended, UNANSWERED)
        if len(row) < missed.in_a_row:
            return None
        shown["count"] = len(row)
        evidence += [
            {"what": say("evidence.missed", step=one.step), "at": one.at.isoformat(), "ref_kind": "task", "ref_id": one.id} for one in row
        ]
    if ready.query is not None and judge(ready.query, facts, scope) is not True:
        return None
    for each in ready.counts:
        found = _counted(each, history, at)
        if len(found) < each.count.at_least:
            return None
        # Of several that were told together it is the last that a reader wants to know.
        shown |= {"count": len(found), **_shown(found[-1])}
        evidence += [_number(number) for number in found]
    evidence += _of_query(ready, facts, history, at, scope)
    return Planned(ready, event, ready.rule.because.format_map(shown), tuple(evidence), at)


def _of_event(ready: Ready, event: Event) -> dict[str, object]:
    """What of the event itself a reader may be shown."""
    number, fact = number_of(event), event.fact
    if number is not None:
        return _shown(number)
    if event.kind == "score":
        return {"value": "" if fact.get("score") is None else f"{fact['score']:g}"}
    question = ready.rule.on.answer.question if ready.rule.on.answer else None
    if question is not None:
        said = [f"{value:g}" if isinstance(value, float) else str(value) for value in answer_values(fact["answers"][question])]
        return {"value": "、".join(said), "text": "、".join(said)}
    return {"text": str(fact.get("text") or fact.get("department") or fact.get("template") or "")[:60]}


def _counted(ready: ReadyCount, history: History, at: datetime) -> list[Number]:
    """The values that count, oldest first; of those closer together than `apart` the first."""
    within, since = list[Number](), at - ready.count.within
    # The newest stand last: what is older than the window is not looked at.
    for number in reversed(history.numbers.get(measure_of(ready.term.measure).code, ())):
        if number.at < since:
            break
        if number.at <= at and number.known_at <= at and fits(ready.term, number):
            within.append(number)
    found: list[Number] = []
    for number in reversed(within):
        if not found or number.at - found[-1].at >= ready.count.apart:
            found.append(number)
    return found


def _shown(number: Number) -> dict[str, object]:
    return {"value": f"{number.value:g}", "unit": words("units").get(number.unit or "", number.unit or "")}


def _number(number: Number) -> dict[str, Any]:
    said = {"what": number.code, "value": number.value, "unit": number.unit, "at": number.at.isoformat()}
    return said | {"ref_kind": number.ref_kind, "ref_id": number.ref_id}


def _of_query(ready: Ready, facts: Facts, history: History, at: datetime, scope: Scope) -> list[dict[str, Any]]:
    """Every term of the condition with its verdict and what it rests on; of values the very reading."""
    if ready.query is None:
        return []
    tags = [(id, since) for id, since in history.tags_at(at).items() if id in scope.tags]
    carried = [Carried(id, CARRIED[0], day_on(since, scope.zone).isoformat()) for id, since in tags]
    found: list[dict[str, Any]] = []
    values = [term for term in terms(ready.query) if isinstance(term, ValueTerm)]
    for reason in reasons(ready.query, facts, carried, scope):
        verdict: Mapping[bool | None, str] = {True: "true", False: "false", None: "unknown"}
        found.append({"what": reason.term, "verdict": verdict[reason.verdict], "says": list(reason.because)})
    for term in values:
        known = history.numbers_at(measure_of(term.measure).code, at)
        if known:
            found.append(_number(known[-1]))
    return found
