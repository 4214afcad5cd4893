"""The hospital's calendar: instants are UTC, days and hours are the hospital's."""

from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo


def local_day(moment: datetime, zone: ZoneInfo) -> date:
    """The hospital's calendar day of an aware `moment`. Raises ValueError for a naive one."""
    if moment.tzinfo is None:
        raise ValueError("a naive datetime has no day")
    return moment.astimezone(zone).date()


def at_hour(day: date, hour: int, zone: ZoneInfo) -> datetime:
    """`hour` o'clock of `day` in `zone`, as an instant in UTC."""
    return datetime.combine(day, time(hour), tzinfo=zone).astimezone(UTC)


def end_of_day(day: date, zone: ZoneInfo) -> datetime:
    """The midnight that ends `day` in `zone`, in UTC; 23 to 25 hours after its beginning where clocks change."""
    return at_hour(day + timedelta(days=1), 0, zone)
