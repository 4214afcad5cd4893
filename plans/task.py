"""The life of a follow-up: one table of moves, and the moves themselves.

scheduled → sent → (reminded) → started → done | partial; declined, missed, undeliverable and withdrawn are the other ends.
"""

from datetime import datetime
from typing import Any

from sqlalchemy.ext.asyncio import AsyncSession

from records.care_plan import Task
from records.chat import Chat
from records.retag import ask_retag
from records.state import Moves, StateChange, move

TASK_MOVES: Moves = {
    # A family that reports before it is asked moves a scheduled task on.
    "scheduled": frozenset({"sent", "started", "done", "declined", "undeliverable", "withdrawn"}),
    "sent": frozenset({"reminded", "started", "done", "declined", "missed", "undeliverable", "withdrawn"}),
    # Once more for each reminder of the step; the row's lock and its `next_at` keep a reminder from being counted twice.
    "reminded": frozenset({"reminded", "started", "done", "declined", "missed", "undeliverable", "withdrawn"}),
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


async def sent(tx: AsyncSession, task: Task, chat: Chat | None, *, next_at: datetime, now: datetime) -> bool:
    """Its opening went into the outbox: the chat is now about this task. False when somebody else moved it first.

    Without a `chat` it was announced by another route (`is_announced`) and opens when the family comes.
    """
    until = min(next_at, task.useful_until)
    chat_id, reason = (None, "announced") if chat is None else (chat.id, "due")
    moved = await move(tx, task, "sent", moves=TASK_MOVES, at=now, by="system", reason=reason, chat_id=chat_id, sent_at=now, next_at=until)
    if moved and chat is not None:
        chat.task_id, chat.patient_id = task.id, task.patient_id
    return moved


def is_announced(task: Task) -> bool:
    """Whether the family was told that something waits, and has not seen it: the opening is still to be said."""
    return task.state in ("sent", "reminded") and task.chat_id is None


def opened(tx: AsyncSession, task: Task, chat: Chat, *, next_at: datetime, now: datetime) -> None:
    """The opening of an announced task, which the caller holds locked, went into the outbox: the chat is now about it."""
    task.chat_id, task.next_at = chat.id, min(next_at, task.useful_until)
    chat.task_id, chat.patient_id = task.id, task.patient_id
    note_opened(tx, task, now)


def note_opened(tx: AsyncSession, task: Task, now: datetime) -> None:
    """Write down that what was announced has been said in the chat."""
    _note(tx, task, now, "opened")


async def unopened(tx: AsyncSession, task: Task, *, now: datetime, reason: str) -> bool:
    """Its opening, or what announced it, did not arrive: another route is looked for at once. False for one that has gone on since."""
    await lock(tx, task)
    if task.state not in ("sent", "reminded"):
        return False
    chat = await tx.get(Chat, task.chat_id) if task.chat_id is not None else None
    if chat is not None and chat.task_id == task.id:
        chat.task_id = None
    task.chat_id, task.next_at = None, min(now, task.useful_until)
    _note(tx, task, now, reason)
    return True


def _note(tx: AsyncSession, task: Task, now: datetime, reason: str) -> None:
    tx.add(StateChange(entity="task", entity_id=task.id, old=task.state, new=task.state, at=now, by="system", reason=reason))


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
