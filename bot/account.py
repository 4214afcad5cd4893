"""What `careloop account …` does."""

import asyncio
import io
from collections.abc import Awaitable, Callable

import segno
from sqlalchemy import delete, select
from sqlalchemy.ext.asyncio import AsyncSession

from bot.app import Core, core
from bot.cli_run import command_settings
from bot.registry import RegistryError, clinician
from records.account import Account
from records.role import Role, StaffRole
from records.staff import Staff, Team


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
        account = await tx.scalar(select(Account).where(Account.staff_id == staff.id))
        if account is None:
            raise RegistryError(f"{userid!r} has no password; `careloop account password` makes one.")
        account.failures, account.locked_until = 0, None
        return f"{staff.name} may try again."

    print(_in_transaction(work))


def role_command(userid: str, code: str, team: str | None, *, given: bool) -> None:
    """`careloop account grant` and `careloop account revoke`."""

    async def work(tx: AsyncSession, parts: Core) -> str:
        staff, where = await clinician(tx, userid), await _team(tx, team)
        role = await tx.scalar(select(Role).where(Role.code == code))
        if role is None:
            raise RegistryError(f"There is no role {code!r}; there are: {', '.join(sorted(await tx.scalars(select(Role.code))))}.")
        await _set(tx, staff, role, where, given=given)
        return f"{staff.name} {'is' if given else 'is no longer'} {role.code} {f'in {team}' if team else 'everywhere'}."

    print(_in_transaction(work))


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


async def _set(tx: AsyncSession, staff: Staff, role: Role, team: Team | None, *, given: bool) -> None:
    team_id = team.id if team is not None else None
    same = (StaffRole.staff_id == staff.id, StaffRole.role_id == role.id, StaffRole.team_id.is_not_distinct_from(team_id))
    if not given:
        await tx.execute(delete(StaffRole).where(*same))
    elif await tx.scalar(select(StaffRole.id).where(*same)) is None:
        tx.add(StaffRole(staff_id=staff.id, role_id=role.id, team_id=team_id))


def _in_transaction(work: Callable[[AsyncSession, Core], Awaitable[str]]) -> str:
    async def run() -> str:
        async with core(command_settings("account"), role="account", pool_size=1) as parts, parts.db.transaction() as tx:
            return await work(tx, parts)

    return asyncio.run(run())
