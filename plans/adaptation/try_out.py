"""Running the `tests:` of rules: in memory, against the tags that the rules name, and without any hospital."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from functools import cache
from zoneinfo import ZoneInfo

from plans.adaptation.event import Event, Number
from plans.adaptation.example import EXAMPLE_NOW, Example, Given, Happened, Reading, born
from plans.adaptation.history import Closed, History, PlanState, Stay, put_in_order
from plans.adaptation.ready import RuleBook, make_book
from plans.adaptation.rule import Rule
from plans.adaptation.weigh import Fired, weigh
from plans.adaptation.words import say
from tagging.cohort.calendar import on
from tagging.cohort.measure import measure_of
from tagging.cohort.scope import Scope, TagEntry
from tagging.tags.library import shipped

ZONE = EXAMPLE_NOW.tzinfo if isinstance(EXAMPLE_NOW.tzinfo, ZoneInfo) else ZoneInfo("Asia/Shanghai")


@dataclass(frozen=True)
class Failure:
    """An example that came out otherwise."""

    rule: str
    example: str
    expected: tuple[str, ...]
    found: tuple[str, ...]

    def __str__(self) -> str:
        nothing = say("check.nothing")
        return say(
            "check.failed",
            rule=self.rule,
            example=self.example,
            expected="、".join(self.expected) or nothing,
            found="、".join(self.found) or nothing,
        )


@cache
def shipped_scope() -> Scope:
    """The shipped library of tags with numbers of its own."""
    entries = shipped().entries
    ids = {code: number for number, code in enumerate(sorted(entries), 1)}
    tags = {ids[code]: TagEntry(ids[code], code, entry.name, ids.get(entry.parent or ""), False) for code, entry in entries.items()}
    return Scope(tags, {}, None, on(EXAMPLE_NOW, ZONE), ZONE)


def book_alone(rules: Iterable[Rule], scope: Scope | None = None) -> RuleBook:
    """The rules made ready without a hospital: every cohort that they name is taken to be there. Raises RuleError for an unknown tag."""
    listed = tuple(rules)
    names = {name for rule in listed if (name := rule.on.cohort_joined or rule.on.cohort_left)}
    return make_book(listed, scope or shipped_scope(), {name: number for number, name in enumerate(sorted(names), 1)})


def run_examples(rules: Iterable[Rule], scope: Scope | None = None) -> list[Failure]:
    """The examples of these rules that come out otherwise than they say. Raises RuleError."""
    failures = []
    for rule in rules:
        book = book_alone([rule], scope)
        for example in rule.tests:
            found = run(book, example)
            if found != example.expect:
                failures.append(Failure(rule.key, example.name, example.expect, found))
    return failures


def run(book: RuleBook, example: Example) -> tuple[str, ...]:
    """What the only rule of the book does in this example, in short."""
    [ready] = book.rules
    happened = example.event
    history = _history(example.facts, happened, book.scope)
    event = _event(happened, book, ready.rule.key)
    fired = Fired()
    if example.facts.fired is not None:
        fired.note(ready, EXAMPLE_NOW - example.facts.fired)
    if not ready.hears(event) or fired.holds_back(ready, event, EXAMPLE_NOW):
        return ()
    found = weigh(ready, event, history, at=EXAMPLE_NOW, book=book)
    return () if found is None else tuple(do.short for do in ready.rule.do)


def _history(given: Given, happened: Happened, scope: Scope) -> History:
    now = EXAMPLE_NOW
    history = History(0, 0, given.sex, born(given))
    history.tags = {scope.tag(code).id: now - happened.ago for code in given.tags}
    if happened.tag_began is not None:
        history.tags[scope.tag(happened.tag_began).id] = now - happened.ago
    department = given.department or happened.discharge or happened.admission
    for kind, ago, ended in (("inpatient", given.discharged, True), ("outpatient", given.visited, False)):
        if ago is not None:
            history.stays.append(Stay(kind, department or "", now - ago, now - ago if ended else None))
    if happened.discharge is not None:
        history.stays.append(Stay("inpatient", happened.discharge, now - happened.ago, now - happened.ago))
    if department and not history.stays:
        history.stays.append(Stay("outpatient", department, now, None))
    history.answered = [] if given.answered is None else [now - given.answered]
    history.plans = [PlanState(number, template, state, born_at(given)) for number, (template, state) in enumerate(given.plans.items(), 1)]
    readings = [*given.readings, *(each for each in (happened.reading, happened.lab) if each is not None)]
    for number, reading in enumerate(readings, 1):
        kept = _number(reading, number, now - (happened.ago if reading in (happened.reading, happened.lab) else reading.ago))
        history.numbers.setdefault(kept.code, []).append(kept)
    closed = [*given.follow_ups, *([happened.follow_up] if happened.follow_up is not None else [])]
    history.follow_ups = [Closed(number, one.template, one.step, one.state, now - one.ago) for number, one in enumerate(closed, 1)]
    return put_in_order(history)


def born_at(given: Given) -> datetime:
    """Plans of an example began before all that happens in it."""
    return datetime.combine(born(given), datetime.min.time(), tzinfo=ZONE)


def _number(reading: Reading, id: int, at: datetime) -> Number:
    measure = measure_of(reading.of)
    kept = measure.kept(reading.value, reading.unit)
    if kept is None:
        raise ValueError(say("mistakes.unit", of=reading.of, unit=reading.unit or ""))
    return Number(measure.code, kept, measure.unit or reading.unit, at, at, "observation", id)


def _event(happened: Happened, book: RuleBook, key: str) -> Event:
    at, scope = EXAMPLE_NOW - happened.ago, book.scope

    def told(kind: str, **fact: object) -> Event:
        return Event(0, 0, kind, at, at, "example", 1, fact)

    reading = happened.reading or happened.lab
    if reading is not None:
        number = _number(reading, 1, at)
        if happened.reading is not None:
            return told("reading", code=number.code, value=number.value, unit=number.unit)
        return told("lab", item=reading.of, value=reading.value, unit=reading.unit, loinc=None, report=None)
    if happened.sign is not None:
        return told("sign", code=happened.sign, status=happened.status)
    if happened.diagnosis is not None or happened.icd10 is not None:
        return told("diagnosis", icd10=happened.icd10, text=happened.diagnosis or "")
    if happened.follow_up is not None:
        one = happened.follow_up
        return told("task", template=one.template, step=one.step, state=one.state, answers=happened.answers)
    if happened.questionnaire is not None:
        return told("score", questionnaire=happened.questionnaire, score=happened.score)
    if happened.plan is not None:
        return told("plan", template=happened.plan, state=happened.state)
    for kind in ("tag_began", "tag_ended"):
        if (code := getattr(happened, kind)) is not None:
            return told(kind, tag=scope.tag(code).id)
    for kind in ("cohort_joined", "cohort_left"):
        if (name := getattr(happened, kind)) is not None:
            [ready] = book.rules
            mine = ready.rule.on.cohort_joined or ready.rule.on.cohort_left
            return told(kind, cohort=ready.cohort if name == mine else None)
    for kind in ("discharge", "admission"):
        if (department := getattr(happened, kind)) is not None:
            return told(kind, department=department)
    return told("day", rule=key)
