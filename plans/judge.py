"""The rules of a follow-up judge all of its answers together, after each message; what fires, fires once."""

from collections.abc import Mapping

from plans.alert import Alert
from plans.question import entry, facts_of, questions
from plans.rule import RuleSet, load_rules
from plans.taking import WEIGHT_RULES
from plans.template import PlanTemplate
from records.care_plan import Task
from records.patient import Patient
from tagging.content import default_content

TAG = "tag."


def judge(task: Task, patient: Patient, template: PlanTemplate, heard: list[Alert]) -> list[Alert]:
    """What the tables of the answered questions say of the task's facts, without what they said before; `heard` was said just now.

    Facts are those of plans/question.py and the patient's clinical tags as `tag.chemo` (1 or 0; a group of tags counts as one).
    Weights are judged where they are taken, with all earlier ones.
    """
    alerts: list[Alert] = []
    for question in questions(task, template):
        known = entry(task, question)
        answered = bool(known["values"] or known.get("signs") or known.get("value") is not None)
        if question.rules is None or question.rules == WEIGHT_RULES or not answered:
            continue
        table = load_rules(question.rules)
        facts = with_tags(facts_of(task, template, patient), patient, table)
        alert = table.first_alert(facts) if table.applies(int(facts["age_days"])) else None
        before = {rule for each in questions(task, template) for rule in entry(task, each).get("fired", [])}
        new = {each.rule for each in heard} - before
        if alert is not None and alert.rule not in before | new:
            alerts.append(alert)
            new.add(alert.rule)
        if new:
            task.answers = {**task.answers, question.id: known | {"fired": sorted({*known.get("fired", []), *new})}}
    return alerts


def with_tags(facts: Mapping[str, float], patient: Patient, table: RuleSet) -> dict[str, float]:
    """The facts with those tags that the table asks for."""
    carried = frozenset(patient.tags or ())
    wanted = {condition.fact for rule in table.rules for condition in rule.when if condition.fact.startswith(TAG)}
    return {**facts, **{fact: float(default_content().has_tag(carried, fact.removeprefix(TAG))) for fact in wanted}}
