"""Many follow-ups moved at once: one statement for the rows and one for the changes, guarded like each move by itself."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import BigInteger, DateTime, Text, bindparam, column, func, update
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm.attributes import set_committed_value

from plans.task import OPEN, TASK_MOVES
from records.care_plan import Task
from records.chat import Chat
from records.retag import ask_retag
from records.state import MoveRefused, note_changes

_MOMENT = DateTime(timezone=True)
_FIELDS = (
    column("id", BigInteger),
    column("old", Text),
    column("new", Text),
    column("chat_id", BigInteger),
    column("sent_at", _MOMENT),
    column("next_at", _MOMENT),
    column("closed_at", _MOMENT),
    column("outcome", Text),
)
_ROWS = func.jsonb_to_recordset(bindparam("rows", type_=JSONB)).table_valued(*_FIELDS, name="moved").render_derived(with_types=True)
_COLUMNS = ("chat_id", "sent_at", "next_at", "closed_at", "outcome")
_MOVE = (
    update(Task)
    .where(Task.id == _ROWS.c.id, Task.state == _ROWS.c.old)
    .values(state=_ROWS.c.new, **{name: _ROWS.c[name] for name in _COLUMNS})
    .returning(Task.id)
    .execution_options(synchronize_session=False)
)


class TaskMoved(Exception):
    """Somebody else moved one of these follow-ups meanwhile; nothing of the transaction may be kept."""

    code, permanent = "task_moved", False


@dataclass(frozen=True)
class TaskMove:
    """One move: `columns` are set with it; `by` and `reason` are written down."""

    task: Task
    new: str
    reason: str
    columns: dict[str, Any]
    by: str = "system"
    detail: dict[str, Any] | None = None


def ends(task: Task, state: str, reason: str, now: datetime, *, by: str = "system", detail: dict[str, Any] | None = None) -> TaskMove:
    """The move that ends `task` in `state`."""
    return TaskMove(task, state, reason, {"next_at": None, "closed_at": now, "outcome": reason}, by=by, detail=detail)


async def move_tasks(tx: AsyncSession, moves: Sequence[TaskMove], *, chats: Sequence[Chat], now: datetime) -> None:
    """Carry the moves out, each task at most once, and let go of those of `chats` whose follow-up has ended.

    Raises MoveRefused for a move off the table, and TaskMoved when a task is no longer in the state that was seen.
    """
    if not moves:
        return
    for each in moves:
        if each.new not in TASK_MOVES[each.task.state]:
            raise MoveRefused(f"task {each.task.id}: {each.task.state} -> {each.new}")
    await tx.flush()
    rows = [_row(each) for each in moves]
    moved = set(await tx.scalars(_MOVE, {"rows": rows}))
    if len(moved) != len(moves):
        raise TaskMoved(f"tasks {sorted({each.task.id for each in moves} - moved)}")
    changes = []
    for each in moves:
        task, old = each.task, each.task.state
        for name, value in {"state": each.new, **each.columns}.items():
            set_committed_value(task, name, value)
        made = {"entity": "task", "entity_id": task.id, "old": old, "new": each.new, "at": now.isoformat()}
        changes.append(made | {"by": each.by, "reason": each.reason, "detail": each.detail or {}})
    await note_changes(tx, changes)
    ended = {each.task.id: each.task for each in moves if each.new not in OPEN}
    for chat in chats:
        if chat.task_id in ended:
            chat.task_id = None
    await ask_retag(tx, sorted({task.patient_id for task in ended.values()}), now)


def _row(each: TaskMove) -> dict[str, Any]:
    values = {name: each.columns.get(name, getattr(each.task, name)) for name in _COLUMNS}
    plain = {name: value.isoformat() if isinstance(value, datetime) else value for name, value in values.items()}
    return {"id": each.task.id, "old": each.task.state, "new": each.new, **plain}
