"""Filling a database of its own with the synthetic hospital, in bulk: indexes are made at the end, triggers and checks are spared."""

import shutil
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import datetime
from itertools import accumulate
from typing import Any
from zoneinfo import ZoneInfo

from sqlalchemy import select, text
from sqlalchemy.dialects.postgresql import insert as upsert
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncSession

from bot.synthetic.hospital import chances, hospital
from bot.synthetic.sealing import SEALED, prepare_drawn, take_over
from bot.synthetic.statements import DRAW, STATEMENTS, WEIGHT
from records.database import Database
from records.patient_index import refresh_index
from records.schema import OnCall, Patient, Setting, Staff, Team, TeamMember
from records.search_entry import WHOM, refresh_entries
from records.setting import SYNTHETIC
from tagging.tags.catalogue import tags
from tagging.tags.library import shipped
from tagging.tags.noted import version

# Patients a statement, and from how many on indexes are dropped first.
CHUNK, BULK = 25_000, 20_000
# Measured: tables and indexes of a patient with 20 tags, and as much again for sorting.
BYTES_EACH, SPARE_BYTES = 15_000, 2_000_000_000
MOST_PATIENTS, MOST_DAYS = 5_000_000, 3650
_KEPT_READY = ("patient_index", "search_entry")
_FILLED = (*STATEMENTS, *_KEPT_READY)
_EMPTIED = ("team", "staff", "carer", "patient", "tag", "patient_news", "search_entry", "search_news", "read_audit", "state_change")

# Says which step runs, and how much of the whole is done (0 to 1).
Progress = Callable[[str, float], None]


class SeedRefused(Exception):
    """The database holds something that is not synthetic, or there is no room; the text says what."""

    code, permanent = "seed_refused", True


@dataclass(frozen=True)
class Planting:
    """How large, how far back, and which of all possible hospitals. `now` and `zone` are the hospital's."""

    patients: int
    days: int
    seed: int
    now: datetime
    zone: ZoneInfo


async def plant_hospital(db: Database, planting: Planting, progress: Progress = lambda step, share: None) -> None:
    """Fill an open, migrated database; a synthetic hospital that is there already goes first. The same planting makes the same hospital.

    Raises SeedRefused where a real patient, team or staff member is on file: nothing was changed then.
    """
    if not (0 < planting.patients <= MOST_PATIENTS and 0 < planting.days <= MOST_DAYS and abs(planting.seed) < 1_000_000_000):
        raise SeedRefused(f"A synthetic hospital has 1 to {MOST_PATIENTS} patients and 1 to {MOST_DAYS} days; the seed has nine digits.")
    await _check_empty(db)
    _check_room(db, planting.patients)
    await _clear(db)
    async with db.transaction() as tx:
        await _staff(tx)
        library = await tags(tx, planting.now)
    async with db.engine.connect() as connection, _unburdened(connection, bulk=planting.patients >= BULK):
        await _prepare(connection, planting, library)
        await _fill(connection, planting, progress)
    await _index(db, planting, progress)


async def _check_empty(db: Database) -> None:
    async with db.transaction() as tx:
        marked = await tx.get(Setting, SYNTHETIC)
        numbers = await tx.stream_scalars(select(Patient.record_number).execution_options(yield_per=CHUNK))
        real = any([not number.startswith("SYN-") async for number in numbers])
        staffed = await tx.scalar(text("select exists (select from team) or exists (select from staff)"))
    if real or (staffed and marked is None):
        raise SeedRefused("This database holds patients, teams or staff that are not synthetic: nothing was changed.")


def _check_room(db: Database, patients: int) -> None:
    """Of an embedded database; how much room a server elsewhere has is not ours to know."""
    if db.embedded is None:
        return
    free, needed = shutil.disk_usage(db.embedded.folder).free, patients * BYTES_EACH + SPARE_BYTES
    if free < needed:
        raise SeedRefused(f"{patients} patients need {needed / 1e9:.0f} GB on the disk; {free / 1e9:.0f} GB are free.")


async def _clear(db: Database) -> None:
    async with db.transaction() as tx:
        # Everything hangs on these.
        await tx.execute(text(f"truncate {', '.join(_EMPTIED)} restart identity cascade"))
        await tx.execute(upsert(Setting).values(name=SYNTHETIC, value={}).on_conflict_do_nothing())


