"""A plan that has changed is planned anew: what is not sent yet follows, what was sent or is over stays as it was."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import date, datetime
from random import Random
from zoneinfo import ZoneInfo

from sqlalchemy import func, select, update
from sqlalchemy.ext.asyncio import AsyncSession

from plans.clock import local_day
from plans.personal import changes_of, plan_templates
from plans.planning import horizon, hours_of, make
from plans.schedule import Due
from plans.task import TALKING, close
from plans.timeline import planned_up_to, timeline
from records.care_plan import CarePlan, Task
from records.message import Outbound
from records.state import StateChange

# Step, day and slot: which follow-up of a plan it is.
Key = tuple[str, date, int]


@dataclass(frozen=True)
class Replanned:
    """How many follow-ups were made, put to another moment, withdrawn and left as they were."""

    added: int = 0
    moved: int = 0
    withdrawn: int = 0
    kept: int = 0


async def replan(
    tx: AsyncSession,
    plan: CarePlan,
    *,
    by: str,
    reason: str,
    now: datetime,
    zone: ZoneInfo,
    rng: Random | None = None,
    move: bool = False,
    pairs: Mapping[Key, Key] | None = None,
    ends_talk_of: Collection[str] = (),
) -> Replanned:
    """Bring the follow-ups that are not sent yet to what the plan says now. A plan that is not active, or whose template is gone, stays.

    With `move`, one that has lost its day takes over the next free day of its step (a date was put off); `pairs` say which one becomes
    which; else it is withdrawn and others are made. What is being talked about goes on, unless it is of a step of `ends_talk_of` that
    has lost its day.
    """
    templates = await plan_templates(tx, [plan])
    if plan.state != "active" or plan.id not in templates:
        return Replanned()
    template, changes = templates[plan.id], (await changes_of(tx, [plan])).get(plan.id, [])
    standing = select(Task).where(Task.care_plan_id == plan.id, Task.state != "withdrawn").order_by(Task.day, Task.slot, Task.id)
    tasks = list(await tx.scalars(standing.with_for_update().execution_options(populate_existing=True)))
    unsent = [task for task in tasks if task.state == "scheduled"]
    today = local_day(now, zone)
    start = min([today, *(task.day for task in tasks if task.state == "scheduled" or task.state in TALKING)])
    end = max([horizon(now, zone), *(task.day for task in unsent)])
    hour = (await hours_of(tx, [plan], now=now, zone=zone, rng=rng))[plan.id]
    wanted = {_key(due): due for due in timeline(plan, template, changes, hour=hour, zone=zone, start=start, end=end)}
    taken = {_key(task) for task in tasks}
    fresh = [due for key, due in wanted.items() if key not in taken and due.day >= today and due.useful_until > now]
    moved = kept = withdrawn = 0
    for task in unsent:
        due = wanted.get(_key(task))
        if due is None and (key := (pairs or {}).get(_key(task))) is not None:
            due = next((each for each in fresh if _key(each) == key), None)
            if due is not None:
                fresh.remove(due)
        if due is None and move:
            due = next((each for each in fresh if each.step == task.step), None)
            if due is not None:
                fresh.remove(due)
        if due is None:
            withdrawn += await close(tx, task, "withdrawn", now=now, by=by, reason=reason)
        elif (task.day, task.slot, task.due_at, task.useful_until) == (due.day, due.slot, due.due_at, due.useful_until):
            kept += 1
        else:
            _put(tx, task, due, by=by, reason=reason, now=now)
            # One by one, so that two that change places never stand on the same.
            await tx.flush()
            moved += 1
    lost = [task for task in tasks if task.state in TALKING and task.step in ends_talk_of and _key(task) not in wanted]
    withdrawn += await withdraw(tx, lost, by=by, reason=reason, now=now)
    plan.planned_until = planned_up_to(plan, template, changes, end)
    await tx.flush()
    added = await make(tx, [(plan, due) for due in fresh], now=now, by=by, reason=reason)
    return Replanned(added, moved, withdrawn, kept)


def _key(one: Task | Due) -> Key:
    return one.step, one.day, one.slot


def _put(tx: AsyncSession, task: Task, due: Due, *, by: str, reason: str, now: datetime) -> None:
    detail = {"from": task.due_at.isoformat(), "to": due.due_at.isoformat()}
    task.day, task.slot, task.due_at, task.useful_until, task.next_at = due.day, due.slot, due.due_at, due.useful_until, None
    tx.add(
        StateChange(
            entity="task", entity_id=task.id, old="scheduled", new="scheduled", at=now, by=by, reason=reason, detail=detail
        )
    )  # fmt: skip


async def withdraw(tx: AsyncSession, tasks: Collection[Task], *, by: str, reason: str, now: datetime) -> int:
    """Withdraw these open tasks, and what of them still waits in the outbox, by whatever route; how many there were."""
    if talking := [str(task.id) for task in tasks if task.state in TALKING]:
        await tx.execute(
            update(Outbound)
            .where(Outbound.state == "queued", Outbound.key.startswith("task:"), func.split_part(Outbound.key, ":", 2).in_(talking))
            .values(state="withdrawn", error=reason)
            .execution_options(synchronize_session=False)
        )
    return sum([await close(tx, task, "withdrawn", now=now, by=by, reason=reason) for task in tasks])
