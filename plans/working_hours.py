"""When a team works, and when it will again. Holidays and the working days that are shifted for them are days of their own."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from sqlalchemy.ext.asyncio import AsyncSession

from plans.chart import day_text, texts
from plans.clock import local_day
from records.working_hours import WorkingHours

Span = tuple[time, time]
# Nobody's holidays are longer; a team that does not open within this time is not waited for.
LOOK_AHEAD = timedelta(days=30)


@dataclass(frozen=True)
class OtherDay:
    """A day that works as weekday `like` (0: Monday) does, or, None, not at all; `name` is what people call it."""

    like: int | None
    name: str


@dataclass(frozen=True)
class Hours:
    """A team's `week`, Monday first, and its other `days`. Spans of a day are in order and do not overlap."""

    week: tuple[tuple[Span, ...], ...]
    days: Mapping[date, OtherDay]

    def spans(self, day: date) -> tuple[Span, ...]:
        """When the team works on `day`."""
        other = self.days.get(day)
        if other is None:
            return self.week[day.weekday()]
        return self.week[other.like] if other.like is not None else ()

    def rests_until(self, now: datetime, zone: ZoneInfo) -> datetime | None:
        """The next moment at which the team works; None while it does, and where it does not open within LOOK_AHEAD."""
        today = local_day(now, zone)
        for offset in range(LOOK_AHEAD.days + 1):
            day = today + timedelta(days=offset)
            for begins, ends in self.spans(day):
                opens, closes = (datetime.combine(day, each, tzinfo=zone).astimezone(now.tzinfo) for each in (begins, ends))
                if now < opens:
                    return opens
                if now < closes:
                    return None
        return None


def hours_from(week: Sequence[Any] | None, days: Mapping[str, Any] | None) -> Hours | None:
    """What a row of WorkingHours says; None where there is no row."""
    if week is None:
        return None
    return Hours(
        tuple(tuple((time.fromisoformat(begins), time.fromisoformat(ends)) for begins, ends in spans) for spans in week),
        {date.fromisoformat(day): OtherDay(other["like"], other["name"]) for day, other in (days or {}).items()},
    )


async def hours_of(tx: AsyncSession, team_id: int) -> Hours | None:
    """The team's hours; None: it works around the clock."""
    row = await tx.get(WorkingHours, team_id)
    return hours_from(row.week, row.days) if row is not None else None


async def rests_until(tx: AsyncSession, team_id: int, now: datetime, zone: ZoneInfo) -> datetime | None:
    """When the team works again, if it rests now; None while it works."""
    hours = await hours_of(tx, team_id)
    return hours.rests_until(now, zone) if hours is not None else None


def when_text(moment: datetime, now: datetime, zone: ZoneInfo) -> str:
    """明天8:00, or 10月9日（周五）8:00 further on."""
    day, today, at = local_day(moment, zone), local_day(now, zone), moment.astimezone(zone)
    return f"{texts()['near'].get((day - today).days) or day_text(day, today)}{at.hour}:{at:%M}"
