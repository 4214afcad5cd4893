"""Days of the hospital's calendar as bounds, so that a question about time is a comparison with a fixed date or instant."""

from calendar import monthrange
from datetime import UTC, date, datetime, time, timedelta
from typing import Literal
from zoneinfo import ZoneInfo

MONTHS = {"months": 1, "years": 12}


def add(day: date, count: int, unit: Literal["days", "months", "years"]) -> date:
    """`day` plus so many days, months or years; the end of a shorter month stands for days that it does not have (as in PostgreSQL).

    Beyond the calendar it is the last day that there is.
    """
    if unit == "days":
        return day + timedelta(days=count) if count <= (date.max - day).days else date.max
    year, month = divmod(day.year * 12 + day.month - 1 + count * MONTHS[unit], 12)
    if year > date.max.year:
        return date.max
    return date(year, month + 1, min(day.day, monthrange(year, month + 1)[1]))


def born_by(today: date, count: int, unit: Literal["days", "months", "years"]) -> date:
    """The latest birth date of those who have completed `count` days, months or years on `today`."""
    if unit == "days":
        return today - timedelta(days=count) if count <= (today - date.min).days else date.min
    year, month = divmod(today.year * 12 + today.month - 1 - count * MONTHS[unit], 12)
    if year < date.min.year:
        return date.min
    longest = monthrange(year, month + 1)[1]
    # On the last day of a month everybody of the longer month's end completes it too.
    is_last = today.day == monthrange(today.year, today.month)[1]
    return date(year, month + 1, longest if is_last else min(today.day, longest))


def completed(born: date, today: date, unit: Literal["days", "months", "years"]) -> int:
    """How many days, months or years are completed on `today`, which is not before `born`."""
    if unit == "days":
        return (today - born).days
    months = (today.year - born.year) * 12 + today.month - born.month
    if add(born, months, "months") > today:
        months -= 1
    return months // MONTHS[unit]


def midnight(day: date, zone: ZoneInfo) -> datetime:
    """The instant at which `day` begins in the hospital."""
    return datetime.combine(day, time(), tzinfo=zone).astimezone(UTC)


def on(moment: datetime, zone: ZoneInfo) -> date:
    """The hospital's calendar day of an instant."""
    return moment.astimezone(zone).date()
