"""Due follow-ups for the sweep: which there are, where each one goes, and how to put a broken one aside."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import and_, func, or_, select, update
from sqlalchemy.ext.asyncio import AsyncSession

from plans.task import OPEN, TALKING
from records.care_plan import Task
from records.chat import Chat
from records.patient import Carer, Patient, primary_carer
from records.state import StateChange

# A follow-up that nobody has touched for so long no longer keeps another one (of a sibling) out of the chat (R).
BUSY_FOR = timedelta(hours=1)


@dataclass(frozen=True)
class Route:
    """Where a follow-up goes: None where nobody is registered, or where the family has never written."""

    patient: Patient
    carer: Carer | None
    chat: Chat | None


async def claim_due(tx: AsyncSession, now: datetime, limit: int) -> list[int]:
    """Ids of tasks whose moment has come, the longest overdue first: scheduled ones, and those whose `next_at` has passed.

    The rows stay locked for this transaction, and rows that others have locked are passed over. At least once: a task is due until
    it is moved on, so the caller de-duplicates by the task's id, and its moves are guarded.
    """
    not_held = or_(Task.next_at.is_(None), Task.next_at <= now)
    rows = await tx.scalars(
        select(Task.id)
        .where(
            or_(
                and_(Task.state == "scheduled", Task.due_at <= now, not_held),
                and_(Task.state.in_(TALKING), Task.next_at <= now),
            )
        )
        .order_by(func.coalesce(Task.next_at, Task.due_at), Task.id)
        .limit(limit)
        .with_for_update(skip_locked=True)
    )
    return list(rows)


async def extend(tx: AsyncSession, task_ids: Sequence[int], until: datetime) -> int:
    """Look at these open tasks again only at `until` (one that raised must not stop the line); how many there were."""
    query = update(Task).where(Task.id.in_(task_ids), Task.state.in_(OPEN)).values(next_at=until)
    done = await tx.execute(query.execution_options(synchronize_session=False))
    return int(done.rowcount)  # type: ignore[attr-defined]


async def route_of(tx: AsyncSession, task: Task) -> Route:
    """The patient's primary carer, and the chat in which he wrote last."""
    patient = await tx.get_one(Patient, task.patient_id)
    carer = await primary_carer(tx, patient.id)
    if carer is None:
        return Route(patient, None, None)
    chat = await tx.scalar(
        select(Chat).where(Chat.carer_id == carer.id).order_by(Chat.window_from.desc().nulls_last(), Chat.id.desc()).limit(1)
    )
    return Route(patient, carer, chat)


async def is_busy(tx: AsyncSession, chat: Chat | None, task: Task, now: datetime) -> bool:
    """Whether another open follow-up was talked about in `chat` within the last hour."""
    if chat is None or chat.task_id in (None, task.id):
        return False
    other = await tx.get(Task, chat.task_id)
    if other is None or other.state not in TALKING:
        return False
    last = await tx.scalar(select(func.max(StateChange.at)).where(StateChange.entity == "task", StateChange.entity_id == other.id))
    return last is not None and now - last < BUSY_FOR
