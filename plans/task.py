"""The life of a follow-up: one table of moves, and the moves themselves.

scheduled → sent → (reminded) → started → done | partial; declined, missed, undeliverable and withdrawn are the other ends.
"""

from datetime import datetime
from typing import Any

from sqlalchemy.ext.asyncio import AsyncSession

from records.care_plan import Task
from records.chat import Chat
from records.retag import ask_retag
from records.state import Moves, move

TASK_MOVES: Moves = {
    # A family that reports before it is asked moves a scheduled task on.
    "scheduled": frozenset({"sent", "started", "done", "declined", "undeliverable", "withdrawn"}),
    "sent": frozenset({"reminded", "started", "done", "declined", "missed", "undeliverable", "withdrawn"}),
    "reminded": frozenset({"started", "done", "declined", "missed", "undeliverable", "withdrawn"}),
    # started: the family has answered something, if only that it will answer later.
    "started": frozenset({"reminded", "done", "partial", "declined", "missed", "withdrawn"}),
    "done": frozenset(),
    "partial": frozenset(),
    "declined": frozenset(),
    "missed": frozenset(),
    "undeliverable": frozenset(),
    "withdrawn": frozenset(),
}
OPEN = frozenset(state for state, moves in TASK_MOVES.items() if moves)
TALKING = OPEN - {"scheduled"}


def is_open(task: Task) -> bool:
    """Whether anything can still happen to it."""
    return task.state in OPEN


async def lock(tx: AsyncSession, task: Task) -> Task:
    """The task as it is now, held until the end of the transaction."""
    await tx.flush()
    await tx.refresh(task, with_for_update=True)
    return task


async def sent(tx: AsyncSession, task: Task, chat: Chat, *, next_at: datetime, now: datetime) -> bool:
    """Its opening went into the outbox: the chat is now about this task. False when somebody else moved it first."""
    until = min(next_at, task.useful_until)
    moved = await move(tx, task, "sent", moves=TASK_MOVES, at=now, by="system", reason="due", chat_id=chat.id, sent_at=now, next_at=until)
    if moved:
        chat.task_id, chat.patient_id = task.id, task.patient_id
    return moved


async def started(tx: AsyncSession, task: Task, *, next_at: datetime, now: datetime, by: str = "family", reason: str | None = None) -> bool:
    """The family answered something; `next_at` is when to look again. An already started task only gets the new time."""
    until = min(next_at, task.useful_until)
    if task.state == "started":
        task.next_at = until
        return True
    return await move(tx, task, "started", moves=TASK_MOVES, at=now, by=by, reason=reason, next_at=until)


async def reminded(tx: AsyncSession, task: Task, *, now: datetime) -> bool:
    """The one reminder went into the outbox; what comes next is the end of the task's usefulness."""
    return await move(tx, task, "reminded", moves=TASK_MOVES, at=now, by="system", reason="no answer yet", next_at=task.useful_until)


async def close(
    tx: AsyncSession, task: Task, state: str, *, now: datetime, by: str, reason: str | None = None, detail: dict[str, Any] | None = None
) -> bool:
    """End the task in `state` with `reason` as its outcome, and let go of its chat. Raises MoveRefused for a move off the table."""
    moved = await move(
        tx, task, state, moves=TASK_MOVES, at=now, by=by, reason=reason, detail=detail, next_at=None, closed_at=now, outcome=reason or state
    )
    if moved:
        await ask_retag(tx, [task.patient_id], now)
    if moved and task.chat_id is not None:
        chat = await tx.get(Chat, task.chat_id)
        if chat is not None and chat.task_id == task.id:
            chat.task_id = None
    return moved
