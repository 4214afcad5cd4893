"""Erasing all that belongs to a patient: found by the tables' own references, so that a table that is added tomorrow is not forgotten."""

from collections.abc import Iterable, Mapping
from datetime import datetime
from functools import cache
from typing import Any

from sqlalchemy import Column, ColumnElement, Integer, Table, and_, delete, false, func, not_, or_, select, update
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.ext.asyncio import AsyncSession

from records.audit_sealing import note_removal
from records.schema import Base
from records.sealed import keyring_of, open_row

# Whose rows are told by the caller; all others belong to whoever they name.
ROOTS = ("patient", "carer", "chat")
# The request itself and what it leaves, and who has read: a program's proof, without content.
STAY = frozenset({"erasure", "kept_record", "tombstone", "read_audit"})
# Columns that name a row without a reference, and are not called after its table.
_NAMED = {("patient_merge", "kept_id"): "patient", ("patient_merge", "gone_id"): "patient"}

Doomed = dict[str, set[int]]


def names(column: Column[Any]) -> str | None:
    """The table of which `column` names a row: by reference, or by being called after it."""
    for key in column.foreign_keys:
        return key.column.table.name
    told = _NAMED.get((column.table.name, column.name)) or column.name.removesuffix("_id")
    is_number = isinstance(column.type, Integer) and not isinstance(column.type, ARRAY)
    return told if is_number and told != column.name and told in Base.metadata.tables else _NAMED.get((column.table.name, column.name))


@cache
def owned() -> dict[str, tuple[Column[Any], ...]]:
    """The tables that hold rows of patients, with the columns that say whose; each before those that refer to it."""
    found: dict[str, tuple[Column[Any], ...]] = {name: () for name in ROOTS}
    grew = True
    while grew:
        grew = False
        for table in _sorted():
            if table.name in STAY or table.name in ROOTS:
                continue
            columns = tuple(column for column in table.columns if names(column) in found)
            if columns and found.get(table.name) != columns:
                found[table.name] = columns
                grew = True
    return {table.name: found[table.name] for table in _sorted() if table.name in found}


async def find_doomed(tx: AsyncSession, roots: Mapping[str, Iterable[int]]) -> Doomed:
    """The ids of all rows that belong to these patients, carers and chats, by table; of tables that have ids."""
    found: Doomed = {name: set(roots[name]) for name in ROOTS}
    grew = True
    while grew:
        grew = False
        for name in owned():
            table = Base.metadata.tables[name]
            if name in ROOTS or "id" not in table.columns:
                continue
            ids = set(await tx.scalars(select(table.c.id).where(belongs(table, found))))
            if ids - found.get(name, set()):
                found[name] = ids | found.get(name, set())
                grew = True
    return found


def belongs(table: Table, doomed: Doomed) -> ColumnElement[bool]:
    """The condition by which a row of `table` belongs to what is doomed: it is about the patient, or about nobody and hangs on what is his.

    What is about another patient stays, unless it cannot stand without what goes.
    """
    if table.name in ROOTS:
        return table.c.id.in_(doomed[table.name])
    hangs = {column: column.in_(ids) for column in owned()[table.name] if (ids := doomed.get(names(column) or ""))}
    whose = table.c.get("patient_id")
    if whose is None:
        return or_(false(), *hangs.values())
    cannot = [told for column, told in hangs.items() if column.foreign_keys and not column.nullable]
    others = [told for column, told in hangs.items() if column is not whose] if whose.nullable else []
    return or_(false(), whose.in_(doomed["patient"]), *cannot, and_(whose.is_(None), or_(false(), *others)))


async def detach(tx: AsyncSession, doomed: Doomed) -> None:
    """Let go of what is doomed where a row of somebody else refers to it."""
    for name, columns in owned().items():
        table = Base.metadata.tables[name]
        for column in columns:
            if column.foreign_keys and column.nullable and (ids := doomed.get(names(column) or "")):
                await tx.execute(update(table).where(column.in_(ids), not_(belongs(table, doomed))).values({column.name: None}))


async def rows_of(tx: AsyncSession, name: str, doomed: Doomed) -> list[dict[str, Any]]:
    """What the doomed rows of this table say, as JSON."""
    table = Base.metadata.tables[name]
    rows = await tx.scalars(select(func.to_jsonb(table.table_valued())).where(belongs(table, doomed)))
    return [open_row(keyring_of(tx), table, row) for row in rows]


async def changes_of(tx: AsyncSession, name: str, doomed: Doomed) -> list[dict[str, Any]]:
    """What became of the doomed rows of this table, as JSON."""
    table = Base.metadata.tables["state_change"]
    return list(await tx.scalars(select(func.to_jsonb(table.table_valued())).where(_changes(name, doomed)).order_by(table.c.id)))


async def erase_rows(tx: AsyncSession, doomed: Doomed, *, why: str, now: datetime) -> dict[str, int]:
    """Delete all that is doomed, and what was written down of its changes, of which the audit learns `why`; how many rows of each table."""
    await detach(tx, doomed)
    counts: dict[str, int] = {}
    changes = Base.metadata.tables["state_change"]
    told = [_changes(name, doomed) for name in owned() if doomed.get(name)]
    gone = await tx.scalars(delete(changes).where(or_(false(), *told)).returning(changes.c.id))
    counts["state_change"] = note_removal(tx, "state_change", gone, why=why, now=now)
    for name in reversed(list(owned())):
        table = Base.metadata.tables[name]
        counts[name] = await _delete(tx, table, belongs(table, doomed))
    return {name: count for name, count in counts.items() if count}


def _changes(name: str, doomed: Doomed) -> ColumnElement[bool]:
    table = Base.metadata.tables["state_change"]
    return and_(table.c.entity == name, table.c.entity_id.in_(doomed.get(name, ())))


async def _delete(tx: AsyncSession, table: Table, condition: ColumnElement[bool]) -> int:
    return int((await tx.execute(delete(table).where(condition))).rowcount)  # type: ignore[attr-defined]


def _sorted() -> list[Table]:
    return list(Base.metadata.sorted_tables)
