"""HL7's dates and times, with the precision and the offset they were written with."""

import re
from datetime import UTC, date, datetime, timedelta, timezone, tzinfo
from functools import lru_cache

# 20240115083000.123+0800 as the standard has it, 2024-01-15 08:30:00.0 as some databases print it, 2024/1/5 as people type it.
_STAMP = re.compile(
    r"(?P<year>\d{4})(?:(?P<sep>[-/.年])?(?P<month>(?(sep)\d{1,2}|\d\d))(?:(?(sep)[-/.月])(?P<day>(?(sep)\d{1,2}|\d\d))日?"
    r"(?:[T ]*(?P<hour>\d\d)(?::?(?P<minute>\d\d)(?::?(?P<second>\d\d))?)?)?)?)?"
    r"[.,]?\d*\s*(?P<offset>[Zz]|[+-]\d\d(?::?\d\d)?)?",
    re.ASCII,
)


def iso(text: str) -> str:
    """The same moment in ISO 8601 at the precision it was written with, fractions of a second left out; what is no date stays as it is.

    >>> iso("202403141259-0215")
    '2024-03-14T12:59-02:15'
    """
    found = _STAMP.fullmatch(text.strip())
    if found is None or _date(found) is None:
        return text
    parts = [f"{int(found[name]):02}" for name in ("month", "day") if found[name] and int(found[name])]
    told = "-".join((found["year"], *parts))
    if found["hour"] is None or len(parts) < 2:
        return told
    clock = [found[name] for name in ("hour", "minute", "second") if found[name]]
    if any(int(part) > most for part, most in zip(clock, (24, 59, 60), strict=False)):
        return text
    return f"{told}T{':'.join(clock)}{_offset_text(found['offset'])}"


def day_of(text: str) -> date | None:
    """The calendar day as it is written, never moved by an offset; None if there is no whole date."""
    found = _STAMP.match(text.strip())
    return _date(found) if found is not None and found["day"] and int(found["day"]) else None


def moment_of(text: str, zone: tzinfo) -> datetime | None:
    """The moment in UTC; without an offset (or with an impossible one) it is the hospital's local time, without a time of day (or with
    an impossible one) it is midnight there. None if there is no whole date."""
    return _moment(text.strip()[:40], zone) if text else None


# The results of a panel, and the segments of a message, share their times.
@lru_cache(maxsize=1_024)
def _moment(text: str, zone: tzinfo) -> datetime | None:
    found, day = _STAMP.match(text), day_of(text)
    if found is None or day is None:
        return None
    hour, minute, second = (int(found[name] or 0) for name in ("hour", "minute", "second"))
    if hour > 24 or minute > 59 or second > 60:
        hour = minute = second = 0
    offset = _offset(found["offset"])
    try:
        local = datetime(day.year, day.month, day.day, tzinfo=zone if offset is None else timezone(offset))
        # 24:00 and second 60 are moments too. Wall time is added, so no change of the clock lies between.
        return (local + timedelta(hours=hour, minutes=minute, seconds=second)).astimezone(UTC)
    except OverflowError:
        return None


def _date(found: re.Match[str]) -> date | None:
    """The first day that this may be; None for no day of the calendar. Systems write 00 for what they do not know."""
    try:
        return date(int(found["year"]), int(found["month"] or 0) or 1, int(found["day"] or 0) or 1)
    except ValueError:
        return None


def _offset(text: str | None) -> timedelta | None:
    if text is None:
        return None
    if text in "Zz":
        return timedelta()
    hours, minutes = int(text[1:3]), int(text[-2:]) if len(text) > 3 else 0
    if hours > 14 or minutes > 59:
        return None
    return timedelta(hours=hours, minutes=minutes) * (-1 if text[0] == "-" else 1)


def _offset_text(text: str | None) -> str:
    if text is None:
        return ""
    return "+00:00" if text in "Zz" else f"{text[:3]}:{text[-2:] if len(text) > 3 else '00'}"
