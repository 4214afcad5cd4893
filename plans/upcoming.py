"""The follow-ups that are still to come, in a few lines."""

from collections import defaultdict
from collections.abc import Sequence
from datetime import date, datetime
from zoneinfo import ZoneInfo

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from plans.clock import local_day
from plans.personal import template_of
from plans.wording import say
from records.care_plan import Task
from records.patient import Patient

# The next days are named, the rest is counted.
NAMED = 3


async def upcoming(tx: AsyncSession, patients: Sequence[Patient], now: datetime, zone: ZoneInfo) -> list[str]:
    """One line for each kind of follow-up of each child that is planned after today; empty when nothing is."""
    by_id = {patient.id: patient for patient in patients}
    tasks = await tx.scalars(
        select(Task)
        .where(Task.patient_id.in_(by_id), Task.state == "scheduled", Task.day > local_day(now, zone))
        .order_by(Task.due_at, Task.id)
    )
    found: dict[tuple[int, int, str], list[Task]] = defaultdict(list)
    for task in tasks:
        found[task.patient_id, task.care_plan_id, task.step].append(task)
    lines = []
    for (patient_id, _, step), of_step in found.items():
        template = await template_of(tx, of_step[0])
        days = say("upcoming.and").join(_day(task.day) for task in of_step[:NAMED])
        hour = f"{of_step[0].due_at.astimezone(zone):%H:%M}"
        more = say("upcoming.more", number=len(of_step), last=_day(of_step[-1].day)) if len(of_step) > NAMED else ""
        title = template.step(step).title
        lines.append(say("upcoming.line", name=by_id[patient_id].name, title=title, days=days, hour=hour, more=more))
    return lines


def _day(day: date) -> str:
    return say("upcoming.day", month=day.month, day=day.day)
