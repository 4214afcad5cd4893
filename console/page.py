"""Routes that say what they need, and pages made from templates."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import date, datetime
from functools import cache
from pathlib import Path
from typing import Any
from urllib.parse import urlencode
from zoneinfo import ZoneInfo

import yaml
from aiohttp import web
from jinja2 import Environment, FileSystemLoader, StrictUndefined, pass_context
from jinja2.runtime import Context

from console.desk import BASE, DESK, SEAT, Desk
from console.portrait import age_text
from console.static_files import STATIC

TEMPLATES = Path(__file__).parent / "templates"
Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]
# For pages that need nobody to be signed in, and for those that need no more than that.
NOBODY, ANYBODY = "", "*"


@dataclass(frozen=True)
class Route:
    """One address below /console. `needs` is a right of records.role, in any team; what a row needs is checked at its door."""

    method: str
    path: str
    handler: Handler
    needs: str


def get(path: str, handler: Handler, needs: str) -> Route:
    """A page."""
    return Route("GET", path, handler, needs)


def post(path: str, handler: Handler, needs: str) -> Route:
    """Something that is done."""
    return Route("POST", path, handler, needs)


@dataclass(frozen=True)
class Section:
    """An entry of the console's navigation; `needs` as in Route."""

    path: str
    label: str
    icon: str
    needs: str
    group: str


@cache
def sections() -> tuple[Section, ...]:
    """The navigation, in its order."""
    rows = yaml.safe_load((TEMPLATES / "console" / "navigation.yml").read_text("utf-8"))
    return tuple(Section(**row) for row in rows)


@cache
def sentences() -> dict[str, str]:
    """What the console says by code: errors, notes of what was done."""
    words: dict[str, str] = yaml.safe_load((TEMPLATES / "console" / "sentences.yml").read_text("utf-8"))
    return words


@cache
def environment() -> Environment:
    """Templates escape everything, and a name that is not there is an error."""
    made = Environment(
        loader=FileSystemLoader(TEMPLATES),
        autoescape=True,
        undefined=StrictUndefined,
        finalize=lambda value: "" if value is None else value,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    made.filters.update(day=_day, moment=_moment, clock=_clock, ago=_ago, age=age_text, number=lambda value: f"{value:.6g}")
    return made


def render(request: web.Request, template: str, *, status: int = 200, **context: Any) -> web.Response:
    """The page (or fragment) of `template` below templates/, for whoever sits there."""
    desk, seat = request.app[DESK], request.get(SEAT)
    text = environment().get_template(template).render(
        desk=desk,
        seat=seat,
        csrf=seat.csrf if seat is not None else "",
        now=desk.clock(),
        base=BASE,
        static=STATIC,
        path=request.path,
        sections=[each for each in sections() if seat is not None and (each.needs == ANYBODY or seat.rights.has(each.needs))],
        fragment=request.headers.get("HX-Request") == "true",
        **context,
    )  # fmt: skip
    return web.Response(text=text, status=status, content_type="text/html")


def see_other(request: web.Request, path: str, said: str | None = None, **query: str) -> web.Response:
    """Send the browser on to `path` below /console, where it shows the sentence `said`; htmx is told in its own way."""
    if said is not None:
        query["said"] = said
    address = BASE + path + (f"?{urlencode(query)}" if query else "")
    if request.headers.get("HX-Request") == "true":
        return web.Response(headers={"HX-Redirect": address})
    return web.Response(status=303, headers={"Location": address})


def _local(context: Context, at: datetime) -> datetime:
    desk: Desk = context["desk"]
    return at.astimezone(desk.zone)


@pass_context
def _day(context: Context, at: datetime | date | None) -> str:
    """3月1日, with the year when it is another than this."""
    if at is None:
        return ""
    here = _local(context, at) if isinstance(at, datetime) else at
    return f"{here.month}月{here.day}日" if here.year == _local(context, context["now"]).year else f"{here:%Y-%m-%d}"


@pass_context
def _clock(context: Context, at: datetime) -> str:
    return f"{_local(context, at):%H:%M}"


@pass_context
def _moment(context: Context, at: datetime | None) -> str:
    """今天 08:30, 昨天 08:30, 3月1日 08:30."""
    if at is None:
        return ""
    here, today = _local(context, at), _local(context, context["now"]).date()
    days = (today - here.date()).days
    near = {0: "今天", 1: "昨天", -1: "明天"}.get(days) or _day(context, at)
    return f"{near} {here:%H:%M}"


@pass_context
def _ago(context: Context, at: datetime) -> str:
    """刚刚, 12分钟, 3小时, 2天: how long ago it was."""
    minutes = int((context["now"] - at).total_seconds() // 60)
    if minutes < 1:
        return "刚刚"
    if minutes < 60:
        return f"{minutes}分钟"
    return f"{minutes // 60}小时" if minutes < 60 * 24 else f"{minutes // 1440}天"


def today(desk: Desk) -> date:
    """The hospital's calendar day."""
    return desk.clock().astimezone(desk.zone).date()


def zone_of(request: web.Request) -> ZoneInfo:
    """The hospital's zone."""
    return request.app[DESK].zone
