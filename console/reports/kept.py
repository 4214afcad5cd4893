"""Sections of the reports as they are kept."""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from aiohttp import web

from console.lasting import Lasting
from console.reports.look import Look
from console.reports.table import Cell, Table
from console.shelf import Shelf
from records.database import Database


@dataclass(frozen=True)
class Found:
    """The tables of a section; the departments that may be chosen, and the measures that could not be narrowed down."""

    tables: Sequence[Table]
    departments: Sequence[str]
    left_out: Sequence[str]


KEPT_FOR = timedelta(minutes=5)
REPORTS_KEPT = web.AppKey("reports_kept", Shelf[Found])


def key_of(section: str, look: Look) -> str:
    """The same for those who see the same."""
    return hashlib.sha256(repr((section, look.key)).encode()).hexdigest()


def shelf_of_reports(db: Database) -> Shelf[Found]:
    """Sections that are worked out beside their pages."""
    return Shelf(Lasting(db, _written, _read), kept_for=KEPT_FOR)


def _written(found: Found) -> dict[str, Any]:
    return {
        "tables": [vars(table) | {"rows": [[list(vars(cell).values()) for cell in row] for row in table.rows]} for table in found.tables],
        "departments": list(found.departments),
        "left_out": list(found.left_out),
    }


def _read(found: dict[str, Any]) -> Found:
    tables = [Table(**table | {"rows": [[Cell(*cell) for cell in row] for row in table["rows"]]}) for table in found["tables"]]
    return Found(tables, found["departments"], found["left_out"])
