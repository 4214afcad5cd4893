"""What is planned for today, and what a chat is talking about."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from zoneinfo import ZoneInfo

from sqlalchemy import BigInteger, any_, bindparam, select
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.ext.asyncio import AsyncSession

from plans.clock import local_day
from plans.personal import task_templates, template_of
from plans.question import next_question
from plans.step_kind import TALKS
from plans.task import is_open
from plans.template.step import ASKS
from plans.wording import say
from records.care_plan import Task
from records.chat import Chat
from records.patient import Patient

_OF_DAY = (
    select(Task)
    .where(Task.patient_id == any_(bindparam("patients", type_=ARRAY(BigInteger))), Task.day == bindparam("day"), Task.state != "withdrawn")
    .order_by(Task.due_at, Task.id)
)


@dataclass(frozen=True)
class TodayItem:
    """One follow-up of today; `kind` is its step's, `text` its line for the family, `open` whether an answer still counts."""

    patient_id: int
    name: str
    task_id: int
    kind: str
    title: str
    due_at: datetime
    state: str
    open: bool
    text: str


async def today(tx: AsyncSession, patients: Sequence[Patient], now: datetime, zone: ZoneInfo) -> list[TodayItem]:
    """Today's follow-ups of these patients, in order of time; withdrawn ones are left out. Raises TemplateError when a version is gone."""
    by_id = {patient.id: patient for patient in patients}
    items = []
    tasks = (await tx.scalars(_OF_DAY, {"patients": list(by_id), "day": local_day(now, zone)})).all()
    templates = await task_templates(tx, tasks)
    for task in tasks:
        patient = by_id[task.patient_id]
        template = templates.get(task.id) or await template_of(tx, task)
        step = template.step(task.step)
        if step.kind == "clinician_task":
            continue
        left = is_open(task) and (step.kind not in ASKS or next_question(task, template, patient) is not None)
        form = "told" if step.kind not in TALKS else "closed" if not left else "open" if task.state != "scheduled" else "planned"
        text = say(f"today.{form}", name=patient.name, title=step.title, at=f"{task.due_at.astimezone(zone):%H:%M}")
        still = left and step.kind in TALKS
        items.append(TodayItem(patient.id, patient.name, task.id, step.kind, step.title, task.due_at, task.state, still, text))
    return items


async def open_task(tx: AsyncSession, chat: Chat) -> Task | None:
    """The follow-up now in conversation in `chat`, while anything can still happen to it."""
    if chat.task_id is None:
        return None
    task = await tx.get(Task, chat.task_id)
    return task if task is not None and is_open(task) else None
