"""What one plan does from a day to a day, changes and all: the same for planning, for what is shown as coming, and for the dry run."""

from collections.abc import Mapping, Sequence
from datetime import date, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from plans.change import Change, adjusted
from plans.clock import local_day
from plans.guard import QUIET, is_quiet
from plans.schedule import Anchors, Due, next_day, occurrences, schedule
from plans.template import PlanTemplate
from records.care_plan import CarePlan

# Follow-ups are made two weeks ahead: a week in which no worker runs costs none, a clinician sees the next fortnight as rows, and a
# change of the plan touches some rows and not a year of them.
HORIZON = timedelta(days=14)
# Planned on when less than this is left, so that a plan is looked at once a week and not every day.
REFILL = timedelta(days=7)
# A plan that is planned up to here has nothing more to come.
NEVER = date.max
# Of families who have not said when they want to be asked.
USUAL_HOUR = 9


def anchors_of(plan: CarePlan) -> dict[str, date | list[date]]:
    """The dates of a plan."""
    return dates_of(plan.anchors)


def dates_of(kept: Mapping[str, Any]) -> dict[str, date | list[date]]:
    """Dates as they are kept (`anchors_json`)."""
    return {name: _dates(said) for name, said in kept.items() if not isinstance(said, dict)}


def anchors_json(anchors: Anchors) -> dict[str, str | list[str]]:
    """Dates as a plan keeps them."""
    return {
        name: said.isoformat() if isinstance(said, date) else [day.isoformat() for day in sorted(set(said))]
        for name, said in anchors.items()
    }


def _dates(said: str | list[str]) -> date | list[date]:
    return date.fromisoformat(said) if isinstance(said, str) else [date.fromisoformat(day) for day in said]


def first_day(now: datetime, zone: ZoneInfo) -> date:
    """The day from which a plan that begins `now` asks: in the evening's quiet hours nothing could be sent any more today."""
    late = is_quiet(now, zone) and now.astimezone(zone).time() >= QUIET.start
    return local_day(now, zone) + timedelta(days=late)


def timeline(
    plan: CarePlan,
    template: PlanTemplate,
    changes: Sequence[Change],
    *,
    hour: int,
    zone: ZoneInfo,
    start: date,
    end: date,
) -> list[Due]:
    """The follow-ups of a plan from `start` to `end`, none before its own first day; `template` is the patient's own (plans/personal.py).

    On its first day a plan that is taken up late asks at once.
    """
    began = first_day(plan.created_at, zone)
    first = max(start, began)
    if first > end:
        return []
    dues = schedule(template, anchors_of(plan), hour=hour, zone=zone, start=first, end=end, taken_up=first == began)
    return adjusted(dues, template, changes, hour=hour, zone=zone, start=first, end=end)


def planned_up_to(plan: CarePlan, template: PlanTemplate, changes: Sequence[Change], end: date) -> date:
    """Up to which day the plan is made once all follow-ups to `end` are: days on which nothing happens count, and NEVER is the end.

    One that waits for a date is never at its end.
    """
    if any(_last(change) > end for change in changes):
        return end
    anchors = anchors_of(plan)
    following = next_day(template, anchors, end + timedelta(days=1))
    if following is not None:
        return following - timedelta(days=1)
    return NEVER if all(occurrences(anchors, step.anchor) for step in template.steps) else end


def _last(change: Change) -> date:
    """The last day about which a change says something."""
    return max((date.fromisoformat(change.detail[name]) for name in ("day", "until") if change.detail.get(name)), default=date.min)