async def _staff(tx: AsyncSession) -> None:
    """One team a department, three clinicians each; the last is on call."""
    for number, department in enumerate(hospital()["departments"], 1):
        marked = hospital()["marked"]
        team = Team(name=f"{department['name']}随访组（{marked}）")
        people = [
            Staff(userid=f"syn-{number:02d}-{place}", name=f"{marked}{title}", title=title)
            for place, title in enumerate(hospital()["titles"], 1)
        ]
        tx.add_all([team, *people])
        await tx.flush()
        tx.add_all([TeamMember(team_id=team.id, staff_id=person.id) for person in people])
        tx.add(OnCall(team_id=team.id, staff_id=people[-1].id, tier=1))


async def _prepare(connection: AsyncConnection, planting: Planting, library: Any) -> None:
    """The departments and the chances, as temporary tables and functions that the statements read."""
    for statement in (DRAW.format(seed=planting.seed), WEIGHT):
        await connection.exec_driver_sql(statement)
    for definition in (
        "synthetic_ward (team_id bigint, department text, low float8, high float8, youngest int, oldest int, icd text, diagnosis text)",
        "synthetic_chance (team_id bigint, number int, tag_id bigint, source text, channel int, low float8, high float8)",
    ):
        await connection.exec_driver_sql(f"create temp table {definition}")
    departments = hospital()["departments"]
    teams = list(await connection.scalars(text("select id from team order by id")))
    total = sum(department["share"] for department in departments)
    edges = [edge / total for edge in accumulate((department["share"] for department in departments), initial=0)]
    kinds = {tag.id: tag.kind for tag in library.values()}
    wards, drawn = [], []
    for team, department, low, high in zip(teams, departments, edges, edges[1:], strict=False):
        (youngest, oldest), (icd, diagnosis) = department["ages"], department["icd"]
        ward = {"team": team, "department": department["name"], "low": low, "high": high}
        wards.append(ward | {"youngest": youngest, "oldest": oldest, "icd": icd, "diagnosis": diagnosis})
        drawn += [
            {"team": team, "number": number, "tag": each.tag_id, "source": _SOURCES[kinds[each.tag_id]], "channel": each.channel}
            | {"low": each.low, "high": each.high}
            for number, each in enumerate(chances(department, library))
        ]
    columns = ":team, :department, :low, :high, :youngest, :oldest, :icd, :diagnosis"
    await connection.execute(text(f"insert into synthetic_ward values ({columns})"), wards)  # noqa: S608
    await connection.execute(text("insert into synthetic_chance values (:team, :number, :tag, :source, :channel, :low, :high)"), drawn)
    await connection.execute(text("analyze synthetic_ward, synthetic_chance"))
    await prepare_drawn(connection)
    await connection.commit()


_SUPERUSER = "select rolsuper from pg_roles where rolname = current_user"
_SOURCES = {"diagnosis": "his", "treatment": "his", "management": "chat", "operational": "rule"}


async def _fill(connection: AsyncConnection, planting: Planting, progress: Progress) -> None:
    given = {
        "now": planting.now,
        "today": planting.now.astimezone(planting.zone).date(),
        "zone": str(planting.zone),
        "surnames": hospital()["surnames"],
        "given": hospital()["given"],
        "marked": f"（{hospital()['marked']}）",
        "triage": sorted(shipped().triage),
        "reader": version(),
        "because": "合成数据，不是任何人的病历",
    }
    for first in range(1, planting.patients + 1, CHUNK):
        # Whole numbers of our own, written out: as parameters they would have no certain type.
        numbers = {":first": first, ":last": min(first + CHUNK - 1, planting.patients), ":days": planting.days}
        for table, statement in STATEMENTS.items():
            progress(table, 0.6 * (first - 1) / planting.patients)
            for name, number in numbers.items():
                statement = statement.replace(name, str(int(number)))
            await connection.execute(text(statement), {name: value for name, value in given.items() if f":{name}" in statement})
            if table in SEALED:
                await take_over(connection, table)
        await connection.commit()


