"""Which days a template is due on, and when: pure, for enrolment, for planning on and for the dry run alike."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from itertools import accumulate, chain, count, cycle, takewhile
from zoneinfo import ZoneInfo

from plans.clock import at_hour, end_of_day
from plans.template import Phase, PlanTemplate, Step, Until
from plans.template.step import ASKS
from plans.template.timing import WEEKDAYS
from tagging.cohort.calendar import add

# What goes on as long as the plan does is looked ahead so far where the caller sets no end.
ENDLESS = 366

# A date that comes again (each cycle's first day) has several.
Anchors = Mapping[str, date | Sequence[date]]


@dataclass(frozen=True)
class Due:
    """One follow-up to be: `due_at` and `useful_until` in UTC, `day` in the hospital's calendar, `slot` its number on that day."""

    step: str
    day: date
    due_at: datetime
    useful_until: datetime
    slot: int = 0


def occurrences(anchors: Anchors, name: str) -> list[date]:
    """The dates of an anchor, none where it is not known yet."""
    known = anchors.get(name, ())
    return [known] if isinstance(known, date) else sorted(known)


def days(step: Step, anchors: Anchors, *, start: date | None = None, end: date | None = None) -> list[date]:
    """The days of `step` from `start` (None: from the beginning) to `end`, in order and without repeats."""
    every = (
        _phase_days(phase, anchor, anchors, start, end or max(anchor, start or anchor) + timedelta(days=ENDLESS))
        for anchor in occurrences(anchors, step.anchor)
        for phase in step.schedule
    )
    return sorted({day for day in chain.from_iterable(every) if (start is None or day >= start) and (end is None or day <= end)})


def next_day(template: PlanTemplate, anchors: Anchors, start: date) -> date | None:
    """The first day from `start` on, however far away, on which the template does anything; None when it is over."""
    found = (
        next((day for day in _phase_days(phase, anchor, anchors, start, date.max) if day >= start), None)
        for step in template.steps
        for anchor in occurrences(anchors, step.anchor)
        for phase in step.schedule
    )
    return min((day for day in found if day is not None), default=None)


def _phase_days(phase: Phase, anchor: date, anchors: Anchors, start: date | None, end: date) -> Iterator[date]:
    """Its days in order, or nearly all of them that lie before `start` left out: a plan of many years is looked at often."""
    gone = max(0, (start - anchor).days) if start is not None else 0
    match phase.kind:
        case "days":
            return iter(sorted(anchor + timedelta(days=n) for n in phase.days))
        case "months":
            return iter(sorted(add(anchor, n, "months") + timedelta(days=days) for n in phase.months for days in phase.shift or (0,)))
        case "daily":
            first = phase.first or 0
            each = (anchor + timedelta(days=n) for n in range(max(first, gone) if gone else first, (phase.last or 0) + 1))
            return (day for day in each if not phase.weekdays or WEEKDAYS[day.weekday()] in phase.weekdays)
    last = min(end, _last(phase.until, anchors)) if phase.until is not None else end
    return takewhile(lambda day: day <= last, _repeating(phase, anchor, gone))


def _last(until: Until, anchors: Anchors) -> date:
    known = occurrences(anchors, until.anchor)
    return add(max(known), until.months, "months") + timedelta(days=until.day) if known else date.max


def _repeating(phase: Phase, anchor: date, gone: int) -> Iterator[date]:
    if phase.kind == "every":
        after = phase.after or 0
        rounds = max(0, gone - after) // sum(phase.every)
        offsets = accumulate(cycle(phase.every), initial=after + rounds * sum(phase.every))
        if not rounds:
            next(offsets)
        return (anchor + timedelta(days=n) for n in offsets)
    if phase.cycle is not None:
        length, first, last = phase.cycle.length, phase.cycle.first, phase.cycle.last
        return (anchor + timedelta(days=n) for n in count(gone) if first <= n % length + 1 <= last)
    each = (anchor + timedelta(days=n) for n in count(max(phase.after or 0, gone)))
    return (day for day in each if WEEKDAYS[day.weekday()] in phase.weekdays)


def useful_until(step: Step, due_at: datetime, day: date, zone: ZoneInfo) -> datetime:
    """When an answer to a follow-up of `day` comes too late."""
    if step.useful_until == "end_of_day":
        return end_of_day(day, zone)
    if step.useful_until.hours is not None:
        return due_at + timedelta(hours=step.useful_until.hours)
    return end_of_day(day + timedelta(days=step.useful_until.days or 0), zone)


def schedule(
    template: PlanTemplate,
    anchors: Anchors,
    *,
    hour: int,
    zone: ZoneInfo,
    start: date | None = None,
    end: date | None = None,
    taken_up: bool = True,
) -> list[Due]:
    """All follow-ups from `start` (None: from the beginning) to `end`, in order of time; at `hour` where a step names no hours.

    A plan that is `taken_up` late, with days of it gone by, asks on `start` itself, so that there is a first reading to compare with.
    Steps of an anchor that is not known yet are left out.
    """
    dues = []
    for step in template.steps:
        left = days(step, anchors, start=start, end=end)
        if taken_up and step.kind in ASKS and start is not None and left and days(step, anchors, end=left[0])[0] < start:
            left = sorted({start, *left})
        for day in left:
            for slot, clock in enumerate(step.hours or (hour,)):
                due_at = at_hour(day, clock, zone)
                dues.append(Due(step.id, day, due_at, useful_until(step, due_at, day, zone), slot))
    return sorted(dues, key=lambda due: (due.due_at, due.step, due.slot))
