"""The family answers, or says why not: findings are stored, the follow-up moves on, and what was understood is said back."""

from dataclasses import dataclass, replace
from datetime import datetime
from typing import TYPE_CHECKING, Any
from zoneinfo import ZoneInfo

from sqlalchemy.ext.asyncio import AsyncSession

from plans.alert import Alert
from plans.amounts import read_amounts
from plans.finding import patient_facts
from plans.guard import is_quiet
from plans.hear import Heard, hear, keep
from plans.personal import template_of
from plans.question import CLOSED, entry, next_question, questions
from plans.task import close, is_open, lock, started
from plans.template import PlanTemplate, Question, Reason
from plans.wording import say
from records.care_plan import Task
from records.patient import Patient
from tagging.measurement import find_measurements

if TYPE_CHECKING:
    from tagging.measurement import Measurement
    from tagging.understanding import Understanding

# Style rule of the dialogue: after three answers that nobody understands the family is offered a way out.
TRIES = 3
# How often a question whose answer lacks a part is asked for that part.
ASK_MISSING = 2


@dataclass(frozen=True)
class Answer:
    """What came of one message within a follow-up.

    `echo` says back what was understood (empty when nothing was), `ask_back` what has to be asked again, `next` the question that
    is open now, `closing` the last words when the follow-up is `finished`. The caller raises `alert` and says its advice.
    """

    understood: bool
    echo: str
    ask_back: str | None
    alert: Alert | None
    finished: bool
    closing: str | None
    next: Question | None = None


async def answer(
    tx: AsyncSession,
    task: Task,
    patient: Patient,
    question: Question,
    understanding: "Understanding",
    *,
    text: str,
    message_id: int | None,
    now: datetime,
    zone: ZoneInfo,
) -> Answer:
    """Take `text` as the answer to `question` of an open follow-up, with whatever else it says.

    A refusal in words (没称, 等会儿) is taken as one. The same message twice writes once. On a closed follow-up the findings are
    still kept, and nothing moves.
    """
    task = await lock(tx, task)
    template = await template_of(tx, task)
    if (again := _repeated(task, template, message_id)) is not None:
        return again
    open_task = task if is_open(task) else None
    measurements, asked = await _read(tx, task, patient, question, understanding, text=text, now=now, zone=zone)
    heard = await hear(
        tx, open_task, patient, understanding, text=text, message_id=message_id, now=now, zone=zone, measurements=measurements
    )
    if open_task is None:
        closing = say("follow_up.closed") if heard.stored else None
        return Answer(heard.stored > 0, heard.echo, _first(heard.ask_backs), heard.alert, True, closing)
    reason = declined_because(question, text)
    if heard.questions:
        if reason in ("not_weighed", "cannot") and question.id not in heard.questions:
            # 没称，吃了8次: one question is refused, another one answered.
            keep(task, question, _refused(task, question, reason, text), message_id)
        return await settle(tx, task, template, heard, message_id, now)
    if reason is not None:
        refusal = await decline(tx, task, reason=reason, text=text, now=now, zone=zone)
        refusal = replace(refusal, echo=heard.echo + refusal.echo, alert=heard.alert)
        keep(task, question, entry(task, question) | {"echo": refusal.echo, "understood": True}, message_id)
        return refusal
    if heard.stored and not heard.ask_backs:
        keep(task, question, entry(task, question) | {"echo": heard.echo, "understood": True}, message_id)
        return Answer(True, heard.echo, None, heard.alert, False, None, question)
    return _not_understood(task, template, question, heard, asked or list(understanding.questions), message_id)


async def _read(
    tx: AsyncSession,
    task: Task,
    patient: Patient,
    question: Question,
    understanding: "Understanding",
    *,
    text: str,
    now: datetime,
    zone: ZoneInfo,
) -> "tuple[list[Measurement], list[str]]":
    """The numbers of the message, those of the open question read by the form itself: its wording decides what a bare number is."""
    facts = await patient_facts(tx, patient, now=now, zone=zone)
    measurements = list(understanding.measurements)
    if question.kind == "amounts":
        known = entry(task, question)["values"]
        amounts, asked = read_amounts(text, question, known=known, patient=facts, now=now.astimezone(zone))
        rest = [m for m in measurements if m.vital not in question.vitals]
        return sorted([*rest, *amounts], key=lambda m: m.start), asked
    if any(m.vital in question.vitals for m in measurements):
        return measurements, []
    found, asked = find_measurements(text, context=question.context, patient=facts, now=now.astimezone(zone))
    return measurements + [m for m in found if m.vital in question.vitals], asked


def _first(sentences: list[str]) -> str | None:
    return sentences[0] if sentences else None


def _repeated(task: Task, template: PlanTemplate, message_id: int | None) -> Answer | None:
    """The answer as it was given, when this very message has been taken before."""
    for question in questions(task, template):
        known = entry(task, question)
        if message_id is not None and message_id in known["messages"]:
            left = next_question(task, template) if is_open(task) else None
            return Answer(known.get("understood", True), known.get("echo", ""), known.get("ask_back"), None, not is_open(task), None, left)
    return None


