"""Today, and the calendar: what is asked, what was done, which visits are booked."""

from calendar import Calendar
from collections import defaultdict
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from re import compile as pattern

from aiohttp import web
from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from console.family.desk import FAMILY, FamilyDesk
from console.family.page import child_of, render, say, words
from console.family.page import today as today_of
from console.page import ANYBODY, get
from plans.clock import local_day
from plans.questionnaire_response import assigned_to, form_of
from plans.queue import pieces_of
from plans.step_kind import TALKS
from plans.template.step import ASKS
from plans.today import today
from plans.upcoming import coming
from plans.visit import coming as visits_coming
from plans.visit import in_words
from records.appointment import Appointment, appointments
from records.care_plan import Task
from records.flag import Flag
from records.patient import Patient

# So many visits are named on today's page.
VISITS = 2
# What was said about the child that cannot wait, and has not been seen to yet: the last of it.
_ALARM = select(Flag).where(Flag.state != "closed", Flag.level.in_(("emergency", "urgent"))).order_by(Flag.raised_at.desc()).limit(1)
_MONTH = pattern(r"(20\d\d)-(0[1-9]|1[0-2])")


@dataclass(frozen=True)
class Entry:
    """One line of a day: `state` is done, open, missed, planned or visit."""

    at: str
    title: str
    state: str
    task_id: int | None = None


async def show_today(request: web.Request) -> web.StreamResponse:
    """What is on today, the next visits, questionnaires that wait."""
    desk, child, now = request.app[FAMILY], child_of(request), request.app[FAMILY].clock()
    async with desk.db.transaction() as tx:
        items = await today(tx, [child], now, desk.zone)
        visits = [visit for visit in await visits_coming(tx, child, now, desk.zone) if visit.status == "booked"]
        forms = [form_of(each) for each in await assigned_to(tx, [child])]
        alarm = await tx.scalar(_ALARM.where(Flag.patient_id == child.id))
    return render(
        request,
        "today.html",
        child=child,
        items=[(item, "asks" if item.kind in ASKS else item.kind) for item in items],
        visits=[(in_words(visit, now, desk.zone), visit) for visit in visits[:VISITS]],
        forms=list({form.id: form for form in forms}.values()),
        date=today_of(desk),
        alarm=alarm,
    )


async def show_calendar(request: web.Request) -> web.StreamResponse:
    """One month, day by day."""
    desk, child = request.app[FAMILY], child_of(request)
    now, here = desk.clock(), today_of(desk)
    wanted = _MONTH.fullmatch(request.query.get("month", ""))
    first = date(int(wanted[1]), int(wanted[2]), 1) if wanted else here.replace(day=1)
    weeks = Calendar().monthdatescalendar(first.year, first.month)
    after = (first + timedelta(days=32)).replace(day=1)
    async with desk.db.transaction() as tx:
        days = await _tasks(tx, child, first, after, desk, now)
        for day, entries in (await _planned(tx, child, first, after, desk, now)).items():
            days[day] += entries
        for day, entries in (await _visits(tx, child, first, after, desk, now)).items():
            days[day] += entries
    return render(
        request,
        "calendar.html",
        child=child,
        weeks=weeks,
        first=first,
        before=first - timedelta(days=1),
        after=after,
        date=here,
        days={day: sorted(entries, key=lambda each: each.at) for day, entries in sorted(days.items())},
        states=words()["states"],
    )


async def _tasks(
    tx: AsyncSession, child: Patient, first: date, after: date, desk: FamilyDesk, now: datetime
) -> defaultdict[date, list[Entry]]:
    """The follow-ups that are on file."""
    days: defaultdict[date, list[Entry]] = defaultdict(list)
    chosen = select(Task).where(Task.patient_id == child.id, Task.day >= first, Task.day < after, Task.state != "withdrawn")
    for piece in await pieces_of(tx, list(await tx.scalars(chosen.order_by(Task.due_at, Task.id)))):
        if piece.step.kind == "clinician_task":
            continue
        task = piece.task
        state = _state(task, now) if piece.step.kind in TALKS or task.state == "scheduled" else "done"
        answerable = state == "open" and piece.step.kind in ASKS
        days[task.day].append(Entry(f"{task.due_at.astimezone(desk.zone):%H:%M}", piece.step.title, state, task.id if answerable else None))
    return days


def _state(task: Task, now: datetime) -> str:
    if task.state in ("done", "partial"):
        return "done"
    if task.state in ("declined", "missed", "undeliverable") or task.useful_until <= now:
        return "missed"
    return "planned" if task.due_at > now else "open"


async def _planned(tx: AsyncSession, child: Patient, first: date, after: date, desk: FamilyDesk, now: datetime) -> dict[date, list[Entry]]:
    """What the plan says beyond the follow-ups that are on file."""
    days: dict[date, list[Entry]] = defaultdict(list)
    made = select(Task.due_at).where(Task.patient_id == child.id, Task.day >= first, Task.state != "withdrawn")
    known = set(await tx.scalars(made))
    for each in await coming(tx, [child], now, desk.zone):
        for due in each.due:
            day = local_day(due, desk.zone)
            if first <= day < after and due not in known:
                days[day].append(Entry(f"{due.astimezone(desk.zone):%H:%M}", each.title, "planned"))
    return days


async def _visits(tx: AsyncSession, child: Patient, first: date, after: date, desk: FamilyDesk, now: datetime) -> dict[date, list[Entry]]:
    days: dict[date, list[Entry]] = defaultdict(list)
    start, end = (datetime.combine(day, time(), desk.zone) for day in (first, after))
    for visit in await appointments(tx, child.id, since=start, until=end):
        if visit.status != "cancelled":
            days[local_day(visit.starts_at, desk.zone)].append(_visit(visit, desk))
    return days


def _visit(visit: Appointment, desk: FamilyDesk) -> Entry:
    what = "，".join(part for part in (visit.department, visit.place, visit.doctor) if part)
    return Entry(visit.time_text or f"{visit.starts_at.astimezone(desk.zone):%H:%M}", say("calendar.visit", what=what), "visit")


ROUTES = (
    get(r"/{child:\d{1,18}}/today", show_today, ANYBODY),
    get(r"/{child:\d{1,18}}/calendar", show_calendar, ANYBODY),
)
