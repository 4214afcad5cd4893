"""Sealing anew what is on file, in the background: with a key that has become active, or for the first time, with its blind indexes.

Batches in the order of ids, each in a transaction of its own with the place to which it came: it may be stopped at any moment and goes on
there. What is written meanwhile is sealed with the active key already.
"""

import json
from collections.abc import Mapping
from typing import Any

import structlog
from sqlalchemy import LargeBinary, MetaData, Select, Table, Text, bindparam, case, func, select, text, type_coerce, update
from sqlalchemy.dialects.postgresql import JSONB, insert
from sqlalchemy.ext.asyncio import AsyncSession

from records.data_key import DataKey, learn_active
from records.keyring import Keyring, KeyringError, key_name
from records.schema import Base
from records.sealed import Blind, Sealed, SealedJson, close_json, keyring_of, open_json, sealed_columns
from records.search_entry import WHOM, SearchEntry, refresh_entries
from records.setting import Setting

log = structlog.get_logger(__name__)

NAME = "resealing"
# Any fixed number: one process at a time.
ONE_AT_A_TIME = 5303
# Rows at once: some tens of milliseconds, for which whoever changes one of them waits.
AT_ONCE = 200
# A process may seal with the key before for so long after another has become active (records/database.py: LOOK_EVERY, and a transaction).
SETTLED = text("since < clock_timestamp() - interval '30 seconds'")
_ALONE = text("select pg_try_advisory_xact_lock(:number)")
# Neither is a row newer for being sealed anew, nor has what finds it changed (migration 0050).
_QUIETLY = text("set local careloop.resealing = 'on'")


def sealed_tables() -> dict[str, Table]:
    """The tables with sealed columns, by name."""
    return {name: table for name, table in sorted(Base.metadata.tables.items()) if sealed_columns(table)}


async def reseal_some(tx: AsyncSession, *, again: bool = False, at_once: int = AT_ONCE) -> int:
    """One batch: how many rows were looked at; none: there is nothing to do, or somebody else is at it.

    Before any key is active, blind indexes alone are made. `again`: begin anew, though all has been done.
    """
    if not await tx.scalar(_ALONE, {"number": ONE_AT_A_TIME}):
        return 0
    # Who has not heard of the newest key yet would undo what others did.
    await learn_active(tx)
    ring = keyring_of(tx)
    if ring.active is not None and not await tx.scalar(select(DataKey.name).where(DataKey.name == ring.active, SETTLED)):
        return 0
    told = await tx.get(Setting, NAME, with_for_update=True, populate_existing=True)
    done: dict[str, Any] = dict(told.value) if told is not None else {}
    if done.get("key") != (ring.active or "") or again:
        done = {"key": ring.active or "", "after": {}, "finished": []}
    for name, table in sealed_tables().items():
        if name in done["finished"]:
            continue
        after, count = await _batch(tx, ring, table, done["after"].get(name, 0), at_once)
        done = {**done, "after": {**done["after"], name: after}, "finished": [*done["finished"], *([name] if count < at_once else [])]}
        await tx.execute(insert(Setting).values(name=NAME, value=done).on_conflict_do_update(index_elements=["name"], set_={"value": done}))
        # A table that ends here may not have been the last.
        return max(count, 1)
    return await _searches(tx) if ring.active is not None else 0


async def uses(tx: AsyncSession) -> dict[str, int]:
    """How many values are sealed with each key; "" are those that are not sealed. Reads all of them: a second for a million rows."""
    found: dict[str, int] = {}
    for table in sealed_tables().values():
        for column in sealed_columns(table):
            stored = type_coerce(table.c[column], JSONB)[()].astext if _is_json(table, column) else type_coerce(table.c[column], Text)
            key = case((stored.op("~")("^~[^~]+~"), func.split_part(stored, "~", 2)), else_="").label("key")
            query = select(key, func.count()).where(stored.is_not(None), stored.not_in(["", "[]", "{}"])).group_by(key)
            for name, count in await tx.execute(query):
                found[name] = found.get(name, 0) + count
    return found


