"""The questions of a follow-up: which there are, which one is open. Pure.

What has been answered is kept in `Task.answers`: by question id, {status, values, observations, messages, asked, echo, ask_back}.
status: open (asked, not answered enough), reweigh, answered, declined, unconfirmed.
"""

from typing import Any

from plans.template import PlanTemplate, Question
from records.care_plan import Task
from records.patient import Patient

CLOSED = frozenset({"answered", "declined", "unconfirmed"})


def questions(task: Task, template: PlanTemplate) -> list[Question]:
    """All questions of the task's step, in order. Raises TemplateError when the template has no such step."""
    return list(template.step(task.step).questions)


def entry(task: Task, question: Question) -> dict[str, Any]:
    """What is known of the answer to `question`, as a copy."""
    blank: dict[str, Any] = {"status": "open", "values": {}, "observations": [], "messages": [], "asked": 0}
    known: dict[str, Any] = (task.answers or {}).get(question.id, {})
    return blank | known


def next_question(task: Task, template: PlanTemplate) -> Question | None:
    """The first question that is neither answered nor declined; of a partly answered one, what is missing."""
    for question in questions(task, template):
        known = entry(task, question)
        if known["status"] in CLOSED:
            continue
        lacks = [vital for vital in question.required if vital not in known["values"]]
        if known["values"] and lacks and lacks[0] in question.missing:
            return question.model_copy(update={"ask": question.missing[lacks[0]], "context": question.missing[lacks[0]]})
        return question
    return None


def opening(task: Task, patient: Patient, template: PlanTemplate) -> str:
    """The message that opens the follow-up, with its first open question. Raises ValueError when nothing is left to ask."""
    return _with_question(template.texts.opening, task, patient, template)


def reminder(task: Task, patient: Patient, template: PlanTemplate) -> str:
    """The message that asks the open question again. Raises ValueError when nothing is left to ask."""
    return _with_question(template.texts.reminder, task, patient, template)


def _with_question(text: str, task: Task, patient: Patient, template: PlanTemplate) -> str:
    question = next_question(task, template)
    if question is None:
        raise ValueError(f"task {task.id} has no open question")
    return text.format(name=patient.name, question=question.ask)
