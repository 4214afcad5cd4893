"""The questions of a follow-up: which there are, which one is open. Pure.

What has been answered is kept in `Task.answers`: by question id, {status, values, observations, messages, asked, echo, ask_back}; beside
these `signs` (by sign: present, absent, unknown) of symptoms, `value` and `said` of a choice, `said` of free words.
status: open (asked, not answered enough), reweigh, answered, declined, unconfirmed.
"""

import re
from collections.abc import Mapping
from typing import Any

from plans.template import PlanTemplate, Question
from plans.wording import say, words
from records.care_plan import Task
from records.patient import Patient
from tagging.content import default_content

CLOSED = frozenset({"answered", "declined", "unconfirmed"})
PRESENT, ABSENT, UNKNOWN = "present", "absent", "unknown"

TAP = "answer_"
_TAPPED = re.compile(TAP + r"(?P<task>\d{1,18})_(?P<question>[a-z][a-z0-9_]*)_(?P<value>-?\d{1,9})")

Facts = Mapping[str, float]


def questions(task: Task, template: PlanTemplate) -> list[Question]:
    """All questions of the task's step, in order. Raises TemplateError when the template has no such step."""
    return list(template.step(task.step).questions)


def asked_of(task: Task, template: PlanTemplate, patient: Patient | None = None) -> list[Question]:
    """Those questions that are to be asked, after what has been answered so far: the others depend on answers that were not given."""
    facts = facts_of(task, template, patient)
    return [question for question in questions(task, template) if applies(question, facts)]


def entry(task: Task, question: Question) -> dict[str, Any]:
    """What is known of the answer to `question`, as a copy."""
    blank: dict[str, Any] = {"status": "open", "values": {}, "observations": [], "messages": [], "asked": 0}
    known: dict[str, Any] = (task.answers or {}).get(question.id, {})
    return blank | known


def next_question(task: Task, template: PlanTemplate, patient: Patient | None = None) -> Question | None:
    """The first question that is neither answered nor declined; of a partly answered one, what is missing."""
    for question in asked_of(task, template, patient):
        known = entry(task, question)
        if known["status"] in CLOSED:
            continue
        lacks = [vital for vital in question.required if vital not in known["values"]]
        if known["values"] and lacks and lacks[0] in question.missing:
            return question.model_copy(update={"ask": question.missing[lacks[0]], "context": question.missing[lacks[0]]})
        if (left := open_signs(task, question)) and len(left) < len(question.signs):
            ask = say("signs.more", names=listed_signs(left))
            return question.model_copy(update={"ask": ask, "context": ask})
        return question
    return None


def facts_of(task: Task, template: PlanTemplate, patient: Patient | None = None) -> dict[str, float]:
    """What is known in this follow-up by name: vitals, signs (1 there, 0 not), choices by the id of their question, and the age.

    What was answered with "I do not know" is no fact.
    """
    facts: dict[str, float] = {} if patient is None else {"age_days": float((task.day - patient.birth_date).days)}
    for question in questions(task, template):
        known = entry(task, question)
        facts |= {vital: float(reading["value"]) for vital, reading in known["values"].items()}
        facts |= {sign: float(status == PRESENT) for sign, status in known.get("signs", {}).items() if status != UNKNOWN}
        if known.get("value") is not None:
            facts[question.id] = float(known["value"])
    return facts


def applies(question: Question, facts: Facts) -> bool:
    """Whether `question` is asked where these facts hold. An age that nobody knows keeps nothing from being asked."""
    for bound in question.only_if:
        value = facts.get(bound.fact)
        if value is None and bound.fact == "age_days":
            continue
        if value is None or (bound.gte is not None and value < bound.gte) or (bound.lte is not None and value > bound.lte):
            return False
    return True


def open_signs(task: Task, question: Question) -> list[str]:
    """The signs of `question` about which nothing was said."""
    known = entry(task, question).get("signs", {})
    return [sign for sign in question.signs if sign not in known]


def sign_name(sign: str) -> str:
    """What a family reads for a sign, without the 有 that some names begin with."""
    names = words("symptom_names")
    concept = default_content().symptoms.concepts.get(sign)
    return str(names.get(sign) or (concept.name if concept is not None else sign)).removeprefix("有")


def listed_signs(signs: list[str]) -> str:
    """The names of signs in one row."""
    return say("echo.listed").join(sign_name(sign) for sign in signs)


def opening(task: Task, patient: Patient, template: PlanTemplate, *, around: str | None = None) -> str:
    """The message that opens the follow-up, with its first open question. Raises ValueError when nothing is left to ask.

    `around` are other words around the question than the template's (plans/experiment/opening.py).
    """
    return _with_question(around or template.texts.opening, task, patient, template)


def reminder(task: Task, patient: Patient, template: PlanTemplate) -> str:
    """The message that asks the open question again. Raises ValueError when nothing is left to ask."""
    return _with_question(template.texts.reminder, task, patient, template)


def _with_question(text: str, task: Task, patient: Patient, template: PlanTemplate) -> str:
    question = next_question(task, template, patient)
    if question is None:
        raise ValueError(f"task {task.id} has no open question")
    return text.format(name=patient.name, question=ask_of(question, patient))


def ask_of(question: Question, patient: Patient) -> str:
    """The words that ask `question`; {name} in them is the patient."""
    return question.ask.replace("{name}", patient.name)


def buttons_of(task: Task, question: Question) -> tuple[tuple[str, str], ...]:
    """The buttons of a choice, as (id, label); none for other questions."""
    return tuple((f"{TAP}{task.id}_{question.id}_{option.value}", option.label) for option in question.options)


def tapped(menu_id: str | None) -> tuple[int, str, int] | None:
    """The task, the question and the value of a button of `buttons_of`; None for any other id."""
    match = _TAPPED.fullmatch(menu_id or "")
    return (int(match["task"]), match["question"], int(match["value"])) if match else None
