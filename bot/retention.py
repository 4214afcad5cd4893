"""Letting go of what has been kept long enough: at night, class by class, some rows at a time, and written down in numbers."""

import asyncio
from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from functools import partial
from typing import Any
from zoneinfo import ZoneInfo

import structlog
from prometheus_client import Gauge
from sqlalchemy import Column, ColumnElement, and_, delete, exists, func, or_, select, text, update
from sqlalchemy.ext.asyncio import AsyncSession

from bot.media import forget_files
from bot.retention_classes import DataClass, Rows
from records.audit_seal import LOGS
from records.audit_sealing import let_go_lists, note_removal
from records.database import Database
from records.message import Inbound
from records.retention_run import RetentionRun
from records.schema import Base

log = structlog.get_logger(__name__)

# It is asked so often (s) whether the night has come; the work is done in these hours of the hospital, and by day when two nights failed.
LOOK_EVERY = 600
NIGHT = range(1, 5)
OVERDUE = timedelta(days=2)
# Rows a transaction, and of one table a run: 50,000 rows take a minute; what is left waits for the next look.
BATCH, MOST = 500, 50_000
# Between two transactions (s), so that families who write go first.
BREATH = 0.05
# Any fixed number: of many workers one does it.
ONE_AT_A_TIME = 5300
FILE = ("media", "file")
EXPIRED = {"error": "expired"}

ROWS = Gauge("careloop_retention_rows", "Rows that the last run let go, by class", ["class"])
RUN = Gauge("careloop_retention_run_seconds", "Since the last run that was finished")

_JOBS = """
    from procrastinate_jobs j where j.status not in ('todo', 'doing')
    and not exists (select from procrastinate_events e where e.job_id = j.id and e.at >= :before)
"""
_COUNT_JOBS = text(f"select count(*) {_JOBS}")
_END_JOBS = text(f"delete from procrastinate_jobs where id in (select j.id {_JOBS} order by j.id limit :limit)")  # noqa: S608


class Retention:
    """Looks again and again, and works at night. `clock` is the hospital's."""

    def __init__(self, db: Database, clock: Callable[[], datetime], zone: ZoneInfo, classes: Mapping[str, DataClass]) -> None:
        self._db, self._clock, self._zone, self._classes = db, clock, zone, classes

    async def look(self) -> int | None:
        """The number of the run, if it was time for one."""
        async with self._db.transaction() as lock:
            if not await lock.scalar(select(func.pg_try_advisory_xact_lock(ONE_AT_A_TIME))):
                return None
            now, last = self._clock(), await last_run(lock)
            if not due(last, now, self._zone):
                return None
            return await run(self._db, self._classes, self._clock)


def due(last: RetentionRun | None, now: datetime, zone: ZoneInfo) -> bool:
    """Whether it is time: once a night, again in the same night when more was left, and by day when it has not been done for long."""
    here = now.astimezone(zone)
    if here.hour not in NIGHT:
        return last is not None and now - last.at > OVERDUE
    return last is None or last.more or last.ended_at is None or last.at.astimezone(zone).date() < here.date()


async def last_run(tx: AsyncSession) -> RetentionRun | None:
    """The newest run."""
    found: RetentionRun | None = await tx.scalar(select(RetentionRun).order_by(RetentionRun.id.desc()).limit(1))
    return found


async def run(db: Database, classes: Mapping[str, DataClass], clock: Callable[[], datetime], *, breath: float = BREATH) -> int:
    """Let go of what is old enough, at most MOST rows of each table; the number of the run, whose row says what was done."""
    now = clock()
    async with db.transaction() as tx:
        row = RetentionRun(at=now)
        tx.add(row)
        await tx.flush()
        number = row.id
    more = False
    for each in classes.values():
        steps = [partial(_end_rows, each, rows, now, number) for rows in each.rows]
        if each.then == "jobs":
            steps = [partial(_end_jobs, each, now)]
        for step in steps:
            done = 0
            while done < MOST:
                async with db.transaction() as tx:
                    table, count = await step(tx)
                    await _note(tx, number, each.code, table, count)
                done += count
                if count < BATCH:
                    break
                await asyncio.sleep(breath)
            more = more or done >= MOST
    async with db.transaction() as tx:
        for name in LOGS:
            await let_go_lists(tx, name)
        row = await tx.get_one(RetentionRun, number)
        row.ended_at, row.more = clock(), more
        log.info("retention", number=number, more=more, **{code: sum(tables.values()) for code, tables in row.counts.items()})
    return number


