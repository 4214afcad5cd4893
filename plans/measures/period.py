"""A report's days, in the hospital's calendar."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Literal
from zoneinfo import ZoneInfo

from tagging.cohort.calendar import midnight

Unit = Literal["day", "week", "month"]


@dataclass(frozen=True)
class Period:
    """From the beginning of `first` to the end of `last`. Raises ValueError when they are out of order."""

    first: date
    last: date
    zone: ZoneInfo

    def __post_init__(self) -> None:
        if self.last < self.first:
            raise ValueError("a period ends before it begins")

    @property
    def since(self) -> datetime:
        """Its first instant, in UTC."""
        return midnight(self.first, self.zone)

    @property
    def until(self) -> datetime:
        """The instant after its end, in UTC."""
        return midnight(self.last + timedelta(days=1), self.zone)

    def days_by(self, now: datetime) -> int:
        """How many of its days have begun by `now`."""
        today = now.astimezone(self.zone).date()
        return max(0, (min(self.last, today) - self.first).days + 1)

    def parts(self, unit: Unit) -> Iterator[tuple[str, "Period"]]:
        """Its days, ISO weeks (2026-W10) or months (2026-03) with their labels; the first and last may be cut short."""
        label, begin = _label(self.first, unit), self.first
        for number in range(1, (self.last - self.first).days + 1):
            day = self.first + timedelta(days=number)
            if _label(day, unit) != label:
                yield label, Period(begin, day - timedelta(days=1), self.zone)
                label, begin = _label(day, unit), day
        yield label, Period(begin, self.last, self.zone)


def _label(day: date, unit: Unit) -> str:
    if unit == "week":
        year, week, _ = day.isocalendar()
        return f"{year}-W{week:02d}"
    return day.isoformat() if unit == "day" else f"{day:%Y-%m}"
