"""A patient's follow-ups that can still be answered, and how often each has been reminded."""

from collections import defaultdict
from collections.abc import Sequence
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from sqlalchemy import BigInteger, any_, bindparam, func, select
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.ext.asyncio import AsyncSession

from plans.clock import local_day
from plans.personal import task_templates
from plans.task import OPEN
from plans.template import PlanTemplate
from plans.template.step import ASKS
from records.care_plan import Task
from records.patient import Patient
from records.state import StateChange

# Of a step that comes several times a day, one that is only planned is answered early by what is told so shortly before it (R).
AHEAD = timedelta(hours=2)

_OPEN = (
    select(Task)
    .where(
        Task.patient_id == bindparam("patient"),
        Task.day <= bindparam("day"),
        Task.state.in_(OPEN),
        Task.useful_until > bindparam("now"),
    )
    .order_by((Task.state == "scheduled").asc(), Task.due_at, Task.id)
    .with_for_update()
    .execution_options(populate_existing=True)
)
_TASKS = any_(bindparam("tasks", type_=ARRAY(BigInteger)))
_REMINDED = (
    select(StateChange.entity_id, func.count())
    .where(StateChange.entity == "task", StateChange.entity_id == _TASKS, StateChange.new == "reminded")
    .group_by(StateChange.entity_id)
)


async def open_tasks(tx: AsyncSession, patient: Patient, now: datetime, zone: ZoneInfo) -> list[Task]:
    """The patient's follow-ups of questions that an answer of today counts for, locked: those that were asked before those to come."""
    await tx.flush()
    rows = (await tx.scalars(_OPEN, {"patient": patient.id, "day": local_day(now, zone), "now": now})).all()
    templates = await task_templates(tx, rows)
    return [task for task in rows if task.id in templates and _counts(task, templates[task.id], now)]


def _counts(task: Task, template: PlanTemplate, now: datetime) -> bool:
    step = template.step(task.step)
    return step.kind in ASKS and (task.state != "scheduled" or len(step.hours) < 2 or task.due_at <= now + AHEAD)


async def reminders(tx: AsyncSession, task_ids: Sequence[int]) -> dict[int, int]:
    """How often each of these tasks has been reminded, in one look."""
    counts: dict[int, int] = defaultdict(int)
    if task_ids:
        counts.update({id: count for id, count in await tx.execute(_REMINDED, {"tasks": list(task_ids)})})
    return counts


async def next_look(tx: AsyncSession, task: Task, template: PlanTemplate, now: datetime) -> datetime:
    """When to remind next, after the family or the bot has said something; the end of the task's usefulness when that was all."""
    reminded = (await reminders(tx, [task.id]))[task.id]
    return min(now + template.step(task.step).reminder_after(reminded), task.useful_until)
