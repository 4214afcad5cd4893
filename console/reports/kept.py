"""Sections of the reports are kept in the database: every web process shows the same, and a restart forgets none."""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from aiohttp import web

from console.reports.look import Look
from console.reports.table import Cell, Table
from console.shelf import Kept, Shelf
from records.database import Database
from records.report_kept import keep_report, kept_report


@dataclass(frozen=True)
class Found:
    """The tables of a section; the departments that may be chosen, and the measures that could not be narrowed down."""

    tables: Sequence[Table]
    departments: Sequence[str]
    left_out: Sequence[str]


class ReportStore:
    """As JSON in the table `report_kept`."""

    def __init__(self, db: Database) -> None:
        self._db = db

    async def load(self, key: str) -> Kept[Found] | None:
        """What was kept last."""
        async with self._db.transaction() as tx:
            row = await kept_report(tx, key)
        return None if row is None else Kept(_read(row.found), row.at, row.seconds)

    async def save(self, key: str, kept: Kept[Found]) -> None:
        """Keep it in place of what was there."""
        async with self._db.transaction() as tx:
            await keep_report(tx, key, _written(kept.what), kept.at, kept.seconds)


KEPT_FOR = timedelta(minutes=5)
REPORTS_KEPT = web.AppKey("reports_kept", Shelf[Found])


def key_of(section: str, look: Look) -> str:
    """The same for those who see the same."""
    return hashlib.sha256(repr((section, look.key)).encode()).hexdigest()


def _written(found: Found) -> dict[str, Any]:
    return {
        "tables": [vars(table) | {"rows": [[list(vars(cell).values()) for cell in row] for row in table.rows]} for table in found.tables],
        "departments": list(found.departments),
        "left_out": list(found.left_out),
    }


def _read(found: dict[str, Any]) -> Found:
    tables = [Table(**table | {"rows": [[Cell(*cell) for cell in row] for row in table["rows"]]}) for table in found["tables"]]
    return Found(tables, found["departments"], found["left_out"])
