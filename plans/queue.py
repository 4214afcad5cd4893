"""What a family is asked in one conversation: one follow-up at a time, the others that were announced wait their turn.

The queue is no table: it is the open follow-ups whose opening went to the chat, and the chat's row says which of them is being asked.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from zoneinfo import ZoneInfo

from sqlalchemy import bindparam, select
from sqlalchemy.ext.asyncio import AsyncSession

from plans.bundle import Piece, question_of
from plans.condition import conditions_hold
from plans.lesson import tell_lesson
from plans.open_tasks import next_look
from plans.personal import task_templates
from plans.question import next_question
from plans.questionnaire_task import QUESTIONNAIRE, begin_for
from plans.task import TALKING, close, lock
from plans.task_move import TaskMove, move_tasks
from plans.wording import say
from records.care_plan import Task
from records.chat import Chat
from records.patient import Patient, PatientCarer

_WAITING = (
    select(Task)
    .where(Task.chat_id == bindparam("chat"), Task.state.in_(TALKING), Task.useful_until > bindparam("now"))
    .order_by(Task.due_at, Task.id)
)
# Held, and not yet said.
_TO_READ = (
    select(Task)
    .join(PatientCarer, PatientCarer.patient_id == Task.patient_id)
    .where(
        PatientCarer.carer_id == bindparam("carer"),
        PatientCarer.primary,
        Task.state == "scheduled",
        Task.due_at <= bindparam("now"),
        Task.useful_until > bindparam("now"),
    )
    .order_by(Task.due_at, Task.id)
)


@dataclass(frozen=True)
class Following:
    """What comes next in a conversation, with its buttons as (id, label). `asks` is the kind of conversation it is: questions of ours, a
    questionnaire, or None for what is only told."""

    text: str
    buttons: tuple[tuple[str, str], ...]
    asks: str | None


async def waiting(tx: AsyncSession, chat: Chat, now: datetime) -> list[Piece]:
    """The follow-ups that were announced in `chat` and are not being asked; those of the child that is talked about come first."""
    rows = [task for task in await tx.scalars(_WAITING, {"chat": chat.id, "now": now}) if task.id != chat.task_id]
    pieces = [piece for piece in await pieces_of(tx, rows) if piece.talks]
    return sorted(pieces, key=lambda each: each.patient.id != chat.patient_id)


async def pieces_of(tx: AsyncSession, tasks: Sequence[Task]) -> list[Piece]:
    """The follow-ups with their patients and templates; those whose version is gone are left out."""
    templates = await task_templates(tx, tasks)
    return [Piece(task, await tx.get_one(Patient, task.patient_id), templates[task.id], 0) for task in tasks if task.id in templates]


async def go_on(tx: AsyncSession, chat: Chat, *, now: datetime, zone: ZoneInfo, several: bool) -> Following | None:
    """When nothing is being asked in `chat`: the next follow-up that waits there is, from now on; when none does, what there is to read.

    It costs no message of its own: it goes out with the reply that ends the one before. `several`: the family has more children.
    """
    if chat.task_id is not None:
        return None
    for piece in await waiting(tx, chat, now):
        asks = piece.step.kind != QUESTIONNAIRE
        if asks and next_question(piece.task, piece.template, piece.patient) is None:
            continue
        words = question_of(piece) if asks else await begin_for(tx, piece, chat, now)
        turn_to(chat, piece.task)
        piece.task.next_at = await next_look(tx, piece.task, piece.template, now)
        form = "bundle.next_of" if several else "bundle.next"
        text = say(form, name=piece.patient.name, title=piece.step.title, question=words.text)
        return Following(text, words.buttons, "follow_up" if asks else QUESTIONNAIRE)
    return await _something_to_read(tx, chat, now, zone)


async def _something_to_read(tx: AsyncSession, chat: Chat, now: datetime, zone: ZoneInfo) -> Following | None:
    """What was kept back so that it does not stand before the questions."""
    if chat.carer_id is None:
        return None
    rows = list(await tx.scalars(_TO_READ, {"carer": chat.carer_id, "now": now}))
    lessons = [piece for piece in await pieces_of(tx, rows) if piece.step.kind == "education"]
    holds = await conditions_hold(tx, [piece.task for piece in lessons], now, zone) if lessons else {}
    for piece in lessons:
        if not holds[piece.task.id]:
            continue
        words = await tell_lesson(tx, piece, chat, now)
        if words.text:
            await lock(tx, piece.task)
            columns = {"chat_id": chat.id, "sent_at": now, "next_at": piece.task.useful_until}
            await move_tasks(tx, [TaskMove(piece.task, "sent", "asked before", columns)], chats=[chat], now=now)
            await close(tx, piece.task, "done", now=now, by="system", reason="told")
            return Following(words.text, words.buttons, None)
    return None


def turn_to(chat: Chat, task: Task) -> None:
    """The chat is now about `task`; what it was about waits its turn."""
    chat.task_id, chat.patient_id = task.id, task.patient_id


async def of_child(tx: AsyncSession, chat: Chat, patient: Patient, now: datetime) -> Task | None:
    """The first follow-up about `patient` that waits in `chat`."""
    return next((piece.task for piece in await waiting(tx, chat, now) if piece.patient.id == patient.id), None)
