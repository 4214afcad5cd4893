"""The on-call rota of a team: who, in which tier, from when until when, and the hours that nobody covers."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from aiohttp import web
from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from bot.leaving import Work, open_work
from console.desk import DESK, SEAT
from console.form import moment, number
from console.page import get, post, render, see_other
from console.team.door import MANAGE, access_team, managed_teams
from console.words import area_words
from plans.rota import HIGHEST_TIER, RotaError, Span, add_duty, end_duty, gaps
from records.patient import AccessRefused
from records.staff import OnCall, Staff, Team, TeamMember

# So far ahead the rota is looked at for hours without anybody.
AHEAD = timedelta(days=14)


@dataclass(frozen=True)
class Duty:
    """A line of the rota. `when` is now, later or always."""

    row: OnCall
    staff: Staff
    when: str


async def first(request: web.Request) -> web.StreamResponse:
    """The first team that he manages; those who manage none have nothing here."""
    async with request.app[DESK].db.transaction() as tx:
        teams = await managed_teams(tx, request[SEAT])
    if not teams:
        return render(request, "console/team/none.html")
    return see_other(request, f"/team/{teams[0].id}")


async def show(request: web.Request) -> web.StreamResponse:
    """The whole of a team on one page."""
    desk, seat = request.app[DESK], request[SEAT]
    now = desk.clock()
    async with desk.db.transaction() as tx:
        team, teams = await access_team(tx, request), await managed_teams(tx, seat)
        duties = await _duties(tx, team, now)
        members = await _members(tx, team)
        work = await open_work(tx, [member.id for member in members], [team.id])
    on_now = {duty.staff.id: duty.row.tier for duty in duties if duty.when != "later"}
    return render(
        request,
        "console/team/show.html",
        team=team,
        teams=teams,
        duties=duties,
        gaps=_gaps(duties, now),
        members=[(member, work.get(member.id, Work()), on_now.get(member.id)) for member in members],
        tiers=range(1, HIGHEST_TIER + 1),
        days=AHEAD.days,
        wrong=area_words("team").get(request.query.get("wrong", "")),
    )


async def add(request: web.Request) -> web.StreamResponse:
    """Put somebody on call."""
    desk, seat, form = request.app[DESK], request[SEAT], await request.post()
    try:
        starts, ends = (moment(said, desk.zone) if (said := str(form.get(name, ""))) else None for name in ("starts", "ends"))
    except ValueError:
        return see_other(request, f"/team/{request.match_info['team']}", wrong="form")
    tier, staff_id = number(form.get("tier", "")), number(form.get("staff", ""))
    if tier is None or staff_id is None:
        return see_other(request, f"/team/{request.match_info['team']}", wrong="form")
    try:
        async with desk.db.transaction() as tx:
            team = await access_team(tx, request)
            staff = await tx.get(Staff, staff_id)
            if staff is None:
                raise RotaError("not_member")
            await add_duty(tx, team.id, staff, tier, starts, ends, by=seat.staff.userid, now=desk.clock())
    except RotaError as err:
        return see_other(request, f"/team/{request.match_info['team']}", wrong=err.code)
    return see_other(request, f"/team/{request.match_info['team']}", said="duty_added")


async def end(request: web.Request) -> web.StreamResponse:
    """Take somebody off call."""
    desk, seat = request.app[DESK], request[SEAT]
    async with desk.db.transaction() as tx:
        team = await access_team(tx, request)
        duty = await tx.get(OnCall, int(request.match_info["duty"]), with_for_update=True)
        if duty is None or duty.team_id != team.id:
            raise AccessRefused(f"duty {request.match_info['duty']} of team {team.id}")
        await end_duty(tx, duty, by=seat.staff.userid, now=desk.clock())
    return see_other(request, f"/team/{team.id}", said="duty_ended")


async def _duties(tx: AsyncSession, team: Team, now: datetime) -> list[Duty]:
    query = (
        select(OnCall, Staff)
        .join(Staff, Staff.id == OnCall.staff_id)
        .where(OnCall.team_id == team.id, Staff.active, OnCall.ends_at.is_(None) | (OnCall.ends_at > now))
        .order_by(OnCall.tier, OnCall.starts_at.nulls_first(), Staff.name)
    )
    return [
        Duty(row, staff, "later" if row.starts_at is not None and row.starts_at > now else "now")
        for row, staff in await tx.execute(query)
    ]  # fmt: skip


def _gaps(duties: list[Duty], now: datetime) -> dict[int, list[Span]]:
    """The uncovered spans of each tier that the team has; the first tier is everybody's."""
    tiers = {1, *(duty.row.tier for duty in duties)}
    found = {tier: gaps([duty.row for duty in duties if duty.row.tier == tier], now, now + AHEAD) for tier in sorted(tiers)}
    return {tier: spans for tier, spans in found.items() if spans}


async def _members(tx: AsyncSession, team: Team) -> list[Staff]:
    query = select(Staff).join(TeamMember, TeamMember.staff_id == Staff.id).where(TeamMember.team_id == team.id)
    return list(await tx.scalars(query.order_by(Staff.active.desc(), Staff.name)))


ROUTES = (
    get("/team", first, MANAGE),
    get("/team/{team:\\d{1,18}}", show, MANAGE),
    post("/team/{team:\\d{1,18}}/duties", add, MANAGE),
    post("/team/{team:\\d{1,18}}/duties/{duty:\\d{1,18}}/end", end, MANAGE),
)
