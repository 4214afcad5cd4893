"""Which days a template asks on, and when: pure, for enrolment and for the dry run alike."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from itertools import accumulate, chain, cycle, takewhile
from zoneinfo import ZoneInfo

from plans.clock import at_hour, end_of_day
from plans.template import Phase, PlanTemplate, Step


@dataclass(frozen=True)
class Due:
    """One follow-up to be: `due_at` and `useful_until` in UTC, `day` in the hospital's calendar."""

    step: str
    day: date
    due_at: datetime
    useful_until: datetime


def days(step: Step, anchors: Mapping[str, date]) -> list[date]:
    """The days of `step`, in order and without repeats."""
    return sorted(set(chain.from_iterable(_phase_days(phase, anchors[step.anchor], anchors) for phase in step.schedule)))


def _phase_days(phase: Phase, anchor: date, anchors: Mapping[str, date]) -> Iterator[date]:
    if phase.first is not None and phase.last is not None:
        return (anchor + timedelta(days=n) for n in range(phase.first, phase.last + 1))
    if phase.after is None or phase.until is None:
        raise ValueError("a phase is daily or cyclic")
    end = anchors[phase.until.anchor] + timedelta(days=phase.until.day)
    offsets = accumulate(cycle(phase.every), initial=phase.after)
    next(offsets)
    return takewhile(lambda day: day <= end, (anchor + timedelta(days=n) for n in offsets))


def schedule(template: PlanTemplate, anchors: Mapping[str, date], *, hour: int, zone: ZoneInfo, start: date | None = None) -> list[Due]:
    """All follow-ups from `start` on (None: from the beginning), in order of time.

    A plan that is taken up late, with days of it gone by, begins on `start` itself, so that there is a first reading to compare with.
    """
    dues = []
    for step in template.steps:
        planned = days(step, anchors)
        left = [day for day in planned if start is None or day >= start]
        if start is not None and left and planned[0] < start:
            left = sorted({start, *left})
        dues += [Due(step.id, day, at_hour(day, hour, zone), end_of_day(day, zone)) for day in left]
    return sorted(dues, key=lambda due: (due.due_at, due.step))
