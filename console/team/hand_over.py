"""What a member of a team has in hand goes to a colleague, or back to whoever is on call."""

from aiohttp import web
from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from bot.leaving import hand_over_work, open_work
from console.desk import DESK, SEAT
from console.page import get, post, render, see_other
from console.team.door import MANAGE, access_member, access_team
from console.words import area_words
from records.staff import Staff, Team, TeamMember


async def show(request: web.Request) -> web.StreamResponse:
    """What there is to hand over, and to whom."""
    desk = request.app[DESK]
    async with desk.db.transaction() as tx:
        team = await access_team(tx, request)
        staff = await access_member(tx, request, team)
        others = await _others(tx, team, staff)
        work = (await open_work(tx, [staff.id], [team.id]))[staff.id]
    wrong = area_words("team").get(request.query.get("wrong", ""))
    return render(request, "console/team/hand_over.html", team=team, person=staff, others=others, work=work, wrong=wrong)


async def give(request: web.Request) -> web.StreamResponse:
    """Do it."""
    desk, seat, form = request.app[DESK], request[SEAT], await request.post()
    async with desk.db.transaction() as tx:
        team = await access_team(tx, request)
        staff = await access_member(tx, request, team)
        chosen = str(form.get("to", ""))
        to = next((each for each in await _others(tx, team, staff) if str(each.id) == chosen), None)
        if to is None and chosen:
            return see_other(request, f"/team/{team.id}/members/{staff.id}/hand-over", wrong="not_member")
        await hand_over_work(tx, staff, to=to, by=seat.staff.userid, now=desk.clock(), teams=[team.id])
    return see_other(request, f"/team/{team.id}", said="handed_over")


async def _others(tx: AsyncSession, team: Team, staff: Staff) -> list[Staff]:
    query = select(Staff).join(TeamMember, TeamMember.staff_id == Staff.id)
    return list(await tx.scalars(query.where(TeamMember.team_id == team.id, Staff.active, Staff.id != staff.id).order_by(Staff.name)))


ROUTES = (
    get("/team/{team:\\d{1,18}}/members/{staff:\\d{1,18}}/hand-over", show, MANAGE),
    post("/team/{team:\\d{1,18}}/members/{staff:\\d{1,18}}/hand-over", give, MANAGE),
)
