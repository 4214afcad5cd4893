"""Everybody who works here: found, and taken over from WeCom's directory."""

from datetime import datetime
from typing import Any

import structlog
from aiohttp import web
from sqlalchemy import or_, select
from sqlalchemy.ext.asyncio import AsyncSession

from bot.staff_sync import SETTING, StaffSyncError, take_over
from console.admin.fields import page_of
from console.desk import DESK
from console.form import words
from console.page import get, post, render, see_other
from console.words import area_words
from records.account import Account
from records.role import Role, StaffRole
from records.setting import Setting
from records.staff import Department, Staff, Team, TeamMember

log = structlog.get_logger(__name__)

MANAGE = "staff.manage"
SHOWN = 50


async def show(request: web.Request) -> web.StreamResponse:
    """The list, by name, userid or department; those who have left on demand."""
    desk, sought, left = request.app[DESK], words(request.query, "q", 60), "left" in request.query
    page = page_of(request)
    async with desk.db.transaction() as tx:
        query = (
            select(Staff, Department.name)
            .outerjoin(Department, Department.id == Staff.department_id)
            .where(Staff.active.is_not(left))
            .order_by(Staff.name, Staff.id)
            .offset((page - 1) * SHOWN)
            .limit(SHOWN + 1)
        )
        if sought:
            columns = (Staff.name, Staff.userid, Department.name)
            query = query.where(or_(*(column.icontains(sought, autoescape=True) for column in columns)))
        rows = (await tx.execute(query)).all()
        people = await _with_places(tx, [(staff, department) for staff, department in rows[:SHOWN]])
        last = await tx.get(Setting, SETTING)
    return render(
        request,
        "console/admin/people.html",
        people=people,
        more=len(rows) > SHOWN,
        page=page,
        sought=sought,
        left=left,
        last=last.value if last is not None else None,
        last_at=datetime.fromisoformat(last.value["at"]) if last is not None else None,
        can_sync=desk.installation is not None,
        wrong=area_words("admin")["mistakes"].get(request.query.get("wrong", "")),
    )


async def sync(request: web.Request) -> web.StreamResponse:
    """Take the directory over now."""
    desk = request.app[DESK]
    if desk.installation is None:
        raise web.HTTPNotFound
    try:
        corp = await desk.installation.directory()
    except Exception as err:
        log.error("directory cannot be read", error=type(err).__name__, code=getattr(err, "code", None))
        return see_other(request, "/admin/people", wrong="wecom_down")
    try:
        async with desk.db.transaction() as tx:
            await take_over(tx, corp, now=desk.clock())
    except StaffSyncError as err:
        return see_other(request, "/admin/people", wrong=f"sync_{err.code}")
    return see_other(request, "/admin/people", said="staff_synced")


async def _with_places(tx: AsyncSession, rows: list[tuple[Staff, str | None]]) -> list[dict[str, Any]]:
    ids = [staff.id for staff, _ in rows]
    teams: dict[int, list[str]] = {}
    member = select(TeamMember.staff_id, Team.name).join(Team, Team.id == TeamMember.team_id).where(TeamMember.staff_id.in_(ids))
    for staff_id, name in await tx.execute(member.order_by(Team.name)):
        teams.setdefault(staff_id, []).append(name)
    roles: dict[int, list[str]] = {}
    given = select(StaffRole.staff_id, Role.name).join(Role, Role.id == StaffRole.role_id).where(StaffRole.staff_id.in_(ids))
    for staff_id, name in await tx.execute(given.order_by(Role.name).distinct()):
        roles.setdefault(staff_id, []).append(name)
    accounts = set(await tx.scalars(select(Account.staff_id).where(Account.staff_id.in_(ids))))
    return [
        {
            "staff": staff,
            "department": department,
            "teams": teams.get(staff.id, []),
            "roles": roles.get(staff.id, []),
            "account": staff.id in accounts,
        }
        for staff, department in rows
    ]


ROUTES = (get("/admin/people", show, MANAGE), post("/admin/people/sync", sync, MANAGE))
