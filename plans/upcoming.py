"""The follow-ups that are still to come, in a few lines: those that are made, and what the plan says beyond them."""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from zoneinfo import ZoneInfo

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from plans.clock import local_day
from plans.personal import changes_of, plan_templates
from plans.planning import hours_of
from plans.schedule import next_day
from plans.timeline import NEVER, anchors_of, timeline
from plans.wording import say
from records.care_plan import CarePlan, Task
from records.patient import Patient

# The next days are named, the rest is counted.
NAMED = 3
# So far is looked ahead; what goes on longer is said to go on.
AHEAD = timedelta(days=366)


@dataclass
class Coming:
    """The follow-ups of one step that are to come, in order of time; `goes_on` when there are more beyond the last of them."""

    patient_id: int
    plan_id: int
    title: str
    due: list[datetime] = field(default_factory=list)
    goes_on: bool = False


async def coming(tx: AsyncSession, patients: Sequence[Patient], now: datetime, zone: ZoneInfo) -> list[Coming]:
    """What is planned after today for these patients, step by step, the soonest first."""
    running = select(CarePlan).where(CarePlan.patient_id.in_([patient.id for patient in patients]), CarePlan.state == "active")
    plans = (await tx.scalars(running.order_by(CarePlan.id))).all()
    templates, changes = await plan_templates(tx, plans), await changes_of(tx, plans)
    hours = await hours_of(tx, plans, now=now, zone=zone)
    today = local_day(now, zone)
    later = (Task.state == "scheduled", Task.day > today)
    made = defaultdict[int, list[tuple[datetime, str]]](list)
    for plan_id, due_at, step in await tx.execute(
        select(Task.care_plan_id, Task.due_at, Task.step).where(Task.care_plan_id.in_([plan.id for plan in plans]), *later)
    ):
        made[plan_id].append((due_at, step))
    found: dict[tuple[int, str], Coming] = {}
    for plan in plans:
        if (template := templates.get(plan.id)) is None:
            continue
        start = max(today, plan.planned_until or today) + timedelta(days=1) if plan.planned_until != NEVER else NEVER
        end = today + AHEAD
        beyond = timeline(plan, template, changes.get(plan.id, ()), hour=hours[plan.id], zone=zone, start=start, end=end)
        titles = template.titles
        for due_at, step in sorted([*made[plan.id], *((due.due_at, due.step) for due in beyond)]):
            one = found.setdefault((plan.id, step), Coming(plan.patient_id, plan.id, titles.get(step, plan.template)))
            one.due.append(due_at)
        for step_ in template.steps:
            if (plan.id, step_.id) in found:
                alone = template.model_copy(update={"steps": (step_,)})
                found[plan.id, step_.id].goes_on = next_day(alone, anchors_of(plan), end + timedelta(days=1)) is not None
    return sorted(found.values(), key=lambda each: (each.due[0], each.plan_id))


async def upcoming(tx: AsyncSession, patients: Sequence[Patient], now: datetime, zone: ZoneInfo) -> list[str]:
    """One line for each kind of follow-up of each child that is planned after today; empty when nothing is."""
    names = {patient.id: patient.name for patient in patients}
    lines = []
    for each in await coming(tx, patients, now, zone):
        days = list(dict.fromkeys(local_day(due, zone) for due in each.due))
        named = say("upcoming.and").join(_day(day) for day in days[:NAMED])
        more = say("upcoming.more", number=len(days), last=_day(days[-1])) if len(days) > NAMED else ""
        if each.goes_on:
            more = say("upcoming.goes_on")
        hour = f"{each.due[0].astimezone(zone):%H:%M}"
        lines.append(say("upcoming.line", name=names[each.patient_id], title=each.title, days=named, hour=hour, more=more))
    return lines


def _day(day: date) -> str:
    return say("upcoming.day", month=day.month, day=day.day)
