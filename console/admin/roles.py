"""Roles: named sets of rights."""

import secrets

from aiohttp import web
from sqlalchemy import func, select
from sqlalchemy.ext.asyncio import AsyncSession

from console.admin.people import MANAGE
from console.desk import DESK, SEAT
from console.form import words as typed
from console.page import get, post, render, see_other
from console.words import area_words
from records.patient import AccessRefused
from records.role import RIGHTS, Role, StaffRole
from records.role_giving import RoleError, drop_role, put_role


async def show(request: web.Request) -> web.StreamResponse:
    """All of them, and how many have each."""
    async with request.app[DESK].db.transaction() as tx:
        counts = dict((await tx.execute(select(StaffRole.role_id, func.count()).group_by(StaffRole.role_id))).all())
        roles = [(role, counts.get(role.id, 0)) for role in await tx.scalars(select(Role).order_by(Role.built_in.desc(), Role.id))]
    return render(request, "console/admin/roles.html", roles=roles, labels=area_words("admin")["rights"])


async def edit(request: web.Request) -> web.StreamResponse:
    """One role, or a new one."""
    async with request.app[DESK].db.transaction() as tx:
        role = await _role(tx, request)
    return _form(request, role, role.name if role else "", set(role.rights) if role else set())


async def save(request: web.Request) -> web.StreamResponse:
    """Make it, or change it."""
    desk, seat, form = request.app[DESK], request[SEAT], await request.post()
    name, chosen = typed(form, "name", 40), {str(each) for each in form.getall("right", [])}
    rights = [right for right in RIGHTS if right in chosen]
    try:
        async with desk.db.transaction() as tx:
            role = await _role(tx, request)
            code = role.code if role is not None else f"own_{secrets.token_hex(4)}"
            await put_role(tx, role, code, name, rights, by=seat.staff.userid, now=desk.clock())
    except RoleError as err:
        async with desk.db.transaction() as tx:
            return _form(request, await _role(tx, request), name, chosen, wrong=err.code)
    return see_other(request, "/admin/roles", said="role_saved")


async def drop(request: web.Request) -> web.StreamResponse:
    """Remove one that nobody has."""
    desk, seat = request.app[DESK], request[SEAT]
    try:
        async with desk.db.transaction() as tx:
            role = await _role(tx, request)
            if role is None:
                raise web.HTTPNotFound
            await drop_role(tx, role, by=seat.staff.userid, now=desk.clock())
    except RoleError as err:
        async with desk.db.transaction() as tx:
            role = await _role(tx, request)
        return _form(request, role, role.name if role else "", set(role.rights) if role else set(), wrong=err.code)
    return see_other(request, "/admin/roles", said="role_dropped")


async def _role(tx: AsyncSession, request: web.Request) -> Role | None:
    """The role of the address; None for a new one. Raises AccessRefused."""
    if (given := request.match_info["id"]) == "new":
        return None
    role = await tx.get(Role, int(given))
    if role is None:
        raise AccessRefused(f"role {given}")
    return role


def _form(request: web.Request, role: Role | None, name: str, chosen: set[str], *, wrong: str | None = None) -> web.Response:
    words = area_words("admin")
    areas: dict[str, list[str]] = {}
    for right in RIGHTS:
        areas.setdefault(right.partition(".")[0], []).append(right)
    return render(
        request,
        "console/admin/role.html",
        status=200 if wrong is None else 422,
        role=role,
        name=name,
        chosen=chosen,
        areas=areas,
        labels=words["rights"],
        area_names=words["areas"],
        wrong=words["mistakes"].get(f"role_{wrong}"),
    )


ONE = "/admin/roles/{id:\\d{1,18}|new}"
ROUTES = (get("/admin/roles", show, MANAGE), get(ONE, edit, MANAGE), post(ONE, save, MANAGE), post(f"{ONE}/drop", drop, MANAGE))
