"""The plans that are shipped: everything they name is there, every number has a source, and nothing in them says what a bot must not."""

from datetime import date, timedelta

import pytest

from plans.article import FOLDER as ARTICLES
from plans.article import load_articles
from plans.questionnaire import newest
from plans.rule import load_rules
from plans.schedule import schedule
from plans.template import PlanTemplate, Question, Step, load_templates
from records.flag import LEVELS
from tagging.check import banned_advice
from tagging.cohort.parse import parse
from tagging.cohort.query import TagTerm, terms
from tagging.content import default_content
from tagging.tags.library import FOLDER as LIBRARY
from tagging.tags.library import read_library
from tests.plans.conftest import ZONE

TEMPLATES = load_templates()
STEPS = [(template, step) for template in TEMPLATES.values() for step in template.steps]
QUESTIONS = [(template, question) for template, step in STEPS for question in step.questions]
START = date(2026, 3, 2)

# Outlined in the clinical reference §6, §3 and §5.6; the last serves plans that do not ask about medicine themselves.
EXPECTED = {
    "neonatal", "newborn_care", "nicu", "vaccination", "chemotherapy", "central_line", "leukemia_maintenance", "itp", "hemophilia",
    "transfusion", "methotrexate", "steroid", "kawasaki", "lupus", "psychology", "diabetes", "hypertension", "postoperative",
    "satisfaction", "medicine_adherence",
}  # fmt: skip


def test_every_plan_of_the_clinical_reference_is_there_and_waits_for_a_clinician() -> None:
    assert TEMPLATES.keys() >= EXPECTED
    assert all(template.needs_clinician_review for template in TEMPLATES.values())


@pytest.mark.parametrize("template", TEMPLATES.values(), ids=lambda template: template.id)
def test_what_a_plan_names_is_there(template: PlanTemplate) -> None:
    content, articles = default_content(), {article.id for article in load_articles(ARTICLES)}
    for step in template.steps:
        assert set(step.articles) <= articles
        assert step.questionnaire is None or step.questionnaire in newest()
        for question in step.questions:
            assert set(question.vitals) <= content.vitals.vitals.keys()
            assert set(question.signs) <= content.symptoms.concepts.keys()
            assert question.rules is None or load_rules(question.rules)


@pytest.mark.parametrize("template", TEMPLATES.values(), ids=lambda template: template.id)
def test_conditions_are_sentences_of_the_cohort_language_and_their_tags_exist(template: PlanTemplate) -> None:
    known = {name for code, tag in read_library(LIBRARY).entries.items() for name in (code, tag.name)}
    for sentence in [template.enrol_if, *(step.only_if for step in template.steps)]:
        if sentence is not None:
            named = {tag for term in terms(parse(sentence)) if isinstance(term, TagTerm) for tag in term.tags}
            assert named <= known, named - known


@pytest.mark.parametrize(("template", "step"), STEPS, ids=lambda value: getattr(value, "id", ""))
def test_every_number_has_a_source(template: PlanTemplate, step: Step) -> None:
    assert all(phase.src for phase in step.schedule)
    assert all(reminder.src for reminder in step.reminders)
    assert step.missed is None or step.missed.src


@pytest.mark.parametrize(("template", "step"), STEPS, ids=lambda value: getattr(value, "id", ""))
def test_nothing_is_due_in_quiet_hours_and_every_reminder_can_still_go_out(template: PlanTemplate, step: Step) -> None:
    assert all(8 <= hour < 21 for hour in step.hours)
    anchors = dict.fromkeys((*template.anchors, *template.later), START)
    dues = [due for due in schedule(template, anchors, hour=9, zone=ZONE) if due.step == step.id]
    assert dues
    wait = sum((step.reminder_after(n) for n in range(len(step.reminders))), timedelta())
    assert all(due.due_at + wait < due.useful_until for due in dues)


def _families_words() -> list[tuple[str, str]]:
    words = [(f"{template.id}.{question.id}", question.ask) for template, question in QUESTIONS]
    words += [(f"{template.id}.{step.id}", step.text) for template, step in STEPS if step.text and step.kind != "clinician_task"]
    rules = {question.rules for _, question in QUESTIONS if question.rules}
    return words + [(rule.id, rule.advice) for id in sorted(rules) for rule in load_rules(id).rules]


@pytest.mark.parametrize(("where", "text"), _families_words())
def test_families_read_no_diagnosis_dose_or_promise(where: str, text: str) -> None:
    assert banned_advice(text, default_content().redflags.never_say) is None


@pytest.mark.parametrize("id", sorted({question.rules for _, question in QUESTIONS if question.rules}))
def test_every_rule_has_a_source_and_sees_what_is_asked(id: str) -> None:
    rules = load_rules(id)
    assert rules.needs_clinician_review
    asked = {fact for _, question in QUESTIONS if question.rules for fact in facts_of(question)} | {"age_days"}
    asked |= {
        fact for template, step in STEPS if any(q.rules == id for q in step.questions) for q in step.questions for fact in facts_of(q)
    }
    for rule in rules.rules:
        assert rule.src and rule.conf in ("C", "R") and rule.level in LEVELS
        if not id.startswith("neonatal_"):
            assert {condition.fact for condition in rule.when} <= asked


def facts_of(question: Question) -> set[str]:
    return {question.id, *question.vitals, *question.signs}
