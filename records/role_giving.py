"""Roles are given and taken, and that is written down."""

from datetime import datetime

from sqlalchemy import delete, func, select
from sqlalchemy.ext.asyncio import AsyncSession

from records.role import Role, StaffRole
from records.staff import Staff
from records.state import StateChange

# Without anybody who has this right nobody could give it back.
LAST = "staff.manage"


class RoleError(Exception):
    """A role that cannot be given, taken, changed or removed: `code` is last_one, built_in, in_use, taken or empty."""

    permanent = True

    def __init__(self, code: str) -> None:
        super().__init__(code)
        self.code = code


async def set_role(tx: AsyncSession, staff: Staff, role: Role, team_id: int | None, *, given: bool, by: str, now: datetime) -> None:
    """Give or take a role, in a team or (None) everywhere. Twice does no harm. Raises RoleError (`last_one`)."""
    same = (StaffRole.staff_id == staff.id, StaffRole.role_id == role.id, StaffRole.team_id.is_not_distinct_from(team_id))
    has = await tx.scalar(select(StaffRole.id).where(*same)) is not None
    if has == given:
        return
    if given:
        tx.add(StaffRole(staff_id=staff.id, role_id=role.id, team_id=team_id))
    else:
        await tx.execute(delete(StaffRole).where(*same))
        if team_id is None and LAST in role.rights:
            await check_managed(tx)
    _note(tx, "staff_role", staff.id, role, given, by, now, {"team": team_id})


async def put_role(tx: AsyncSession, role: Role | None, code: str, name: str, rights: list[str], *, by: str, now: datetime) -> Role:
    """Make a role, or change one. Raises RoleError: no name, no right, a code that is taken, or nobody left who manages staff."""
    if not name.strip() or not code or not rights:
        raise RoleError("empty")
    if role is None:
        if await tx.scalar(select(Role.id).where(Role.code == code)) is not None:
            raise RoleError("taken")
        role = Role(code=code, name=name.strip(), rights=rights)
        tx.add(role)
    else:
        role.name, role.rights = name.strip(), rights
    await tx.flush()
    await check_managed(tx)
    _note(tx, "role", role.id, role, True, by, now, {"rights": rights})
    return role


async def drop_role(tx: AsyncSession, role: Role, *, by: str, now: datetime) -> None:
    """Remove a role that nobody has. Raises RoleError."""
    if role.built_in:
        raise RoleError("built_in")
    if await tx.scalar(select(StaffRole.id).where(StaffRole.role_id == role.id).limit(1)) is not None:
        raise RoleError("in_use")
    _note(tx, "role", role.id, role, False, by, now, {})
    await tx.delete(role)


async def check_managed(tx: AsyncSession) -> None:
    """Raises RoleError (`last_one`) when no active person is left who may manage staff everywhere."""
    await tx.flush()
    managing = (
        select(func.count())
        .select_from(StaffRole)
        .join(Role, Role.id == StaffRole.role_id)
        .join(Staff, Staff.id == StaffRole.staff_id)
        .where(StaffRole.team_id.is_(None), Staff.active, Role.rights.contains([LAST]))
    )
    if not await tx.scalar(managing):
        raise RoleError("last_one")


def _note(
    tx: AsyncSession, entity: str, entity_id: int, role: Role, given: bool, by: str, now: datetime, detail: dict[str, object]
) -> None:
    old, new = (None, "given") if given else ("given", "taken")
    tx.add(StateChange(entity=entity, entity_id=entity_id, old=old, new=new, at=now, by=by, reason=role.code, detail=detail))