async def _index(db: Database, planting: Planting, progress: Progress) -> None:
    """What cohorts and searches ask of each patient, the numbers that the next rows get, and the planner's statistics."""
    async with db.engine.connect() as connection, _unburdened(connection, bulk=planting.patients >= BULK, tables=_KEPT_READY):
        # Else a statement may look through a whole table for each patient.
        await connection.exec_driver_sql(f"analyze {', '.join(STATEMENTS)}")
        await connection.commit()
        for first in range(1, planting.patients + 1, CHUNK):
            progress("patient_index", 0.7 + 0.2 * first / planting.patients)
            who = range(first, min(first + CHUNK - 1, planting.patients) + 1)
            async with AsyncSession(connection) as tx, tx.begin():
                await refresh_index(tx, list(who), now=planting.now, zone=planting.zone)
                for whom in WHOM:
                    await refresh_entries(tx, whom, list(who))
    progress("analyze", 0.95)
    async with db.engine.connect() as plain:
        connection = await plain.execution_options(isolation_level="AUTOCOMMIT")
        for table in sorted(_NUMBERED):
            await connection.exec_driver_sql(
                f"select setval(pg_get_serial_sequence('{table}', 'id'), (select coalesce(max(id), 0) + 1 from {table}))"  # noqa: S608
            )
        await connection.exec_driver_sql(f"vacuum (analyze) {', '.join(_FILLED)}")
        if await connection.scalar(text(_SUPERUSER)):
            # What was written in bulk must not be on its way to the disk while somebody measures.
            await connection.exec_driver_sql("checkpoint")
    progress("done", 1.0)


_NUMBERED = frozenset(STATEMENTS) - {"patient_carer", "patient_value", "flag_review"}


@asynccontextmanager
async def _unburdened(connection: AsyncConnection, *, bulk: bool, tables: tuple[str, ...] = tuple(STATEMENTS)) -> AsyncIterator[None]:
    """Write without triggers (nothing in here is news), checks of foreign keys (the keys are our own) and, in bulk, without indexes.

    The indexes' definitions are kept with the mark until they are made again, so that a start that was broken off is mended by the next.
    """
    for setting in ("maintenance_work_mem = '512MB'", "work_mem = '64MB'", "synchronous_commit = off", "jit = off"):
        await connection.exec_driver_sql(f"set {setting}")
    superuser = await connection.scalar(text(_SUPERUSER))
    if superuser:
        await connection.exec_driver_sql("set session_replication_role = replica")
    else:
        for table in tables:
            await connection.exec_driver_sql(f"alter table {table} disable trigger user")
    definitions = await _drop_indexes(connection, tables) if bulk else []
    # It is vacuumed at the end; until then that would only take turns with us.
    for table in tables:
        await connection.exec_driver_sql(f"alter table {table} set (autovacuum_enabled = off)")
    await connection.commit()
    try:
        yield
    finally:
        await connection.rollback()
        for definition in definitions:
            await connection.exec_driver_sql(definition)
            await connection.commit()
        await _remember(connection, [])
        for table in tables:
            await connection.exec_driver_sql(f"alter table {table} reset (autovacuum_enabled)")
            if not superuser:
                await connection.exec_driver_sql(f"alter table {table} enable trigger user")
        await connection.commit()
        # The pool must not give away a connection with our settings and temporary tables.
        await connection.invalidate()


async def _drop_indexes(connection: AsyncConnection, tables: tuple[str, ...]) -> list[str]:
    """Drop what no constraint needs; how to make it again."""
    rows = await connection.execute(
        text(
            """
            select i.indexrelid::regclass::text as name, pg_get_indexdef(i.indexrelid) as definition from pg_index i
            where i.indrelid::regclass::text = any(cast(:tables as text[]))
                and not exists (select from pg_constraint c where c.conindid = i.indexrelid)
            order by 1
            """
        ),
        {"tables": list(tables)},
    )
    found = rows.all()
    definitions = [row.definition.replace("INDEX ", "INDEX IF NOT EXISTS ", 1) for row in found]
    known = (await connection.scalar(text("select value from setting where name = :name"), {"name": SYNTHETIC}) or {}).get("indexes", [])
    definitions = list(dict.fromkeys([*known, *definitions]))
    await _remember(connection, definitions)
    for row in found:
        await connection.exec_driver_sql(f"drop index {row.name}")
    return definitions


async def _remember(connection: AsyncConnection, definitions: list[str]) -> None:
    mark = {"note": "synthetic patients, none of them real", "indexes": definitions}
    await connection.execute(
        upsert(Setting).values(name=SYNTHETIC, value=mark).on_conflict_do_update(index_elements=["name"], set_={"value": mark})
    )
