"""Roles from the command line: given and taken as on the console's pages, and written down."""

from datetime import UTC, datetime

import pytest
from sqlalchemy import select

from bot.account import change_role
from bot.registry import BY, RegistryError
from records.account import Account, unlock
from records.database import Database
from records.role import rights_of
from records.staff import Staff
from records.state import StateChange

NOW = datetime(2026, 3, 1, 2, 0, tzinfo=UTC)


async def test_a_role_is_given_and_taken_and_the_last_who_manages_staff_keeps_his(db: Database) -> None:
    async with db.transaction() as tx:
        tx.add_all(Staff(userid=userid, name=name, title="信息科") for userid, name in (("zhou", "周正"), ("lin", "林悦")))
    async with db.transaction() as tx:
        assert await change_role(tx, "zhou", "administrator", None, given=True, now=NOW) == "周正 is administrator everywhere."
        await change_role(tx, "lin", "editor", None, given=True, now=NOW)
        await change_role(tx, "lin", "editor", None, given=True, now=NOW)
        await change_role(tx, "lin", "editor", None, given=False, now=NOW)
        with pytest.raises(RegistryError, match="the last who may manage staff"):
            async with tx.begin_nested():
                await change_role(tx, "zhou", "administrator", None, given=False, now=NOW)
        with pytest.raises(RegistryError, match="no role 'chief'"):
            await change_role(tx, "lin", "chief", None, given=True, now=NOW)
        with pytest.raises(RegistryError, match="no team '眼科'"):
            await change_role(tx, "lin", "editor", "眼科", given=True, now=NOW)
        rows = await tx.scalars(select(StateChange).where(StateChange.entity == "staff_role").order_by(StateChange.id))
        assert [(row.by, row.reason, row.new) for row in rows] == [
            (BY, "administrator", "given"),
            (BY, "editor", "given"),
            (BY, "editor", "taken"),
        ]
        lin = (await tx.scalars(select(Staff).where(Staff.userid == "lin"))).one()
        assert not (await rights_of(tx, lin)).everywhere


async def test_an_account_is_unlocked_and_that_is_written_down(db: Database) -> None:
    async with db.transaction() as tx:
        staff = Staff(userid="lin", name="林悦", title="护士")
        tx.add(staff)
        await tx.flush()
        assert not await unlock(tx, staff, by=BY, now=NOW)
        tx.add(Account(staff_id=staff.id, login="lin", password_hash="", totp_secret="", failures=3, locked_until=NOW, created_at=NOW))
        await tx.flush()
        assert await unlock(tx, staff, by=BY, now=NOW)
        account = (await tx.scalars(select(Account))).one()
        assert (account.failures, account.locked_until) == (0, None)
        [row] = await tx.scalars(select(StateChange).where(StateChange.entity == "account"))
        assert (row.by, row.entity_id, row.new) == (BY, account.id, "open")
