"""A table by hand: every good row goes into the record, every other one is told with its line and the reason."""

from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import datetime
from functools import cache
from itertools import islice
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import yaml
from sqlalchemy.ext.asyncio import AsyncSession

from bot.apply import ApplyError, NeedsPerson, apply
from bot.chart_file import say
from bot.intake.feeds import Feed
from integrations.rows.mapping import RowMapping, mapping_of
from integrations.rows.read import read_row
from integrations.rows.row import Cells, RowError
from integrations.tabular.read import FileRefused, Row, Table, plain
from records.database import Database

# Of one transaction. A file that is imported again changes nothing, so that one that broke off half way is simply begun anew.
AT_ONCE = 200
# So many of the refused rows are told one by one.
TOLD = 200


class _DryRun(Exception):
    """Ends a transaction whose changes are not to stay."""


@dataclass
class Report:
    """What became of the rows: how many were taken, and those that were not, as (line, why)."""

    rows: int
    taken: int = 0
    refused: list[tuple[int, str]] = field(default_factory=list)


@cache
def _texts() -> dict[str, Any]:
    loaded: dict[str, Any] = yaml.safe_load(Path(__file__).with_name("table_import.yml").read_text("utf-8"))
    return loaded


def told(report: Report, *, dry_run: bool) -> str:
    """The report in lines, in Chinese."""
    texts = _texts()["report"]
    lines = [texts["row"].format(line=line, why=why) for line, why in report.refused[:TOLD]]
    if len(report.refused) > TOLD:
        lines.append(texts["more"].format(count=len(report.refused) - TOLD))
    count = {"rows": report.rows, "taken": report.taken, "refused": len(report.refused)}
    return "\n".join([*lines, texts["dry_run" if dry_run else "done"].format(**count)])


def refused(err: FileRefused) -> str:
    """Why the file as a whole was not taken, in Chinese."""
    own = _texts()["file"].get(err.code)
    return say(f"file.{err.code}", **err.detail) if own is None else str(own).format(**err.detail)


def why(code: str, detail: str = "") -> str:
    """A reason in words, by its code; a code that has none stands as it is."""
    words = _texts()["why"].get(code)
    return f"{code}{f'（{detail}）' if detail else ''}" if words is None else str(words).format(where=detail)


async def import_table(db: Database, feed: Feed, table: Table, *, dry_run: bool, clock: Callable[[], datetime], zone: ZoneInfo) -> Report:
    """Bring the table's rows into the record by the feed's mapping, in their order, some in each transaction.

    With `dry_run` all rows are tried in one transaction that is taken back. Raises MappingError, and FileRefused (`columns`) where the
    table lacks columns that the mapping reads.
    """
    mapping = mapping_of((feed.settings.model_extra or {}).get("mapping") or {})
    lacking = sorted({column for column in mapping.columns() if plain(column) not in table.header})
    if lacking:
        raise FileRefused("columns", columns="、".join(lacking))
    report = Report(len(table.rows))
    rows = iter(table.rows)
    if dry_run:
        with suppress(_DryRun):
            async with db.transaction() as tx:
                await _take(tx, feed, mapping, rows, report, clock(), zone)
                raise _DryRun
    else:
        while batch := list(islice(rows, AT_ONCE)):
            async with db.transaction() as tx:
                await _take(tx, feed, mapping, iter(batch), report, clock(), zone)
    return report


async def _take(
    tx: AsyncSession, feed: Feed, mapping: RowMapping, rows: Iterator[Row], report: Report, now: datetime, zone: ZoneInfo
) -> None:
    for row in rows:
        try:
            if row.wrong is not None:
                raise RowError(row.wrong, row.where)
            message = read_row(mapping, _cells(mapping, row), zone)
            async with tx.begin_nested():
                await apply(tx, message, feed=feed.name, received_at=now, now=now, zone=zone)
                await tx.flush()
        except RowError as err:
            report.refused.append((row.line, why(err.code, err.column)))
        except ApplyError as err:
            if isinstance(err, NeedsPerson):
                await err.ask(tx, now)
            report.refused.append((row.line, why(err.code, err.detail)))
        else:
            report.taken += 1


def _cells(mapping: RowMapping, row: Row) -> Cells:
    """The row by the names that the mapping uses: a spreadsheet's header is compared without spaces and widths."""
    return {column: row.cells.get(plain(column)) or None for column in mapping.columns()}
