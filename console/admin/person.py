"""One who works here: roles per team, account, sessions, leaving and coming back."""

from aiohttp import web
from sqlalchemy import func, select
from sqlalchemy.ext.asyncio import AsyncSession

from bot.leaving import come_back, leave, open_work
from console.admin.people import MANAGE
from console.desk import DESK, SEAT
from console.form import number
from console.page import get, post, render, see_other
from console.words import area_words
from records.account import Account, StaffSession, end_sessions_of, unlock
from records.patient import AccessRefused
from records.role import Role, StaffRole
from records.role_giving import RoleError, check_managed, set_role
from records.staff import Department, Staff, Team, TeamMember, teams_of
from records.state import StateChange


async def show(request: web.Request) -> web.StreamResponse:
    """Everything about him that an administrator decides."""
    desk = request.app[DESK]
    async with desk.db.transaction() as tx:
        person = await _person(tx, request)
        teams = list(await tx.scalars(select(Team).order_by(Team.name)))
        roles = list(await tx.scalars(select(Role).order_by(Role.built_in.desc(), Role.id)))
        given = select(StaffRole, Role, Team.name).join(Role, Role.id == StaffRole.role_id).outerjoin(Team, Team.id == StaffRole.team_id)
        has = (await tx.execute(given.where(StaffRole.staff_id == person.id).order_by(Team.name.nulls_first(), Role.name))).all()
        member = select(Team).join(TeamMember, TeamMember.team_id == Team.id).where(TeamMember.staff_id == person.id)
        belongs = list(await tx.scalars(member.order_by(Team.name)))
        account = await tx.scalar(select(Account).where(Account.staff_id == person.id))
        open_ = select(func.count(), func.max(StaffSession.seen_at)).where(
            StaffSession.staff_id == person.id, StaffSession.ended_at.is_(None)
        )
        sessions, seen = (await tx.execute(open_)).one()
        department = await tx.get(Department, person.department_id) if person.department_id is not None else None
        work = (await open_work(tx, [person.id]))[person.id]
        member_of = teams_of(person.id)
        near = select(Staff).join(TeamMember, TeamMember.staff_id == Staff.id)
        near = near.where(Staff.active, Staff.id != person.id, TeamMember.team_id.in_(member_of)).distinct().order_by(Staff.name)
        colleagues = list(await tx.scalars(near))
    return render(
        request,
        "console/admin/person.html",
        person=person,
        department=department,
        teams=teams,
        roles=roles,
        has=has,
        belongs=belongs,
        account=account,
        locked=account is not None and account.locked_until is not None and account.locked_until > desk.clock(),
        sessions=sessions,
        seen=seen,
        work=work,
        colleagues=colleagues,
        wrong=area_words("admin")["mistakes"].get(request.query.get("wrong", "")),
    )


async def change_role(request: web.Request) -> web.StreamResponse:
    """Give (`give`) or take a role, in a team or everywhere."""
    desk, seat, form = request.app[DESK], request[SEAT], await request.post()
    role_id, team_id = number(form.get("role", "")), number(form.get("team", ""))
    given = form.get("do") == "give"
    try:
        async with desk.db.transaction() as tx:
            person = await _person(tx, request)
            role = await tx.get(Role, role_id) if role_id is not None else None
            if role is None or (team_id is not None and await tx.get(Team, team_id) is None):
                raise RoleError("unknown")
            await set_role(tx, person, role, team_id, given=given, by=seat.staff.userid, now=desk.clock())
    except RoleError as err:
        return _back(request, wrong=f"role_{err.code}")
    return _back(request, said="role_given" if given else "role_taken")


async def let_in(request: web.Request) -> web.StreamResponse:
    """Let somebody try again who typed a wrong password too often."""
    desk, seat = request.app[DESK], request[SEAT]
    async with desk.db.transaction() as tx:
        person = await _person(tx, request)
        if not await unlock(tx, person, by=seat.staff.userid, now=desk.clock()):
            raise AccessRefused(f"account of staff {person.id}")
    return _back(request, said="unlocked")


async def sign_out(request: web.Request) -> web.StreamResponse:
    """End all his sessions."""
    desk, seat = request.app[DESK], request[SEAT]
    async with desk.db.transaction() as tx:
        person = await _person(tx, request)
        await end_sessions_of(tx, person.id, desk.clock())
        tx.add(StateChange(entity="staff", entity_id=person.id, old="in", new="signed_out", at=desk.clock(), by=seat.staff.userid))
    return _back(request, said="signed_out_of_all")


async def end(request: web.Request) -> web.StreamResponse:
    """He leaves: nothing of his work stays with him."""
    desk, seat, form = request.app[DESK], request[SEAT], await request.post()
    to_id = number(form.get("to", ""))
    try:
        async with desk.db.transaction() as tx:
            person = await _person(tx, request)
            if person.id == seat.staff.id:
                raise RoleError("yourself")
            to = await tx.get(Staff, to_id) if to_id is not None else None
            if to is not None and (not to.active or to.id == person.id):
                to = None
            await leave(tx, person, by=seat.staff.userid, now=desk.clock(), to=to)
            await check_managed(tx)
    except RoleError as err:
        return _back(request, wrong=f"role_{err.code}")
    return _back(request, said="has_left")


async def again(request: web.Request) -> web.StreamResponse:
    """He is back."""
    desk, seat = request.app[DESK], request[SEAT]
    async with desk.db.transaction() as tx:
        come_back(tx, await _person(tx, request), by=seat.staff.userid, now=desk.clock())
    return _back(request, said="is_back")


async def _person(tx: AsyncSession, request: web.Request) -> Staff:
    person = await tx.get(Staff, int(request.match_info["id"]))
    if person is None:
        raise AccessRefused(f"staff {request.match_info['id']}")
    return person


def _back(request: web.Request, said: str | None = None, **query: str) -> web.Response:
    return see_other(request, f"/admin/people/{request.match_info['id']}", said, **query)


ONE = "/admin/people/{id:\\d{1,18}}"
ROUTES = (
    get(ONE, show, MANAGE),
    post(f"{ONE}/role", change_role, MANAGE),
    post(f"{ONE}/unlock", let_in, MANAGE),
    post(f"{ONE}/sign-out", sign_out, MANAGE),
    post(f"{ONE}/leave", end, MANAGE),
    post(f"{ONE}/back", again, MANAGE),
)
