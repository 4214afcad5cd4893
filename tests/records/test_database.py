"""The door to the database: what is lost is asked for again, what is wrong is said."""

import pytest
from sqlalchemy import text
from sqlalchemy.exc import ProgrammingError

from records.database import Database, DatabaseUnreachable


async def test_a_server_that_never_answers_is_named_without_its_password() -> None:
    away = Database(url="postgresql://careloop:hidden@127.0.0.1:1/careloop")
    await away.open()

    async def ask() -> None:
        async with away.transaction() as tx:
            await tx.execute(text("select 1"))

    with pytest.raises(DatabaseUnreachable, match=r"127\.0\.0\.1:1/careloop cannot be reached") as refused:
        await away.insist(ask, patience=0)
    assert "hidden" not in str(refused.value)
    await away.close()


async def test_a_mistake_is_not_insisted_upon(db: Database) -> None:
    asked = 0

    async def ask() -> None:
        nonlocal asked
        asked += 1
        async with db.transaction() as tx:
            await tx.execute(text("select no_such_column"))

    with pytest.raises(ProgrammingError):
        await db.insist(ask)
    assert asked == 1


async def test_a_connection_that_was_cut_is_made_again(db: Database) -> None:
    cut = False

    async def ask() -> int:
        nonlocal cut
        async with db.transaction() as tx:
            if not cut:
                cut = True
                await tx.execute(text("select pg_terminate_backend(pg_backend_pid())"))
            return int(await tx.scalar(text("select 7")) or 0)

    assert await db.insist(ask) == 7
