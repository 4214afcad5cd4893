"""What administrators' forms and addresses hold."""

from datetime import date, datetime, time, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from aiohttp import web

from console.form import day, number


def day_span(query: Any, zone: ZoneInfo, today: date, *, days: int) -> tuple[date, date, datetime, datetime]:
    """First and last day of `from` and `until`, and the moments of their begin and end; the last `days` days when they say nothing."""
    last = _day(query.get("until", "")) or today
    first = min(_day(query.get("from", "")) or last - timedelta(days=days - 1), last)
    start, end = (datetime.combine(each, time(), tzinfo=zone) for each in (first, last + timedelta(days=1)))
    return first, last, start, end


def page_of(request: web.Request) -> int:
    """Which page of a long list, from 1."""
    return max(1, min(number(request.query.get("page", "1")) or 1, 10_000))


def _day(text: str) -> date | None:
    try:
        return day(text)
    except ValueError:
        return None
