"""A follow-up that cannot reach its family: ended as undeliverable, and thereby on the nurse's list."""

from datetime import datetime

from sqlalchemy.ext.asyncio import AsyncSession

from bot import metrics
from plans.task import TASK_MOVES, close, lock
from records.care_plan import Task


async def give_up(tx: AsyncSession, task_id: int, reason: str, now: datetime) -> None:
    """End task `task_id` as undeliverable because of `reason`, unless it has ended already."""
    task = await tx.get(Task, task_id)
    if task is None:
        return
    await lock(tx, task)
    if "undeliverable" in TASK_MOVES[task.state]:
        await close(tx, task, "undeliverable", now=now, by="system", reason=reason)
        metrics.TASKS.labels("undeliverable").inc()
