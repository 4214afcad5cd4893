"""When something was or will be, how old a child is, how much was measured, as people say it: the filters of templates."""

import re
from datetime import date, datetime

from jinja2 import pass_context
from jinja2.runtime import Context
from markupsafe import Markup

from console.desk import Desk

_DAY = re.compile(r"(?<!\d)\d{4}-(?:0[1-9]|1[0-2])-(?:0[1-9]|[12]\d|3[01])(?!\d)")


def _local(context: Context, at: datetime) -> datetime:
    desk: Desk = context["desk"]
    return at.astimezone(desk.zone)


def _span(minutes: int) -> str:
    if minutes < 60:
        return f"{minutes}分钟"
    return f"{minutes // 60}小时" if minutes < 60 * 24 else f"{minutes // 1440}天"


@pass_context
def day(context: Context, at: datetime | date | None) -> str:
    """3月1日, with the year when it is another than this."""
    if at is None:
        return ""
    here = _local(context, at) if isinstance(at, datetime) else at
    return f"{here.month}月{here.day}日" if here.year == _local(context, context["now"]).year else f"{here:%Y-%m-%d}"


@pass_context
def clock(context: Context, at: datetime) -> str:
    return f"{_local(context, at):%H:%M}"


@pass_context
def moment(context: Context, at: datetime | None) -> str:
    """今天 08:30, 昨天 08:30, 3月1日 08:30."""
    if at is None:
        return ""
    here, today = _local(context, at), _local(context, context["now"]).date()
    days = (today - here.date()).days
    near = {0: "今天", 1: "昨天", -1: "明天"}.get(days) or day(context, at)
    return f"{near} {here:%H:%M}"


@pass_context
def ago(context: Context, at: datetime) -> str:
    """刚刚, 12分钟, 3小时, 2天: how long ago it was."""
    minutes = int((context["now"] - at).total_seconds() // 60)
    return "刚刚" if minutes < 1 else _span(minutes)


@pass_context
def ticking(context: Context, at: datetime | None) -> str:
    """As `ago`, and it goes on while the page is open."""
    if at is None:
        return ""
    return Markup('<time datetime="{}" data-ago title="{}">{}</time>').format(at.isoformat(), moment(context, at), ago(context, at))


def age_text(days: int) -> str:
    """An age as paediatricians say it: days in the first month, months in the first two years, then years."""
    months, years = int(days / 30.4375), int(days / 365.25)
    if days < 28:
        return f"{days}天"
    if years < 2:
        return f"{months}月龄"
    left = int((days - years * 365.25) / 30.4375)
    return f"{years}岁{left}月" if left and years < 6 else f"{years}岁"


def number_text(value: float) -> str:
    """A measured number without the zeros that nobody measured."""
    return f"{value:.6g}"


@pass_context
def dated(context: Context, said: str) -> str:
    """A sentence with its days as people say them: 2026-03-01 is 3月1日."""

    def spoken(found: re.Match[str]) -> str:
        try:
            return day(context, date.fromisoformat(found[0]))
        except ValueError:
            return found[0]

    return _DAY.sub(spoken, said)


FILTERS = {
    "day": day,
    "dated": dated,
    "moment": moment,
    "clock": clock,
    "ago": ago,
    "ticking": ticking,
    "age": age_text,
    "number": number_text,
}
