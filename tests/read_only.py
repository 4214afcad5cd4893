"""A database that takes no writes for a while."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import psycopg
from psycopg import sql

from records.database import Database


@asynccontextmanager
async def read_only(db: Database) -> AsyncIterator[None]:
    """`db` as a standby is, to which the connections went too early."""

    async def write(allowed: bool) -> None:
        name = sql.Identifier(psycopg.conninfo.conninfo_to_dict(db.url)["dbname"])
        options = "-c default_transaction_read_only=off"
        async with await psycopg.AsyncConnection.connect(db.url, autocommit=True, options=options) as connection:
            setting = sql.SQL("alter database {} set default_transaction_read_only = {}")
            await connection.execute(setting.format(name, sql.SQL("off" if allowed else "on")))
        # It holds for connections that are made from now on.
        await db.engine.dispose()

    await write(False)
    try:
        yield
    finally:
        await write(True)
