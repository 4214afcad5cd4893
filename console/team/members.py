"""Who belongs to a team: belonging opens its patients."""

from datetime import datetime

from aiohttp import web
from sqlalchemy import or_, select

from bot.leaving import open_work
from console.desk import DESK, SEAT
from console.form import number, words
from console.page import get, post, render, see_other
from console.team.door import MANAGE, access_member, access_team
from plans.rota import end_duties_of
from records.staff import Department, Staff, TeamMember
from records.state import StateChange

SHOWN = 30


async def choose(request: web.Request) -> web.StreamResponse:
    """Staff who may be added, found by name, userid or department."""
    desk, sought = request.app[DESK], words(request.query, "q", 60)
    async with desk.db.transaction() as tx:
        team = await access_team(tx, request)
        inside = select(TeamMember.staff_id).where(TeamMember.team_id == team.id)
        query = (
            select(Staff, Department.name)
            .outerjoin(Department, Department.id == Staff.department_id)
            .where(Staff.active, Staff.id.not_in(inside))
            .order_by(Staff.name, Staff.id)
            .limit(SHOWN + 1)
        )
        if sought:
            columns = (Staff.name, Staff.userid, Department.name)
            query = query.where(or_(*(column.icontains(sought, autoescape=True) for column in columns)))
        people = (await tx.execute(query)).all()
    return render(request, "console/team/choose.html", team=team, people=people[:SHOWN], more=len(people) > SHOWN, sought=sought)


async def add(request: web.Request) -> web.StreamResponse:
    """One more member."""
    desk, seat, form = request.app[DESK], request[SEAT], await request.post()
    given = number(form.get("staff", ""))
    async with desk.db.transaction() as tx:
        team = await access_team(tx, request)
        staff = await tx.get(Staff, given) if given is not None else None
        if staff is None or not staff.active:
            return see_other(request, f"/team/{team.id}", wrong="not_staff")
        if await tx.get(TeamMember, (team.id, staff.id)) is None:
            tx.add(TeamMember(team_id=team.id, staff_id=staff.id))
            tx.add(_change(team.id, staff, "member", seat.staff.userid, desk.clock()))
    return see_other(request, f"/team/{team.id}", said="member_added")


async def remove(request: web.Request) -> web.StreamResponse:
    """A member less. What he has in hand must be handed over before."""
    desk, seat = request.app[DESK], request[SEAT]
    async with desk.db.transaction() as tx:
        team = await access_team(tx, request)
        staff = await access_member(tx, request, team)
        if (await open_work(tx, [staff.id], [team.id]))[staff.id].all:
            return see_other(request, f"/team/{team.id}/members/{staff.id}/hand-over", wrong="has_work")
        now = desk.clock()
        await end_duties_of(tx, staff.id, by=seat.staff.userid, now=now, team_id=team.id)
        await tx.delete(await tx.get_one(TeamMember, (team.id, staff.id)))
        tx.add(_change(team.id, staff, "removed", seat.staff.userid, now))
    return see_other(request, f"/team/{team.id}", said="member_removed")


async def describe(request: web.Request) -> web.StreamResponse:
    """The telephone that families are told."""
    desk, seat, form = request.app[DESK], request[SEAT], await request.post()
    phone = words(form, "phone")
    if len(phone) > 30 or any(sign not in "0123456789-+ 转()（）" for sign in phone):
        return see_other(request, f"/team/{request.match_info['team']}", wrong="phone")
    async with desk.db.transaction() as tx:
        team = await access_team(tx, request)
        detail = {"phone": [team.phone, phone or None]}
        tx.add(StateChange(entity="team", entity_id=team.id, old="kept", new="kept", at=desk.clock(), by=seat.staff.userid, detail=detail))
        team.phone = phone or None
    return see_other(request, f"/team/{team.id}", said="team_changed")


def _change(team_id: int, staff: Staff, new: str, by: str, now: datetime) -> StateChange:
    old = None if new == "member" else "member"
    return StateChange(entity="team_member", entity_id=team_id, old=old, new=new, at=now, by=by, detail={"staff": staff.userid})


ROUTES = (
    get("/team/{team:\\d{1,18}}/members/new", choose, MANAGE),
    post("/team/{team:\\d{1,18}}/members", add, MANAGE),
    post("/team/{team:\\d{1,18}}/members/{staff:\\d{1,18}}/remove", remove, MANAGE),
    post("/team/{team:\\d{1,18}}/describe", describe, MANAGE),
)
