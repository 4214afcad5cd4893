"""The calendar of a template: what a patient gets on which day, with dates that one may try."""

from dataclasses import dataclass
from datetime import date, timedelta
from zoneinfo import ZoneInfo

from aiohttp import web

from console.desk import DESK
from console.form import number
from console.page import ANYBODY, get, today
from console.plans.common import ID, anchors_given, page, say, template_asked
from console.plans.told import asks, kind_text
from plans.dry_run_people import synthetic_anchors
from plans.guard import QUIET
from plans.schedule import Anchors, schedule
from plans.template import PlanTemplate, anchor_kinds, anchor_title
from plans.timeline import USUAL_HOUR

SPANS = (14, 28, 91, 182)


@dataclass(frozen=True)
class Item:
    """One follow-up of a day. `quiet`: its hour lies in the quiet hours, so that it would go out later."""

    hour: int
    title: str
    kind: str
    text: str
    quiet: bool
    of_family: bool


@dataclass(frozen=True)
class CalendarDay:
    """One cell; `number` counts from today, which is 1."""

    day: date
    number: int
    within: bool
    items: tuple[Item, ...]


def weeks(template: PlanTemplate, anchors: Anchors, today: date, days: int, zone: ZoneInfo) -> list[list[CalendarDay]]:
    """`days` days from today in rows from Monday to Sunday."""
    end = today + timedelta(days=days - 1)
    by_day: dict[date, list[Item]] = {}
    steps = {step.id: step for step in template.steps}
    for due in schedule(template, anchors, hour=USUAL_HOUR, zone=zone, start=today, end=end):
        step, hour = steps[due.step], due.due_at.astimezone(zone).hour
        quiet = hour not in QUIET.open_hours
        item = Item(hour, step.title, kind_text(step.kind), " ".join(asks(step))[:200], quiet, not step.hours)
        by_day.setdefault(due.day, []).append(item)
    first = today - timedelta(days=today.weekday())
    last = end + timedelta(days=6 - end.weekday())
    cells = [first + timedelta(days=n) for n in range((last - first).days + 1)]
    made = [CalendarDay(day, (day - today).days + 1, today <= day <= end, tuple(by_day.get(day, ()))) for day in cells]
    return [made[n : n + 7] for n in range(0, len(made), 7)]


def span_of(said: str) -> int:
    """How many days are looked at."""
    days = number(said) or 0
    return days if days in SPANS else SPANS[1]


def dates_shown(template: PlanTemplate, anchors: Anchors) -> list[tuple[str, str, str, bool]]:
    """The dates of a template for a form: name, title, what is taken, and whether there may be several."""
    shown = []
    for name in (*template.anchors, *template.later):
        days = anchors.get(name, [])
        several = anchor_kinds()[name].several
        text = days.isoformat() if isinstance(days, date) else ",".join(day.isoformat() for day in days)
        shown.append((name, anchor_title(name), text, several))
    return shown


async def show(request: web.Request) -> web.StreamResponse:
    """A month (or more) as a calendar; dates that are not given are such as a patient might have."""
    desk = request.app[DESK]
    async with desk.db.transaction() as tx:
        template, shelf = await template_asked(tx, request)
    day, days, wrong = today(desk), span_of(request.query.get("days", "")), None
    anchors: Anchors = synthetic_anchors(template, day)
    try:
        anchors = {**anchors, **anchors_given(template, request.query)}
    except ValueError:
        wrong = say("enrol.date_wrong")
    return page(request, "console/plans/calendar.html", template, shelf, wrong=wrong,
        weeks=weeks(template, anchors, day, days, desk.zone), days=days, spans=SPANS, dates=dates_shown(template, anchors),
    )  # fmt: skip


ROUTES = (get(f"/plans/{ID}/calendar", show, ANYBODY),)