async def waiting(tx: AsyncSession, classes: Mapping[str, DataClass], now: datetime) -> dict[str, int]:
    """How many rows of each class a run would let go now."""
    found: dict[str, int] = {}
    for each in classes.values():
        before = now - each.keep.length
        if each.then == "jobs":
            found[each.code] = int(await tx.scalar(_COUNT_JOBS, {"before": before}) or 0)
        elif each.then != "kept":
            counts = [await tx.scalar(select(func.count()).select_from(rows.table).where(_old(each, rows, before))) for rows in each.rows]
            found[each.code] = sum(count or 0 for count in counts)
    return found


async def read_retention_gauges(db: Database, now: datetime) -> None:
    """Bring the gauges up to date. Raises what the database raises."""
    async with db.transaction() as tx:
        last = await tx.scalar(select(RetentionRun).where(RetentionRun.ended_at.is_not(None)).order_by(RetentionRun.id.desc()).limit(1))
    if last is not None:
        RUN.set((now - last.at).total_seconds())
        for code, tables in last.counts.items():
            ROWS.labels(code).set(sum(tables.values()))


async def _note(tx: AsyncSession, number: int, code: str, table: str, count: int) -> None:
    """Count them in the transaction in which they go."""
    if count:
        row = await tx.get_one(RetentionRun, number, with_for_update=True, populate_existing=True)
        tables = {**row.counts.get(code, {})}
        tables[table] = tables.get(table, 0) + count
        row.counts = {**row.counts, code: tables}


async def _end_jobs(each: DataClass, now: datetime, tx: AsyncSession) -> tuple[str, int]:
    done = await tx.execute(_END_JOBS, {"before": now - each.keep.length, "limit": BATCH})
    return "procrastinate_jobs", int(done.rowcount)  # type: ignore[attr-defined]


async def _end_rows(each: DataClass, rows: Rows, now: datetime, number: int, tx: AsyncSession) -> tuple[str, int]:
    """Some rows of one table; what goes from a log of the audit is noted there."""
    table, (key,) = rows.table, rows.table.primary_key.columns
    chosen = select(key).where(_old(each, rows, now - each.keep.length)).order_by(table.c[rows.at], key).limit(BATCH)
    keys = list(await tx.scalars(chosen.with_for_update(of=table, skip_locked=True)))
    if not keys:
        return table.name, 0
    if each.then == "files":
        await _end_files(tx, keys)
    elif rows.blank:
        await tx.execute(update(table).where(key.in_(keys)).values(dict(rows.blank)))
    else:
        await tx.execute(delete(table).where(key.in_(keys)))
        if table.name in LOGS:
            gone = note_removal(tx, table.name, keys, why=f"retention:{number}", now=now)
            await tx.execute(update(RetentionRun).where(RetentionRun.id == number).values(audit=RetentionRun.audit + gone))
    return table.name, len(keys)


async def _end_files(tx: AsyncSession, keys: list[int]) -> None:
    """The files of these messages go once this is committed; that there was one stays."""
    for message in await tx.scalars(select(Inbound).where(Inbound.id.in_(keys))):
        await forget_files(tx, [message.outcome["media"]["file"]])
        message.outcome = {**message.outcome, "media": EXPIRED}


def _old(each: DataClass, rows: Rows, before: datetime) -> ColumnElement[bool]:
    """What is old enough, is not done yet, and is not needed by what stays."""
    table = rows.table
    told: list[ColumnElement[bool]] = [table.c[rows.at] < before, text(rows.when)]  # type: ignore[list-item]
    if each.then == "files":
        told.append(Inbound.outcome[FILE].astext.is_not(None))
    elif rows.blank:
        told.append(or_(*(_says_more(table.c[name], value) for name, value in rows.blank.items())))
    else:
        told += [~exists().where(column == target) for column, target in _references(table.name)]
    return and_(*told)


def _says_more(column: Column[Any], value: Any) -> ColumnElement[bool]:
    return column.is_not(None) if value is None else column.is_distinct_from(value)


def _references(name: str) -> list[tuple[Column[Any], Column[Any]]]:
    """The columns of other tables that must name a row of this one, and what they name."""
    keys = [key for table in Base.metadata.sorted_tables for key in table.foreign_keys if key.column.table.name == name]
    return [(key.parent, key.column) for key in keys]
