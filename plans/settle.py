"""Where a follow-up stands after a message: what is asked next, what is asked again, how it ends."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

from sqlalchemy.ext.asyncio import AsyncSession

from plans.alert import Alert
from plans.guard import is_quiet
from plans.hear import Heard, keep, rest_unknown
from plans.judge import judge
from plans.open_tasks import next_look
from plans.personal import template_of
from plans.question import CLOSED, asked_of, entry, listed_signs, next_question, open_signs
from plans.task import close, is_open, lock, started
from plans.template import PlanTemplate, Question, Reason
from plans.wording import say
from records.care_plan import Task
from records.patient import Patient

# How often a question whose answer lacks a part is asked for that part.
ASK_MISSING = 2


@dataclass(frozen=True)
class Answer:
    """What came of one message within a follow-up.

    `echo` says back what was understood (empty when nothing was), `ask_back` what has to be asked again, `next` the question that
    is open now, `closing` the last words when the follow-up is `finished`. The caller raises `alert` and says its advice; `others` are
    raised too, their advice is left out.
    """

    understood: bool
    echo: str
    ask_back: str | None
    alert: Alert | None
    finished: bool
    closing: str | None
    next: Question | None = None
    others: tuple[Alert, ...] = ()


async def settle(
    tx: AsyncSession,
    task: Task,
    template: PlanTemplate,
    heard: Heard,
    message_id: int | None,
    now: datetime,
    *,
    patient: Patient,
    asked: Question | None = None,
) -> Answer:
    """Judge the answers, move the task on by what its questions have become, and ask for what is missing. `asked` is what was open."""
    heard.alerts += judge(task, patient, template, heard.alerts)
    ask_back = _first(heard.ask_backs) or _missing(task, template, heard, asked)
    for question in template.step(task.step).questions:
        if question.id in heard.questions:
            keep(task, question, entry(task, question) | {"echo": heard.echo, "ask_back": ask_back, "understood": True}, message_id)
    if heard.questions:
        await started(tx, task, next_at=await next_look(tx, task, template, now), now=now)
    left = next_question(task, template, patient)
    if left is not None:
        return Answer(True, heard.echo, ask_back, heard.alert, False, None, left, heard.others)
    closing = await finish(tx, task, template, patient=patient, now=now)
    return Answer(True, heard.echo, ask_back, heard.alert, True, closing, None, heard.others)


async def settle_beside(tx: AsyncSession, patient: Patient, others: Sequence[Task], heard: Heard, now: datetime) -> None:
    """Move on those other follow-ups of the patient that the message answered by the way; nothing more is said of them."""
    for other in others:
        if ids := heard.beside.get(other.id):
            mine = Heard(questions=set(ids), alerts=list(heard.alerts))
            await settle(tx, other, await template_of(tx, other), mine, None, now, patient=patient)
            heard.alerts = mine.alerts


def _first(sentences: list[str]) -> str | None:
    return sentences[0] if sentences else None


def _missing(task: Task, template: PlanTemplate, heard: Heard, asked: Question | None) -> str | None:
    """Ask for the part that an incomplete answer lacks; after two times what there is has to do, of signs after one."""
    for question in template.step(task.step).questions:
        known = entry(task, question)
        if question.id not in heard.questions or known["status"] != "open":
            continue
        if left := open_signs(task, question):
            if asked is None or asked.id != question.id:
                continue
            if known.get("more"):
                rest_unknown(task, question)
                return None
            keep(task, question, known | {"more": True}, None)
            return say("signs.more", names=listed_signs(left))
        lacks = [vital for vital in question.required if vital not in known["values"]]
        if not lacks:
            continue
        known["asked"] += 1
        if known["asked"] > ASK_MISSING:
            known["status"] = "answered"
            keep(task, question, known, None)
            return None
        keep(task, question, known, None)
        return question.missing.get(lacks[0], question.again)
    return None


async def finish(tx: AsyncSession, task: Task, template: PlanTemplate, *, patient: Patient | None, now: datetime) -> str:
    """Close a follow-up whose questions are all settled, as done, partial or declined; the closing words."""
    states = {q.id: entry(task, q) for q in asked_of(task, template, patient)}
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


async def decline(
    tx: AsyncSession, task: Task, *, reason: Reason, text: str, now: datetime, zone: ZoneInfo, patient: Patient | None = None
) -> Answer:
    """The family does not answer now.

    not_yet keeps the follow-up open with a later reminder; not_weighed leaves the open question out and asks the next; cannot ends
    the follow-up with the reason, which the nurse's list shows. A closed follow-up stays as it is.
    """
    task = await lock(tx, task)
    template = await template_of(tx, task)
    patient = patient or await tx.get(Patient, task.patient_id)
    question = next_question(task, template, patient)
    if not is_open(task) or question is None:
        return Answer(True, "", None, None, True, None)
    if reason == "not_yet":
        later = await next_look(tx, task, template, now)
        reminded = later < task.useful_until and not is_quiet(later, zone)
        await started(tx, task, next_at=later if reminded else task.useful_until, now=now, reason="not_yet")
        return Answer(True, template.texts.later if reminded else template.texts.later_today, None, None, False, None, question)
    open_ = [q for q in asked_of(task, template, patient) if entry(task, q)["status"] not in CLOSED]
    for left_out in [question] if reason == "not_weighed" else open_:
        keep(task, left_out, refused(task, left_out, reason, text), None)
    left = next_question(task, template, patient)
    if left is None:
        return Answer(True, "", None, None, True, await finish(tx, task, template, patient=patient, now=now))
    await started(tx, task, next_at=await next_look(tx, task, template, now), now=now, reason=reason)
    return Answer(True, template.texts.skipped, None, None, False, None, left)


def refused(task: Task, question: Question, reason: Reason, text: str) -> dict[str, Any]:
    """What is known of a question that was refused, and in which words."""
    # Leaving out a question that has nothing to weigh is just leaving it out.
    why = "skipped" if reason == "not_weighed" and question.kind != "weight" else reason
    return entry(task, question) | {"status": "declined", "reason": why, "said": text[:200]}
