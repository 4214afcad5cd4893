"""What the kinds of resources have in common: rows with a patient, tokens that stand for our states."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypeVar

from sqlalchemy import ColumnElement, Subquery, Text, literal, select
from sqlalchemy.ext.asyncio import AsyncSession

from bot.fhir.search import Condition as Where
from bot.fhir.search import Key, Token
from integrations.fhir.write import Json
from records.base import Base

Row = TypeVar("Row", bound=Base)


def rows_of(table: Any, **columns: Any) -> Subquery:
    """The rows of a table with a patient, and the columns that its parameters look at."""
    part = literal("", Text()).label("part")
    named = [column.label(name) for name, column in columns.items()]
    return select(part, table.id, table.patient_id, table.changed_at, *named).subquery(table.__tablename__ + "_rows")


def codes_of(column: ColumnElement[Any], states: Mapping[str, str]) -> Callable[[list[Token]], Where]:
    """A token whose FHIR codes stand for our states."""

    def condition(tokens: list[Token]) -> Where:
        wanted = {code for _, code in tokens}
        return column.in_([ours for ours, code in states.items() if code in wanted])

    return condition


def plain(column: ColumnElement[Any], system: str) -> Callable[[list[Token]], Where]:
    """A token of one code system of ours."""
    return lambda tokens: column.in_([code for given, code in tokens if given in (None, system)])


async def loaded(tx: AsyncSession, table: type[Row], keys: Sequence[Key]) -> dict[int, Row]:
    """The rows of these keys, by number."""
    key: Any = table.__table__.c["id"]
    return {row.id: row for row in await tx.scalars(select(table).where(key.in_([one.id for one in keys])))}  # type: ignore[attr-defined]


def simply(table: type[Row], show: Callable[[Row], Json]) -> Callable[[AsyncSession, Sequence[Key], int], Any]:
    """Rows that are shown by themselves."""

    async def several(tx: AsyncSession, keys: Sequence[Key], client_id: int) -> list[Json]:
        rows = await loaded(tx, table, keys)
        return [show(rows[key.id]) for key in keys if key.id in rows]

    return several


def about_patient(rows: Subquery) -> dict[str, tuple[str, ColumnElement[Any]]]:
    """The two names under which everything asks for a patient."""
    return {"patient": ("Patient", rows.c.patient_id), "subject": ("Patient", rows.c.patient_id)}
