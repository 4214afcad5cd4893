"""One contact budget per family, across all plans, mass messages and clinicians. Pure: earlier contacts and the time in, one answer out."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from plans.clock import at_hour, local_day
from plans.reach.policy import Budget, Yield
from plans.reach.purpose import is_proactive

WEEK = timedelta(days=7)


@dataclass(frozen=True)
class Allowance:
    """`until` is when to ask again where `allowed` is False; `spent` is "day" or "week"."""

    allowed: bool
    until: datetime | None = None
    spent: str | None = None


def week_began(now: datetime, zone: ZoneInfo) -> datetime:
    """From when on contacts count: seven days ago, or the beginning of today where a day has 25 hours."""
    return min(now - WEEK, at_hour(local_day(now, zone), 0, zone))


def allowance(made: Sequence[datetime], purpose: str, budget: Budget, *, now: datetime, zone: ZoneInfo) -> Allowance:
    """Whether one more contact for `purpose` fits, after those `made` (in order of time).

    A purpose leaves some of the budget to more important ones. What the family asked for, alerts and replies always fit.
    """
    if not is_proactive(purpose):
        return Allowance(True)
    leaves = budget.yields.get(purpose, Yield(day=0, week=0))  # type: ignore[call-overload]
    today = at_hour(local_day(now, zone), 0, zone)
    if sum(at >= today for at in made) >= budget.per_day - leaves.day:
        return Allowance(False, at_hour(local_day(now, zone) + timedelta(days=1), 0, zone), "day")
    week = [at for at in made if at > now - WEEK]
    most = budget.per_week - leaves.week
    if len(week) >= most:
        # Room for one more when enough of the oldest have left the week; never for a purpose that has no share at all.
        return Allowance(False, week[len(week) - most] + WEEK if most > 0 else now + WEEK, "week")
    return Allowance(True)
