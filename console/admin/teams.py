"""Departments as WeCom has them, and the teams that follow patients."""

from aiohttp import web
from sqlalchemy import func, select
from sqlalchemy.ext.asyncio import AsyncSession

from console.admin.people import MANAGE
from console.counted import counted
from console.desk import DESK, SEAT
from console.form import number, words
from console.page import get, post, render, see_other
from console.words import area_words
from records.patient import AccessRefused, Patient
from records.staff import Department, Team, TeamMember
from records.state import StateChange


async def show(request: web.Request) -> web.StreamResponse:
    """Teams with their departments and how many belong to them."""
    async with request.app[DESK].db.transaction() as tx:
        members = dict((await tx.execute(select(TeamMember.team_id, func.count()).group_by(TeamMember.team_id))).all())
        teams = list(await tx.scalars(select(Team).order_by(Team.name)))
        departments = list(await tx.scalars(select(Department).order_by(Department.parent_id.nulls_first(), Department.name)))
    return render(
        request,
        "console/admin/teams.html",
        teams=[(team, members.get(team.id, 0)) for team in teams],
        people=await counted(request, "teams", _patients),
        departments=departments,
        names={each.id: each.name for each in departments},
        wrong=area_words("admin")["mistakes"].get(request.query.get("wrong", "")),
    )


async def _patients(tx: AsyncSession) -> dict[int, int]:
    """How many each team follows."""
    return dict((await tx.execute(select(Patient.team_id, func.count()).group_by(Patient.team_id))).all())


async def save(request: web.Request) -> web.StreamResponse:
    """A new team, or another name or department for one."""
    desk, seat, form = request.app[DESK], request[SEAT], await request.post()
    name, department_id, team_id = words(form, "name", 40), number(form.get("department", "")), number(form.get("team", ""))
    if not name:
        return see_other(request, "/admin/teams", wrong="team_name")
    async with desk.db.transaction() as tx:
        other = await tx.scalar(select(Team.id).where(Team.name == name))
        if other is not None and other != team_id:
            return see_other(request, "/admin/teams", wrong="team_taken")
        team = await tx.get(Team, team_id) if team_id is not None else Team(name=name)
        if team is None:
            raise AccessRefused(f"team {team_id}")
        if department_id is not None and await tx.get(Department, department_id) is None:
            raise AccessRefused(f"department {department_id}")
        old = None if team_id is None else "kept"
        team.name, team.department_id = name, department_id
        tx.add(team)
        await tx.flush()
        detail = {"name": name, "department": department_id}
        tx.add(StateChange(entity="team", entity_id=team.id, old=old, new="kept", at=desk.clock(), by=seat.staff.userid, detail=detail))
    return see_other(request, "/admin/teams", said="team_saved")


ROUTES = (get("/admin/teams", show, MANAGE), post("/admin/teams", save, MANAGE))
