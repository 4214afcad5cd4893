"""Rules made ready for work: sentences as trees, tags and cohorts by id, by the kind of event that they listen to."""

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import date

from plans.adaptation.event import Event, fits, number_of
from plans.adaptation.load import Wanted
from plans.adaptation.on import UNANSWERED, AnswerOn, On, read_sentence, read_value
from plans.adaptation.rule import Count, Rule
from plans.adaptation.words import say
from tagging.cohort.facts import needs_of
from tagging.cohort.measure import measure_of
from tagging.cohort.query import DepartmentTerm, PlanTerm, Query, SinceTerm, ValueTerm, terms
from tagging.cohort.scope import Scope
from tagging.cohort.words import CohortError


class RuleError(ValueError):
    """A rule cannot be used in this hospital: it names a tag, a plan or a cohort that there is not. The text is a Chinese sentence."""

    code, permanent = "rule_invalid", True


@dataclass(frozen=True)
class ReadyCount:
    """A count with its sentence as a term."""

    count: Count
    term: ValueTerm


@dataclass(frozen=True)
class Ready:
    """A rule that can be judged. `tags` are the ids that count as the tag of its event, `cohort` the id of the cohort, `measures`
    those whose readings its condition compares."""

    rule: Rule
    query: Query | None
    term: ValueTerm | None
    tags: frozenset[int]
    cohort: int | None
    counts: tuple[ReadyCount, ...]
    wanted: Wanted
    measures: frozenset[str] = frozenset()

    def wanted_in(self, book: "RuleBook") -> Wanted:
        """What has to be known to judge it: of a name that departments have rules of their own for, the patient's department too."""
        return replace(self.wanted, stays=True) if book.has_overlays(self) else self.wanted

    def hears(self, event: Event) -> bool:
        """Whether this is an event for it, as far as the event alone says."""
        on, fact = self.rule.on, event.fact
        if event.kind != on.kind:
            return False
        match on.name:
            case "reading" | "lab":
                number = number_of(event)
                return number is not None and self.term is not None and fits(self.term, number)
            case "sign":
                return on.sign is not None and fact.get("code") in on.sign.concepts and fact.get("status") == on.sign.status
            case "diagnosis":
                return _diagnosed(on, fact)
            case "discharge" | "admission":
                return not on.said.department or fact.get("department") in on.said.department
            case "answer":
                return on.answer is not None and fact.get("state") in ("done", "partial") and _answered(on.answer, fact)
            case "missed":
                return on.missed is not None and fact.get("state") in UNANSWERED and _of(on.missed.template, on.missed.step, fact)
            case "score":
                return on.score is not None and fact.get("questionnaire") == on.score.questionnaire and on.score.holds(fact.get("score"))
            case "tag_began" | "tag_ended" | "risk":
                return fact.get("tag") in self.tags
            case "cohort_joined" | "cohort_left":
                return fact.get("cohort") == self.cohort
            case "plan":
                wanted = on.plan
                return wanted is not None and wanted.template in (None, fact.get("template")) and fact.get("state") == wanted.state
            case _:
                return bool(fact.get("rule") == self.rule.key)


@dataclass
class RuleBook:
    """All rules that are in force. Of the same name, one for a department stands there in place of the one for all."""

    rules: tuple[Ready, ...]
    scope: Scope
    by_kind: dict[str, list[Ready]] = field(default_factory=dict)
    departments: dict[str, set[str]] = field(default_factory=dict)
    days: dict[date, Scope] = field(default_factory=dict)

    def __post_init__(self) -> None:
        by_kind, departments = defaultdict[str, list[Ready]](list), defaultdict[str, set[str]](set)
        for each in self.rules:
            if not each.rule.off:
                by_kind[each.rule.on.kind].append(each)
            departments[each.rule.id].add(each.rule.department)
        self.by_kind, self.departments = dict(by_kind), dict(departments)

    def scope_on(self, today: date) -> Scope:
        """What conditions mean on this day."""
        if today not in self.days:
            self.days[today] = replace(self.scope, today=today)
        return self.days[today]

    def hearing(self, event: Event) -> list[Ready]:
        """The rules that this event may concern."""
        return [each for each in self.by_kind.get(event.kind, ()) if each.hears(event)]

    def is_for(self, ready: Ready, department: str | None) -> bool:
        """Whether of the rules of this name it is the one for patients of this department."""
        known = self.departments[ready.rule.id]
        return ready.rule.department == (department if department in known else "")

    def has_overlays(self, ready: Ready) -> bool:
        """Whether the patient's department decides which rule of the name is his."""
        return self.departments[ready.rule.id] != {""}


