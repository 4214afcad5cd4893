"""When a team works: its week, its holidays and shifted working days, and the coming weeks as they will be."""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from typing import Any

from aiohttp import web
from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from console.desk import DESK, SEAT
from console.form import day, number, words
from console.page import get, post, render, see_other
from console.team.door import MANAGE, access_team, managed_teams
from console.words import area_words
from plans.chart import texts
from plans.clock import local_day
from plans.keep_hours import NAME, HoursError, clear_days, clear_hours, copy_hours, set_days, set_week
from plans.working_hours import Hours, OtherDay, Span, hours_of
from records.staff import Team
from records.working_hours import WorkingHours

WEEKS = 5
# Morning and afternoon.
SPANS = 2
# What the form proposes to a team that has no hours yet.
USUAL = ((time(8), time(12)), (time(14), time(17, 30)))
OFF = "off"


@dataclass(frozen=True)
class Run:
    """Neighbouring days that are otherwise in the same way."""

    first: date
    last: date
    other: OtherDay


async def show(request: web.Request) -> web.StreamResponse:
    """The hours, and what they come to in the coming weeks."""
    desk, seat = request.app[DESK], request[SEAT]
    now = desk.clock()
    today = local_day(now, desk.zone)
    async with desk.db.transaction() as tx:
        team = await access_team(tx, request)
        hours = await hours_of(tx, team.id)
        others = [each for each in await managed_teams(tx, seat) if each.id != team.id]
        with_hours = set(await tx.scalars(select(WorkingHours.team_id).where(WorkingHours.team_id.in_([each.id for each in others]))))
    monday = today - timedelta(days=today.weekday())
    return render(
        request,
        "console/team/hours.html",
        team=team,
        hours=hours,
        week=hours.week if hours is not None else (USUAL,) * 5 + ((),) * 2,
        weekdays=texts()["weekdays"],
        numbers=range(SPANS),
        opens=hours.rests_until(now, desk.zone) if hours is not None else None,
        runs=_runs(hours, today),
        weeks=[[monday + timedelta(days=7 * row + number) for number in range(7)] for row in range(WEEKS)],
        today=today,
        models=[each for each in others if each.id in with_hours],
        longest_name=NAME,
        wrong=area_words("team").get(request.query.get("wrong", "")),
    )


async def keep_week(request: web.Request) -> web.StreamResponse:
    """The week as it was typed."""
    form = await request.post()

    async def keep(tx: AsyncSession, team: Team, by: str, now: datetime) -> None:
        await set_week(tx, team, [_spans(form, weekday) for weekday in range(7)], by=by, now=now)

    return await _changed(request, keep, said="hours_kept", wrong="hours_form")


async def keep_days(request: web.Request) -> web.StreamResponse:
    """Days off, or days on which the team works as on some weekday."""
    form = await request.post()
    like, name = number(form.get("like", "")), words(form, "name", NAME)

    async def keep(tx: AsyncSession, team: Team, by: str, now: datetime) -> None:
        first = day(words(form, "first"))
        last = day(words(form, "last")) if words(form, "last") else first
        if (like is None and words(form, "like") != OFF) or (like is not None and like > 6):
            raise ValueError("like")
        await set_days(tx, team, first, last, works_like=like, name=name, by=by, now=now)

    return await _changed(request, keep, said="days_kept", wrong="days_form")


async def drop_days(request: web.Request) -> web.StreamResponse:
    """Days that are as the week has them after all."""
    form = await request.post()

    async def drop(tx: AsyncSession, team: Team, by: str, now: datetime) -> None:
        await clear_days(tx, team, day(words(form, "first")), day(words(form, "last")), by=by, now=now)

    return await _changed(request, drop, said="days_dropped", wrong="days_form")


async def drop_hours(request: web.Request) -> web.StreamResponse:
    """Around the clock again."""
    desk, seat = request.app[DESK], request[SEAT]
    async with desk.db.transaction() as tx:
        await clear_hours(tx, await access_team(tx, request), by=seat.staff.userid, now=desk.clock())
    return _back(request, said="hours_dropped")


async def copy(request: web.Request) -> web.StreamResponse:
    """As another team that he manages works."""
    desk, seat, form = request.app[DESK], request[SEAT], await request.post()
    async with desk.db.transaction() as tx:
        team = await access_team(tx, request)
        other = next((each for each in await managed_teams(tx, seat) if each.id == number(form.get("from", ""))), None)
        if other is None:
            return _back(request, wrong="hours_team")
        try:
            await copy_hours(tx, team, other, by=seat.staff.userid, now=desk.clock())
        except HoursError as err:
            return _back(request, wrong=f"hours_{err.code}")
    return _back(request, said="hours_kept")


async def _changed(
    request: web.Request, change: Callable[[AsyncSession, Team, str, datetime], Awaitable[None]], *, said: str, wrong: str
) -> web.StreamResponse:
    """Back on the page: what was `said` after `change` for the team of the address, or why it was not made (`wrong`: typed so)."""
    desk, seat = request.app[DESK], request[SEAT]
    try:
        async with desk.db.transaction() as tx:
            await change(tx, await access_team(tx, request), seat.staff.userid, desk.clock())
    except ValueError:
        return _back(request, wrong=wrong)
    except HoursError as err:
        return _back(request, wrong=f"hours_{err.code}")
    return _back(request, said=said)


def _back(request: web.Request, said: str | None = None, **query: str) -> web.StreamResponse:
    return see_other(request, f"/team/{request.match_info['team']}/hours", said=said, **query)


def _spans(form: Mapping[str, Any], weekday: int) -> list[Span]:
    """The spans of a weekday, in order; a span of which nothing is typed is none. Raises ValueError."""
    spans = []
    for each in range(SPANS):
        begins, ends = (words(form, f"{name}-{weekday}-{each}") for name in ("from", "to"))
        if begins or ends:
            spans.append((time.fromisoformat(begins), time.fromisoformat(ends)))
    return sorted(spans)


def _runs(hours: Hours | None, today: date) -> list[Run]:
    """The other days from today on."""
    runs: list[Run] = []
    for each, other in sorted(hours.days.items()) if hours is not None else ():
        if each < today:
            continue
        if runs and runs[-1].other == other and each - runs[-1].last == timedelta(days=1):
            runs[-1] = Run(runs[-1].first, each, other)
        else:
            runs.append(Run(each, each, other))
    return runs


_HOURS = "/team/{team:\\d{1,18}}/hours"
ROUTES = (
    get(_HOURS, show, MANAGE),
    post(f"{_HOURS}/week", keep_week, MANAGE),
    post(f"{_HOURS}/days", keep_days, MANAGE),
    post(f"{_HOURS}/days/drop", drop_days, MANAGE),
    post(f"{_HOURS}/drop", drop_hours, MANAGE),
    post(f"{_HOURS}/copy", copy, MANAGE),
)
