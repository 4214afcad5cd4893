"""The family answers, or says why not: findings are stored, the follow-up moves on, and what was understood is said back."""

from dataclasses import replace
from datetime import datetime
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

from sqlalchemy.ext.asyncio import AsyncSession

from plans.amounts import read_amounts
from plans.finding import is_correction, patient_facts
from plans.hear import Heard, hear, keep, rest_unknown
from plans.hear_words import Tapped, hear_words
from plans.open_tasks import open_tasks
from plans.personal import template_of
from plans.question import entry, next_question, open_signs, questions
from plans.read_answer import is_no, is_yes
from plans.settle import Answer, decline, refused, settle, settle_beside
from plans.taking import Said
from plans.task import is_open, lock
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
    tapped: Tapped | None = None,
) -> Answer:
    """Take `text` as the answer to `question` of an open follow-up, with whatever else it says.

    A refusal in words (没称, 等会儿) is taken as one. `tapped` is the question and the value of a button that was tapped, which may be
    an earlier one's. The same message twice writes once. On a closed follow-up the findings are still kept, and nothing moves.
    """
    task = await lock(tx, task)
    template = await template_of(tx, task)
    if (again := _repeated(task, template, message_id)) is not None:
        return again
    open_task = task if is_open(task) else None
    asked_signs = open_signs(task, question) or list(question.signs)
    measurements, asked = await _read(tx, task, patient, question, understanding, text=text, now=now, zone=zone)
    others = [each for each in await open_tasks(tx, patient, now, zone) if each.id != task.id]
    if question.kind in ("symptoms", "choice") and (is_yes(text) or is_no(text)):
        # Which signs or option a bare yes or no means is for the question to say, not for the words that were said last.
        understanding = replace(understanding, symptoms=())
    heard = await hear(
        tx,
        open_task,
        patient,
        understanding,
        text=text,
        message_id=message_id,
        now=now,
        zone=zone,
        measurements=measurements,
        beside=others,
    )
    if open_task is None:
        closing = say("follow_up.closed") if heard.stored else None
        return Answer(heard.stored > 0, heard.echo, _first(heard.ask_backs), heard.alert, True, closing, others=heard.others)
    await settle_beside(tx, patient, others, heard, now)
    said = Said(patient, message_id, task.id, is_correction(text), now, zone)
    reason = None if tapped else declined_because(question, text)
    if not (question.kind == "choice" and reason == "not_yet"):
        await hear_words(
            tx,
            heard,
            task,
            template,
            question,
            text,
            said,
            asked_signs=asked_signs,
            mentions=understanding.symptoms,
            tapped=tapped,
            refused=reason is not None,
        )
    if heard.questions:
        if reason in ("not_weighed", "cannot") and question.id not in heard.questions:
            # 没称，吃了8次: one question is refused, another one answered.
            keep(task, question, refused(task, question, reason, text), message_id)
        return await settle(tx, task, template, heard, message_id, now, patient=patient, asked=question)
    if reason is not None:
        refusal = await decline(tx, task, reason=reason, text=text, now=now, zone=zone, patient=patient)
        refusal = replace(refusal, echo=heard.echo + refusal.echo, alert=heard.alert, others=heard.others)
        keep(task, question, entry(task, question) | {"echo": refusal.echo, "understood": True}, message_id)
        return refusal
    if (heard.stored or heard.beside) and not heard.ask_backs:
        keep(task, question, entry(task, question) | {"echo": heard.echo, "understood": True}, message_id)
        return Answer(True, heard.echo, None, heard.alert, False, None, question, heard.others)
    if entry(task, question).get("more"):
        rest_unknown(task, question)
        heard.questions.add(question.id)
        return await settle(tx, task, template, heard, message_id, now, patient=patient, asked=question)
    which = [say("signs.which")] if len(asked_signs) > 1 and is_yes(text) else []
    return _not_understood(task, template, question, heard, which + (asked or list(understanding.questions)), message_id)


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
    if not question.vitals or any(m.vital in question.vitals for m in measurements):
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
    return Answer(False, heard.echo, ask_back, heard.alert, False, None, question, heard.others)