def make_ready(rule: Rule, scope: Scope, cohorts: Mapping[str, int]) -> Ready:
    """Raises RuleError for a tag or a cohort that there is not."""
    try:
        query = None if rule.if_ is None else scope.known(read_sentence(rule.if_))
        tags = frozenset(scope.counted(rule.on.tag)) if rule.on.tag else frozenset[int]()
        for do in rule.do:
            if code := do.add_tag or do.remove_tag:
                scope.tag(code)
    except CohortError as err:
        raise RuleError(say("mistakes.of_rule", rule=rule.key, what=str(err))) from err
    name = rule.on.cohort_joined or rule.on.cohort_left
    if name is not None and name not in cohorts:
        raise RuleError(say("mistakes.of_rule", rule=rule.key, what=say("mistakes.unknown_cohort", name=name)))
    said = rule.on.reading or rule.on.lab
    counts = tuple(ReadyCount(count, read_value(count.of)) for count in rule.count)
    return Ready(
        rule,
        query,
        read_value(said) if said else None,
        tags,
        cohorts[name] if name is not None else None,
        counts,
        _wanted(rule, query, counts, scope),
        needs_of([query] if query is not None else [], scope).measures,
    )


def make_book(rules: Iterable[Rule], scope: Scope, cohorts: Mapping[str, int]) -> RuleBook:
    """Raises RuleError for the first rule that cannot be used."""
    return RuleBook(tuple(make_ready(rule, scope, cohorts) for rule in rules), scope)


def _wanted(rule: Rule, query: Query | None, counts: Iterable[ReadyCount], scope: Scope) -> Wanted:
    found = list(terms(query)) if query is not None else []
    needs = needs_of([query] if query is not None else [], scope)
    return Wanted(
        measures=needs.measures | {measure_of(each.term.measure).code for each in counts},
        stays=any(isinstance(term, DepartmentTerm) or (isinstance(term, SinceTerm) and term.event != "answer") for term in found)
        or bool(rule.department),
        plans=any(isinstance(term, PlanTerm) for term in found),
        answers=any(isinstance(term, SinceTerm) and term.event == "answer" for term in found),
        follow_ups=rule.on.missed is not None,
        evidence_of=needs.evidence_of,
    )


def _of(template: str | None, step: str | None, fact: Mapping[str, object]) -> bool:
    return template in (None, fact.get("template")) and step in (None, fact.get("step"))


def _diagnosed(on: On, fact: Mapping[str, object]) -> bool:
    wanted, code, said = on.diagnosis, str(fact.get("icd10") or ""), str(fact.get("text") or "")
    return wanted is not None and (any(code.startswith(each) for each in wanted.icd10) or any(each in said for each in wanted.words))


def _answered(on: AnswerOn, fact: Mapping[str, object]) -> bool:
    if not _of(on.template, on.step, fact):
        return False
    if on.question is None:
        return True
    answers = fact.get("answers")
    said = answers.get(on.question) if isinstance(answers, dict) else None
    if said is None:
        return False
    values = answer_values(said)
    choices = [value for value in values if isinstance(value, str)]
    numbers = [float(value) for value in values if isinstance(value, int | float) and not isinstance(value, bool)]
    bounded = on.model_fields_set & {"ge", "gt", "le", "lt"}
    return (not on.choice or any(value in on.choice for value in choices)) and (not bounded or any(on.holds(number) for number in numbers))


def answer_values(said: object) -> list[object]:
    """The words and numbers of one answer, however it is kept: alone, in a list, or under `value`, `choice`, `values` by vital."""
    if isinstance(said, dict):
        named = [name for name in ("value", "choice", "choices", "score") if name in said]
        of_vitals = said.get("values")
        inner = list(of_vitals.values()) if isinstance(of_vitals, dict) else [of_vitals] if of_vitals is not None else []
        return [value for each in (*(said[name] for name in named), *inner) for value in answer_values(each)]
    if isinstance(said, list | tuple):
        return [value for each in said for value in answer_values(each)]
    return [said]
