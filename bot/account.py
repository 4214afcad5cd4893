"""What `careloop account …` does."""

import asyncio
import io
from collections.abc import Awaitable, Callable
from datetime import datetime

import segno
from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from bot.app import Core, core
from bot.cli_run import command_settings
from bot.registry import BY, RegistryError, clinician
from records.account import unlock
from records.role import Role
from records.role_giving import RoleError, set_role
from records.staff import Team


def password_command(userid: str, login: str, password: str) -> None:
    """`careloop account password`."""

    async def work(tx: AsyncSession, parts: Core) -> str:
        from bot.app import new_password

        staff = await clinician(tx, userid)
        address = await new_password(tx, staff, login, password, parts)
        picture = io.StringIO()
        segno.make(address).terminal(out=picture, compact=True)
        return f"{picture.getvalue()}\n{address}\n{staff.name} signs in as {login}. Scan the code now: it is not shown again."

    print(_in_transaction(work))


def unlock_command(userid: str) -> None:
    """`careloop account unlock`."""

    async def work(tx: AsyncSession, parts: Core) -> str:
        staff = await clinician(tx, userid)
        if not await unlock(tx, staff, by=BY, now=parts.clock()):
            raise RegistryError(f"{userid!r} has no password; `careloop account password` makes one.")
        return f"{staff.name} may try again."

    print(_in_transaction(work))


def role_command(userid: str, code: str, team: str | None, *, given: bool) -> None:
    """`careloop account grant` and `careloop account revoke`."""

    async def work(tx: AsyncSession, parts: Core) -> str:
        return await change_role(tx, userid, code, team, given=given, now=parts.clock())

    print(_in_transaction(work))


async def change_role(tx: AsyncSession, userid: str, code: str, team: str | None, *, given: bool, now: datetime) -> str:
    """Give or take a role, and say so. Raises RegistryError: no such person, role or team, or nobody would be left who manages staff."""
    staff, where = await clinician(tx, userid), await _team(tx, team)
    role = await tx.scalar(select(Role).where(Role.code == code))
    if role is None:
        raise RegistryError(f"There is no role {code!r}; there are: {', '.join(sorted(await tx.scalars(select(Role.code))))}.")
    try:
        await set_role(tx, staff, role, where.id if where is not None else None, given=given, by=BY, now=now)
    except RoleError as err:
        raise RegistryError(f"{staff.name} is the last who may manage staff: grant it to somebody else first.") from err
    return f"{staff.name} {'is' if given else 'is no longer'} {role.code} {f'in {team}' if team else 'everywhere'}."


def sync_command() -> None:
    """`careloop account sync`."""
    from bot.app import wecom_client
    from bot.staff_sync import StaffSyncError, look_up, take_over

    async def run() -> str:
        async with core(command_settings("account"), role="account", pool_size=2) as parts, wecom_client(parts) as client:
            corp = await look_up(client)
            try:
                async with parts.db.transaction() as tx:
                    done = await take_over(tx, corp, now=parts.clock())
            except StaffSyncError as err:
                why = "holds nobody." if err.code == "empty" else f"lacks {err.count} of the staff at once: is the app's range too small?"
                raise RegistryError(f"The directory {why} Nothing was changed.") from err
        lines = [f"{done.new} new, {done.changed} changed, {len(done.left)} left."]
        lines += [f"{userid} has left: work handed back to the team." for userid in done.left]
        lines += [f"{userid} is in the directory again and not active here." for userid in done.back]
        return "\n".join(lines)

    print(asyncio.run(run()))


async def _team(tx: AsyncSession, name: str | None) -> Team | None:
    if name is None:
        return None
    team: Team | None = await tx.scalar(select(Team).where(Team.name == name))
    if team is None:
        raise RegistryError(f"There is no team {name!r}.")
    return team


def _in_transaction(work: Callable[[AsyncSession, Core], Awaitable[str]]) -> str:
    async def run() -> str:
        async with core(command_settings("account"), role="account", pool_size=1) as parts, parts.db.transaction() as tx:
            return await work(tx, parts)

    return asyncio.run(run())