def _is_json(table: Table, column: str) -> bool:
    return isinstance(table.c[column].type, SealedJson)


async def _batch(tx: AsyncSession, ring: Keyring, table: Table, after: int, limit: int) -> tuple[int, int]:
    """Seal the next rows of a table; the id of the last of them, and how many were looked at."""
    query = stored_columns(table).where(table.c.id > after).order_by(table.c.id).limit(limit)
    rows = (await tx.execute(query.with_for_update(key_share=True))).all()
    await tx.execute(_QUIETLY)
    anew: dict[tuple[str, ...], list[dict[str, Any]]] = {}
    for row in rows:
        try:
            values = changed(ring, table, row._mapping)
        except KeyringError as err:
            log.error("a row cannot be read, and stays as it is", table=table.name, id=row.id, code=err.code)
            continue
        if values:
            anew.setdefault(tuple(sorted(values)), []).append({"this": row.id, **{f"new_{name}": of for name, of in values.items()}})
    for names, each in anew.items():
        new = {name: bindparam(f"new_{name}", type_=_type(table, name)) for name in names}
        await tx.execute(update(table).where(table.c.id == bindparam("this")).values(new), each)
    return (rows[-1].id if rows else after), len(rows)


def _type(table: Table, name: str) -> Any:
    kind = table.c[name].type
    return Text() if isinstance(kind, Sealed) else JSONB() if isinstance(kind, SealedJson) else kind


def stored_columns(table: Table, name: str | None = None) -> Select[Any]:
    """A statement of the rows of a table (or of a temporary one like it, `name`) as they are stored: id, what is sealed, the blind
    indexes, and what these are made of."""
    at = table.columns if name is None else Table(name, MetaData(), *(column._copy() for column in table.columns)).columns
    made = [column for column in table.columns if isinstance(column.type, Blind)]
    sealed = sealed_columns(table)
    plain = {source for column in made for source in column.info["of"]} - set(sealed)
    stored = [type_coerce(at[each], JSONB if _is_json(table, each) else Text).label(each) for each in sealed]
    return select(
        at["id"], *stored, *(type_coerce(at[column.name], LargeBinary).label(column.name) for column in made), *map(at.get, sorted(plain))
    )


def changed(ring: Keyring, table: Table, row: Mapping[Any, Any], *, raw: bool = False) -> dict[str, Any]:
    """What of a row, as `stored_columns` tells it, is to be stored instead, by column; with `raw` as PostgreSQL reads it from a copy.

    Raises KeyringError.
    """
    values: dict[str, Any] = {}
    opened = dict(row)
    for name, kind in sealed_columns(table).items():
        old = row[name]
        if not old:
            continue
        if isinstance(kind, SealedJson):
            opened[name] = open_json(ring, kind.place, old) if isinstance(old, str) else old
        else:
            opened[name] = ring.unseal(kind.place, old)
        if ring.active is not None and (not isinstance(old, str) or key_name(old) != ring.active):
            new = close_json(ring, kind.place, opened[name]) if isinstance(kind, SealedJson) else ring.seal(kind.place, opened[name])
            values[name] = json.dumps(new) if raw and isinstance(kind, SealedJson) else new
    for column in table.columns:
        if isinstance(column.type, Blind) and row[column.name] is None and (made := column.info["make"](opened)) is not None:
            values[column.name] = ring.blind(column.type.place, made) if raw else made
    return values


async def _searches(tx: AsyncSession) -> int:
    """Keys of searches that were made without a secret are made anew."""
    for whom in WHOM:
        entries = select(SearchEntry.id).where(SearchEntry.whom == whom, ~SearchEntry.keyed).limit(AT_ONCE)
        if ids := list(await tx.scalars(entries)):
            await refresh_entries(tx, whom, ids)
            return len(ids)
    return 0
