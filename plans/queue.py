"""What a family is asked in one conversation: one follow-up at a time, the others that were announced wait their turn.

The queue is no table: it is the open follow-ups whose opening went to the chat, and the chat's row says which of them is being asked.
"""

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import bindparam, select
from sqlalchemy.ext.asyncio import AsyncSession

from plans.open_tasks import next_look
from plans.personal import task_templates
from plans.question import ask_of, buttons_of, next_question
from plans.task import TALKING
from plans.template import PlanTemplate, Question
from plans.template.step import ASKS
from plans.wording import say
from records.care_plan import Task
from records.chat import Chat
from records.patient import Patient

_WAITING = (
    select(Task)
    .where(Task.chat_id == bindparam("chat"), Task.state.in_(TALKING), Task.useful_until > bindparam("now"))
    .order_by(Task.due_at, Task.id)
)


@dataclass(frozen=True)
class Following:
    """The follow-up whose turn has come, and the words and buttons that ask its first question."""

    task: Task
    patient: Patient
    question: Question
    text: str
    buttons: tuple[tuple[str, str], ...]


async def waiting(tx: AsyncSession, chat: Chat, now: datetime) -> list[tuple[Task, PlanTemplate]]:
    """The follow-ups that were announced in `chat` and are not being asked; those of the child that is talked about come first."""
    rows = [task for task in await tx.scalars(_WAITING, {"chat": chat.id, "now": now}) if task.id != chat.task_id]
    templates = await task_templates(tx, rows)
    known = [(task, templates[task.id]) for task in rows if task.id in templates]
    asking = [(task, template) for task, template in known if template.step(task.step).kind in ASKS]
    return sorted(asking, key=lambda each: each[0].patient_id != chat.patient_id)


async def go_on(tx: AsyncSession, chat: Chat, *, now: datetime, several: bool) -> Following | None:
    """When nothing is being asked in `chat`: the next follow-up that waits there is, from now on. `several`: the family has more children.

    It costs no message of its own: its question goes out with the reply that ends the one before.
    """
    if chat.task_id is not None:
        return None
    for task, template in await waiting(tx, chat, now):
        patient = await tx.get_one(Patient, task.patient_id)
        question = next_question(task, template, patient)
        if question is None:
            continue
        turn_to(chat, task)
        task.next_at = await next_look(tx, task, template, now)
        form = "bundle.next_of" if several else "bundle.next"
        text = say(form, name=patient.name, title=template.step(task.step).title, question=ask_of(question, patient))
        return Following(task, patient, question, text, buttons_of(task, question))
    return None


def turn_to(chat: Chat, task: Task) -> None:
    """The chat is now about `task`; what it was about waits its turn."""
    chat.task_id, chat.patient_id = task.id, task.patient_id


async def of_child(tx: AsyncSession, chat: Chat, patient: Patient, now: datetime) -> Task | None:
    """The first follow-up about `patient` that waits in `chat`."""
    return next((task for task, _ in await waiting(tx, chat, now) if task.patient_id == patient.id), None)
