"""Moving everything of one patient to another, and back: generic, so that a table that is added tomorrow is not forgotten."""

# ruff: noqa: S608 - names of tables and columns come from our own metadata, values are always parameters

import json
from collections.abc import Iterable, Sequence
from typing import Any

from sqlalchemy import Column, Index, PrimaryKeyConstraint, Table, UniqueConstraint, text
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm.attributes import set_committed_value

from records.patient import Patient
from records.schema import Base
from records.sealed import close_row, keyring_of, open_row

# Names come from our own metadata; quoting keeps words such as "primary" apart from SQL's.
# A row is told in plain, whatever of it is sealed in its table: keys come and go, and a merge may be undone years later.
Row = dict[str, Any]
# Who has read stays written as it was read, for that is sealed: whoever asks for a patient's reads asks for all his ids (read_log.selves).
SEALED = frozenset({"read_audit"})
# Kept by the database itself.
OWN_TIME = {"changed_at"}


def patient_columns() -> list[Column[Any]]:
    """Every column that names a patient: by foreign key, or by its name where history outlives the patient's row."""
    patient = Patient.__table__
    return [
        column
        for table in sorted(Base.metadata.tables.values(), key=lambda table: table.name)
        if table is not patient and table.name not in SEALED
        for column in table.columns
        if column.name == "patient_id" or any(key.column.table is patient for key in column.foreign_keys)
    ]


async def move_rows(tx: AsyncSession, gone: int, kept: int) -> dict[str, Any]:
    """Give every row of `gone` to `kept`; what `give_back` needs to undo it.

    A row that `kept` has already (by a unique index) is set aside. Raises IntegrityError where something else hangs on such a row.
    """
    await tx.flush()
    moved: dict[str, list[Row]] = {}
    aside: dict[str, list[Row]] = {}
    for column in patient_columns():
        table, name = column.table, column.name
        for others, where in _unique_with(column):
            if rows := await _set_aside(tx, table, name, others, where, gone, kept):
                aside.setdefault(table.name, []).extend(rows)
        key = [each.name for each in table.primary_key if each.name != name]
        # jsonb_build_object() without arguments is an empty object: the table has one row a patient.
        pairs = ", ".join(f"'{each}', {_q(each)}" for each in key)
        found = await tx.execute(
            text(f"update {_q(table.name)} set {_q(name)} = :kept where {_q(name)} = :gone returning jsonb_build_object({pairs})"),
            {"kept": kept, "gone": gone},
        )
        if rows := list(found.scalars()):
            moved[f"{table.name}.{name}"] = rows
    _follow(tx, gone, kept)
    return {"moved": moved, "aside": aside}


async def give_back(tx: AsyncSession, record: dict[str, Any], gone: int, kept: int) -> None:
    """Undo `move_rows`: rows that are with `kept` still go back, those that were set aside return. What came since stays with `kept`."""
    await tx.flush()
    for place, rows in record["moved"].items():
        table, name = place.split(".")
        if table in SEALED:
            continue
        keys = list(rows[0])
        match = " and ".join([f"{_q(name)} = :kept", *(f"{_q(key)}::text = row->>'{key}'" for key in keys)])
        await tx.execute(
            text(f"update {_q(table)} set {_q(name)} = :gone from jsonb_array_elements(cast(:rows as jsonb)) as row where {match}"),
            {"kept": kept, "gone": gone, "rows": json.dumps(rows)},
        )
    for table, rows in record["aside"].items():
        await put_back(tx, table, rows)


async def images(tx: AsyncSession, patients: Sequence[int], columns: Iterable[tuple[str, str]]) -> dict[str, Row]:
    """The rows of these tables (with the column that names the patient) as JSON, by table and key."""
    found: dict[str, Row] = {}
    for table, name in columns:
        rows = await tx.execute(
            text(f"select to_jsonb(t) from {_q(table)} t where {_q(name)} = any(cast(:patients as bigint[]))"), {"patients": list(patients)}
        )
        found |= {_key(table, row): _opened(tx, table, row) for row in rows.scalars()}
    return found


def differences(before: dict[str, Row], after: dict[str, Row]) -> list[dict[str, Any]]:
    """What changed in rows that are in both: key, and each changed column before and after."""
    changes = []
    for key, old in before.items():
        new = after.get(key)
        names = [name for name in old if new is not None and name not in OWN_TIME and new[name] != old[name]]
        if new is not None and names:
            changes.append({"row": key, "before": {n: old[n] for n in names}, "after": {n: new[n] for n in names}})
    return changes