def declined_because(question: Question, text: str) -> Reason | None:
    """Which of the question's refusals the text holds; the first in the template's order."""
    for reason, wording in question.declines.items():
        if any(word in text for word in wording.words) and not any(word in text for word in wording.unless):
            return reason
    return None


def _not_understood(
    task: Task, template: PlanTemplate, question: Question, heard: Heard, asked: list[str], message_id: int | None
) -> Answer:
    known = entry(task, question)
    known["asked"] += 1
    ask_back = template.texts.give_up if known["asked"] >= TRIES else _first(heard.ask_backs + asked) or question.again
    known |= {"echo": heard.echo, "ask_back": ask_back, "understood": False}
    keep(task, question, known, message_id)
    return Answer(False, heard.echo, ask_back, heard.alert, False, None, question)


async def settle(tx: AsyncSession, task: Task, template: PlanTemplate, heard: Heard, message_id: int | None, now: datetime) -> Answer:
    """Move the task on by what its questions have become, and ask for what is missing."""
    ask_back = _first(heard.ask_backs) or _missing(task, template, heard)
    for question in questions(task, template):
        if question.id in heard.questions:
            keep(task, question, entry(task, question) | {"echo": heard.echo, "ask_back": ask_back, "understood": True}, message_id)
    after = template.step(task.step).reminder_after()
    if heard.questions:
        await started(tx, task, next_at=now + after, now=now)
    left = next_question(task, template)
    if left is not None:
        return Answer(True, heard.echo, ask_back, heard.alert, False, None, left)
    closing = await finish(tx, task, template, now=now)
    return Answer(True, heard.echo, ask_back, heard.alert, True, closing)


def _missing(task: Task, template: PlanTemplate, heard: Heard) -> str | None:
    """Ask for the part that an incomplete answer lacks; after two times what there is has to do."""
    for question in questions(task, template):
        known = entry(task, question)
        lacks = [vital for vital in question.required if vital not in known["values"]]
        if question.id not in heard.questions or known["status"] != "open" or not lacks:
            continue
        known["asked"] += 1
        if known["asked"] > ASK_MISSING:
            known["status"] = "answered"
            keep(task, question, known, None)
            return None
        keep(task, question, known, None)
        return question.missing.get(lacks[0], question.again)
    return None


async def finish(tx: AsyncSession, task: Task, template: PlanTemplate, *, now: datetime) -> str:
    """Close a follow-up whose questions are all settled, as done, partial or declined; the closing words."""
    states = {q.id: entry(task, q) for q in questions(task, template)}
    refused = {id: known.get("reason", known["status"]) for id, known in states.items() if known["status"] in ("declined", "unconfirmed")}
    if not refused:
        await close(tx, task, "done", now=now, by="family", reason="answered")
        return template.texts.closing
    why = next(iter(refused.values()))
    if len(refused) == len(states) and "unconfirmed" not in {known["status"] for known in states.values()}:
        await close(tx, task, "declined", now=now, by="family", reason=why, detail=refused)
        return template.texts.declined
    if task.state != "started":
        await started(tx, task, next_at=task.useful_until, now=now)
    await close(tx, task, "partial", now=now, by="family", reason=why, detail=refused)
    return template.texts.closing_partial


async def decline(tx: AsyncSession, task: Task, *, reason: Reason, text: str, now: datetime, zone: ZoneInfo) -> Answer:
    """The family does not answer now.

    not_yet keeps the follow-up open with a later reminder; not_weighed leaves the open question out and asks the next; cannot ends
    the follow-up with the reason, which the nurse's list shows. A closed follow-up stays as it is.
    """
    task = await lock(tx, task)
    template = await template_of(tx, task)
    question = next_question(task, template)
    if not is_open(task) or question is None:
        return Answer(True, "", None, None, True, None)
    if reason == "not_yet":
        later = now + template.step(task.step).reminder_after()
        reminded = later < task.useful_until and not is_quiet(later, zone)
        await started(tx, task, next_at=later if reminded else task.useful_until, now=now, reason="not_yet")
        return Answer(True, template.texts.later if reminded else template.texts.later_today, None, None, False, None, question)
    skipped = [question] if reason == "not_weighed" else [q for q in questions(task, template) if entry(task, q)["status"] not in CLOSED]
    for left_out in skipped:
        keep(task, left_out, _refused(task, left_out, reason, text), None)
    left = next_question(task, template)
    if left is None:
        return Answer(True, "", None, None, True, await finish(tx, task, template, now=now))
    await started(tx, task, next_at=now + template.step(task.step).reminder_after(), now=now, reason=reason)
    return Answer(True, template.texts.skipped, None, None, False, None, left)


def _refused(task: Task, question: Question, reason: Reason, text: str) -> dict[str, Any]:
    # Leaving out a question that has nothing to weigh is just leaving it out.
    why = "skipped" if reason == "not_weighed" and question.kind != "weight" else reason
    return entry(task, question) | {"status": "declined", "reason": why, "said": text[:200]}
