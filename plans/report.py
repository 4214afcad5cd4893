"""What a family reports unasked: kept, said back, and followed by a concrete next step in words; nothing invented."""

from dataclasses import dataclass, replace
from datetime import datetime
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

from sqlalchemy import bindparam, select
from sqlalchemy.ext.asyncio import AsyncSession

from plans.alert import Alert
from plans.hear import Heard, hear
from plans.open_tasks import open_tasks
from plans.personal import template_of
from plans.settle import Answer, settle, settle_beside
from plans.taking_words import UNSAID
from plans.template import Question
from plans.wording import say
from records.care_plan import Task
from records.observation import Observation
from records.patient import Patient

if TYPE_CHECKING:
    from tagging.understanding import Understanding


# A child who is well, and mere circumstances, call for no watching.
QUIET = UNSAID | {"well"}

_OF_MESSAGE = select(Observation.id).where(Observation.message_id == bindparam("message")).limit(1)


@dataclass(frozen=True)
class Report:
    """What came of a spontaneous message.

    `echo` says back what was kept (empty when nothing was), `next_step` what the family can do now, `safety` when to ring for help;
    at any level above routine there is only the latter, because the triage layer's own reply comes first. `answered` says that
    today's follow-up, the `task`, took part of it; `next` is then its open question, and `closing` its last words when it is `finished`.
    `others` are alerts beside the worst one.
    """

    understood: bool
    echo: str
    ask_back: str | None
    alert: Alert | None
    next_step: str
    safety: str = ""
    answered: bool = False
    finished: bool = False
    closing: str | None = None
    next: Question | None = None
    others: tuple[Alert, ...] = ()
    task: Task | None = None


async def report(
    tx: AsyncSession,
    patient: Patient,
    understanding: "Understanding",
    *,
    message_id: int | None,
    text: str,
    now: datetime,
    zone: ZoneInfo,
    corrects: bool = False,
) -> Report:
    """Keep everything that the message says about `patient`, and answer as its triage asks.

    A number that fits today's open follow-up (asked already or still to be asked) answers it too. The same message twice writes once.
    `corrects` says that the family was about to correct itself.
    """
    if message_id is not None and await tx.scalar(_OF_MESSAGE, {"message": message_id}):
        return Report(True, say("report.again"), None, None, "")
    tasks = await open_tasks(tx, patient, now, zone)
    task = tasks[0] if tasks else None
    heard = await hear(
        tx, task, patient, understanding, text=text, message_id=message_id, now=now, zone=zone, corrects=corrects, beside=tasks[1:]
    )
    if task is not None and not heard.questions and heard.beside:
        # Another one than the first took it: that is the one which goes on.
        task = next(each for each in tasks if each.id in heard.beside)
        heard.questions = heard.beside.pop(task.id)
    await settle_beside(tx, patient, tasks, heard, now)
    settled: Answer | None = None
    if task is not None and heard.questions:
        settled = await settle(tx, task, await template_of(tx, task), heard, message_id, now, patient=patient)
    ask_back = (settled.ask_back if settled else None) or next(iter([*heard.ask_backs, *understanding.questions]), None)
    if not heard.stored and not heard.medicines:
        return Report(False, "", ask_back, heard.alert, "", others=heard.others)
    said = Report(True, heard.echo, ask_back, heard.alert, *_next_step(understanding, heard), others=heard.others)
    if settled is None:
        return said
    return replace(said, answered=True, finished=settled.finished, closing=settled.closing, next=settled.next, task=task)


def _next_step(understanding: "Understanding", heard: Heard) -> tuple[str, str]:
    """What to do now, and when to ring for help."""
    if heard.alert is not None or understanding.triage.level != "routine":
        return "", say("report.safety")
    if any(m.vital == "temperature" for m in understanding.measurements):
        return say("report.temperature"), say("report.safety")
    if any(
        s.status in ("present", "possible") and s.when == "now" and s.whose == "patient" and s.concept not in QUIET
        for s in understanding.symptoms
    ):
        return say("report.symptom"), say("report.safety")
    if heard.medicines:
        return say("report.medicine"), ""
    return say("report.measured" if understanding.measurements else "report.noted"), ""
