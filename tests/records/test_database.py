"""The door to the database: what is lost is asked for again, what is wrong is said."""

import asyncio
import shutil
from pathlib import Path

import psycopg
import pytest
from alembic import command
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError, ProgrammingError

from records.database import Database, DatabaseUnreachable, is_lost_connection
from records.migrating import MIGRATIONS, SchemaBehind, check_schema, migrate


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


async def test_a_connection_keeps_prepared_what_a_worker_says_again_and_again(db: Database) -> None:
    async with db.transaction() as tx:
        for _ in range(5):
            for number in range(320):
                await tx.execute(text(f"select {number}"))
        assert await tx.scalar(text("select count(*) from pg_prepared_statements")) >= 320


async def table(db: Database) -> None:
    """Two rows to quarrel over."""
    async with db.transaction() as tx:
        await tx.execute(text("create table quarrel (id int primary key, words text)"))
        await tx.execute(text("insert into quarrel values (1, ''), (2, '')"))


async def test_a_deadlock_is_no_lost_connection_and_costs_one_of_the_two(db: Database) -> None:
    await table(db)
    both_hold = asyncio.Barrier(2)

    async def take(*rows: int) -> None:
        async with db.transaction() as tx:
            await tx.execute(text("set local deadlock_timeout = '10ms'"))
            for row in rows:
                await tx.execute(text("update quarrel set words = words || :mine where id = :row"), {"mine": str(rows[0]), "row": row})
                if row == rows[0]:
                    await both_hold.wait()

    lost, _ = sorted(await asyncio.gather(take(1, 2), take(2, 1), return_exceptions=True), key=lambda result: result is None)
    assert isinstance(lost, DBAPIError)
    assert getattr(lost.orig, "sqlstate", None) == "40P01"
    assert not is_lost_connection(lost)
    async with db.transaction() as tx:
        first, second = await tx.scalars(text("select words from quarrel order by id"))
    assert first == second != ""


@pytest.mark.parametrize(
    ("statements", "sqlstate"),
    [
        (["set local statement_timeout = '10ms'", "select pg_sleep(5)"], "57014"),
        (["set local lock_timeout = '10ms'", "select from quarrel where id = 1 for update"], "55P03"),
        (["select from quarrel where id = 1 for update nowait"], "55P03"),
        (["set local temp_file_limit = '64kB'", "set local work_mem = '64kB'", "select from generate_series(1, 200000)"], "53400"),
        (["insert into quarrel values (1, '')"], "23505"),
        (["select 1 / 0"], "22012"),
    ],
    ids=["cancelled", "lock timeout", "locked", "no room", "there already", "division by zero"],
)
async def test_a_server_that_says_no_is_there(db: Database, statements: list[str], sqlstate: str) -> None:
    await table(db)
    async with db.transaction() as holder:
        await holder.execute(text("select from quarrel where id = 1 for update"))
        with pytest.raises(DBAPIError) as refused:
            async with db.transaction() as tx:
                for statement in statements:
                    await tx.execute(text(statement))
    assert getattr(refused.value.orig, "sqlstate", None) == sqlstate
    assert not is_lost_connection(refused.value)


async def test_a_server_that_hangs_up_or_does_not_answer_is_away(db: Database) -> None:
    with pytest.raises(DBAPIError) as cut:
        async with db.transaction() as tx:
            await tx.execute(text("select pg_terminate_backend(pg_backend_pid())"))
    assert is_lost_connection(cut.value)
    nobody = Database(url="postgresql://careloop@127.0.0.1:1/careloop")
    await nobody.open()
    with pytest.raises(DBAPIError) as refused:
        async with nobody.transaction() as tx:
            await tx.execute(text("select 1"))
    assert is_lost_connection(refused.value)
    await nobody.close()


async def test_our_own_mistakes_are_no_lost_connection() -> None:
    assert not is_lost_connection(ValueError("a mistake"))
    assert not is_lost_connection(TimeoutError())


def test_every_migration_bears_the_number_of_its_file() -> None:
    files = sorted((MIGRATIONS / "versions").glob("[0-9]*.py"))
    assert [f'\nrevision = "{file.name[:4]}"\n' in file.read_text() for file in files] == [True] * len(files)


@pytest.mark.parametrize("behind", [True, False])
def test_a_database_is_migrated_only_where_it_is_not_the_newest(database_url: str, monkeypatch: pytest.MonkeyPatch, behind: bool) -> None:
    upgraded: list[str] = []
    monkeypatch.setattr(command, "upgrade", lambda config, to: upgraded.append(to))
    if behind:
        with psycopg.connect(database_url) as connection:
            connection.execute("update alembic_version set version_num = '0001'")
    migrate(database_url)
    newest = max(file.name[:4] for file in (MIGRATIONS / "versions").glob("[0-9]*.py"))
    assert upgraded == ([newest] if behind else [])


def test_a_rolling_upgrade_adds_first_and_takes_away_when_the_old_are_gone(database_url: str, tmp_path: Path) -> None:
    newer = tmp_path / "migrations"
    shutil.copytree(MIGRATIONS, newer)
    last = max(file.name[:4] for file in (MIGRATIONS / "versions").glob("[0-9]*.py"))
    for number, down, extra, sql in (
        ("9001", last, "", "create table shiny (id int)"),
        ("9002", "9001", "after = True\n", "alter table shiny drop column id"),
        ("9003", "9002", "", "alter table shiny add column name text"),
    ):
        head = f"from alembic import op\n\nrevision = {number!r}\ndown_revision = {down!r}\n{extra}"
        (newer / "versions" / f"{number}_x.py").write_text(f"{head}\n\ndef upgrade():\n    op.execute({sql!r})\n")
    with pytest.raises(SchemaBehind, match=r"lacks migration 9001: run `careloop migrate --before`"):
        check_schema(database_url, folder=newer)
    assert migrate(database_url, before=True, folder=newer) == ["9001"]
    assert migrate(database_url, before=True, folder=newer) == []
    # Old and new side by side: the new may start, and the old may be started again.
    check_schema(database_url, folder=newer)
    check_schema(database_url)
    assert migrate(database_url) == []
    assert migrate(database_url, folder=newer) == ["9002", "9003"]
