"""Names and numbers of a synthetic hospital are drawn by the database and sealed here, in bulk, before they are anywhere on file."""

import asyncio
from collections.abc import Sequence
from typing import Any

from psycopg import AsyncConnection as Psycopg
from sqlalchemy import Row, text
from sqlalchemy.ext.asyncio import AsyncConnection

from records.resealing import changed, stored_columns
from records.schema import Base
from records.sealed import Blind, SealedJson, ring_of, sealed_columns

# Drawn into a temporary table `drawn_…` of the same columns.
SEALED = ("patient", "carer")


async def prepare_drawn(connection: AsyncConnection) -> None:
    """The temporary tables: what is drawn, and what of it is sealed."""
    for table in SEALED:
        columns = ", ".join(f"{name} {kind}" for name, kind in _kinds(table).items())
        await connection.exec_driver_sql(f"create temp table drawn_{table} (like {table} including defaults)")
        await connection.exec_driver_sql(f"create temp table sealed_{table} (id bigint, {columns})")


async def take_over(connection: AsyncConnection, table: str) -> None:
    """Seal the drawn rows and put them on file."""
    names, columns = list(_kinds(table)), Base.metadata.tables[table].columns.keys()
    rows = (await connection.execute(stored_columns(Base.metadata.tables[table], f"drawn_{table}"))).all()
    sealed = await asyncio.to_thread(_seal, ring_of(connection.dialect), table, names, rows)
    driver: Psycopg[Any] = (await connection.get_raw_connection()).driver_connection  # type: ignore[assignment]
    async with driver.cursor() as cursor, cursor.copy(f"copy sealed_{table} (id, {', '.join(names)}) from stdin") as copy:
        for row in sealed:
            await copy.write_row(row)
    values = ", ".join(f"coalesce(s.{name}, d.{name})" if name in names else f"d.{name}" for name in columns)
    quoted = ", ".join(columns)
    await connection.execute(
        text(f"insert into {table} ({quoted}) select {values} from drawn_{table} d join sealed_{table} s on s.id = d.id order by d.id")  # noqa: S608
    )
    await connection.exec_driver_sql(f"truncate drawn_{table}, sealed_{table}")


def _seal(ring: Any, table: str, names: Sequence[str], rows: Sequence[Row[Any]]) -> list[tuple[Any, ...]]:
    found = []
    for row in rows:
        new = changed(ring, Base.metadata.tables[table], row._mapping, raw=True)
        found.append((row.id, *(new.get(name) for name in names)))
    return found


def _kinds(table: str) -> dict[str, str]:
    """What is sealed or reckoned here, with PostgreSQL's types."""
    of = Base.metadata.tables[table]
    sealed = {name: "jsonb" if isinstance(kind, SealedJson) else "text" for name, kind in sealed_columns(of).items()}
    return sealed | {column.name: "bytea" for column in of.columns if isinstance(column.type, Blind)}