async def restore(tx: AsyncSession, changes: Iterable[dict[str, Any]]) -> None:
    """Undo `differences`, column by column, where a column still has the value that it got then."""
    for change in changes:
        table, key = change["row"].split("/", 1)
        keys = json.loads(key)
        match = " and ".join(f"{_q(name)}::text = :key_{name}" for name in keys)
        given = {f"key_{name}": str(value) for name, value in keys.items()}
        current = (await tx.execute(text(f"select to_jsonb(t) from {_q(table)} t where {match}"), given)).scalar()
        current = current and _opened(tx, table, current)
        names = [name for name, value in change["after"].items() if current is not None and current[name] == value]
        if names:
            columns = ", ".join(map(_q, names))
            await tx.execute(
                text(
                    f"update {_q(table)} set ({columns}) = (select {columns} from "
                    f"jsonb_populate_record(null::{_q(table)}, cast(:row as jsonb))) where {match}"
                ),
                {"row": json.dumps(_closed(tx, table, change["before"])), **given},
            )


async def take_away(tx: AsyncSession, table: str, id: int) -> Row:
    """Delete a row by its id; what it was."""
    row: Row = (await tx.execute(text(f"delete from {_q(table)} t where id = :id returning to_jsonb(t)"), {"id": id})).scalar_one()
    return _opened(tx, table, row)


async def put_back(tx: AsyncSession, table: str, rows: Iterable[Row]) -> None:
    """Insert rows that were taken away, as they were; one whose place is taken by now stays away."""
    query = f"insert into {_q(table)} select * from jsonb_populate_record(null::{_q(table)}, cast(:row as jsonb)) on conflict do nothing"
    for row in rows:
        await tx.execute(text(query), {"row": json.dumps(_closed(tx, table, row))})


def _unique_with(column: Column[Any]) -> list[tuple[list[str], str]]:
    """The other columns, and the condition, of each unique index and constraint that the column is part of."""
    table = column.table
    found: list[tuple[list[str], str]] = []
    for rule in table.constraints:
        if isinstance(rule, UniqueConstraint | PrimaryKeyConstraint) and column.name in rule.columns:
            found.append(([each.name for each in rule.columns if each is not column], "true"))
    for index in table.indexes:
        if isinstance(index, Index) and index.unique and column.name in index.columns:
            where = index.dialect_options["postgresql"]["where"]
            found.append(([each.name for each in index.columns if each is not column], "true" if where is None else str(where)))
    return found


async def _set_aside(tx: AsyncSession, table: Table, name: str, others: list[str], where: str, gone: int, kept: int) -> list[Row]:
    same = " and ".join([f"has.{_q(name)} = :kept", *(f"has.{_q(other)} = t.{_q(other)}" for other in others)])
    query = (
        f"delete from {_q(table.name)} t where t.{_q(name)} = :gone and t.ctid in (select ctid from {_q(table.name)} where {where}) "
        f"and exists (select from (select * from {_q(table.name)} where {where}) has where {same}) returning to_jsonb(t)"
    )
    return [_opened(tx, table.name, row) for row in (await tx.execute(text(query), {"gone": gone, "kept": kept})).scalars()]


def _opened(tx: AsyncSession, table: str, row: Row) -> Row:
    return open_row(keyring_of(tx), Base.metadata.tables[table], row)


def _closed(tx: AsyncSession, table: str, row: Row) -> Row:
    return close_row(keyring_of(tx), Base.metadata.tables[table], row)


def _key(table: str, row: Row) -> str:
    keys = Base.metadata.tables[table].primary_key.columns.keys()
    return f"{table}/{json.dumps({name: row[name] for name in keys})}"


def _follow(tx: AsyncSession, gone: int, kept: int) -> None:
    """What this session has in hand says the same as its rows now."""
    for column in patient_columns():
        for row in list(tx.sync_session.identity_map.values()):
            if getattr(row, "__table__", None) is column.table and row.__dict__.get(column.name) == gone:
                if column.primary_key:
                    tx.expunge(row)
                else:
                    set_committed_value(row, column.name, kept)


def _q(name: str) -> str:
    return f'"{name}"'
