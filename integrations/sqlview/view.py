"""Pages of a database view, in the order in which its rows changed. Reads only, and only the columns that are mapped.

Any database that SQLAlchemy knows: PostgreSQL and SQLite without more, Oracle, SQL Server and MySQL with their driver installed.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, DateTime, Engine, Select, and_, column, create_engine, or_, select, table
from sqlalchemy import text as sql
from sqlalchemy.engine import make_url
from sqlalchemy.exc import ArgumentError, DBAPIError, NoSuchModuleError, SQLAlchemyError

from integrations.rows.value import as_text

# What makes a session read-only and bounds a statement (`ms`), where the database can; elsewhere the account has to be read-only.
_SESSION = {
    "postgresql": ("set default_transaction_read_only = on", "set statement_timeout = {ms}"),
    "mysql": ("set session transaction read only", "set session max_execution_time = {ms}"),
    "sqlite": ("pragma query_only = on",),
}


class ViewError(Exception):
    """The view cannot be read. `code`: address, driver, unreachable, refused (the database did not take the question: a name that it
    does not know, a right that lacks), updated (the column is no time)."""

    def __init__(self, code: str, told: str, *, permanent: bool) -> None:
        super().__init__(told)
        self.code, self.permanent = code, permanent


@dataclass(frozen=True)
class View:
    """A view by its name (`schema.name` or `name`), the column with the time of a row's last change, those that name a row, and all that
    are read, each once. `page` rows at a time, `timeout` (s) a page."""

    name: str
    updated: str
    key: tuple[str, ...]
    columns: tuple[str, ...]
    page: int = 500
    timeout: float = 30.0


@dataclass(frozen=True)
class Position:
    """A place in the order of a view: behind the row with this time and key; without a key, before all rows of this time.

    `key` begins with the time as the database has it: SQLite keeps times as text, in which 08:00:00 and 08:00:00.000000 differ.
    """

    updated: datetime
    key: tuple[Any, ...] | None = None


@dataclass(frozen=True)
class Page:
    """Rows as text by column, None where a cell is empty, with the position behind each."""

    rows: tuple[dict[str, str | None], ...]
    positions: tuple[Position, ...]


def open_view(url: str, *, timeout: float = 30.0) -> Engine:
    """An engine that opens one connection at a time and keeps none. Opens nothing yet. Raises ViewError."""
    try:
        parsed = make_url(url)
        name = parsed.get_backend_name()
        if name == "postgresql" and "+" not in parsed.drivername:
            parsed = parsed.set(drivername="postgresql+psycopg")
        waits = {"postgresql": "connect_timeout", "mysql": "connect_timeout", "sqlite": "timeout"}
        options = {waits[name]: max(1, int(timeout))} if name in waits else {}
        from sqlalchemy.pool import NullPool

        return create_engine(parsed, poolclass=NullPool, connect_args=options, hide_parameters=True)
    except (ArgumentError, NoSuchModuleError) as err:
        raise ViewError("address", "The address is none of a database that is known here.", permanent=True) from err
    except ImportError as err:
        raise ViewError("driver", f"The driver of this database is not installed: {err.name}.", permanent=True) from err


def read_page(engine: Engine, view: View, after: Position | None) -> Page:
    """The next rows behind `after`, from the start without it. Blocks: call it in a thread. Raises ViewError."""
    try:
        with engine.connect() as connection:
            for statement in _SESSION.get(engine.dialect.name, ()):
                connection.execute(sql(statement.format(ms=int(view.timeout * 1000))))
            connection.commit()
            found = connection.execute(_question(view, after, timed=engine.dialect.name != "sqlite")).all()
        return Page(tuple(_as_text(view, row) for row in found), tuple(_position(view, row) for row in found))
    except DBAPIError as err:
        lost = err.connection_invalidated or type(err.orig).__name__ in ("OperationalError", "InterfaceError")
        told = f"The database did not answer the question for {view.name}: {type(err.orig).__name__}."
        raise ViewError("unreachable" if lost else "refused", told, permanent=False) from err
    except (SQLAlchemyError, ValueError, TypeError) as err:
        raise ViewError("updated", f"Column {view.updated} of {view.name} is no time: {type(err).__name__}.", permanent=True) from err


def _question(view: View, after: Position | None, *, timed: bool) -> Select[Any]:
    columns: dict[str, ColumnElement[Any]] = {
        name: column(name, DateTime()) if timed and name == view.updated else column(name) for name in view.columns
    }
    schema, _, name = view.name.rpartition(".")
    keys = [columns[each] for each in view.key]
    question = select(*columns.values()).select_from(table(name, schema=schema or None))
    updated = columns[view.updated]
    if after is not None:
        first = after.updated if timed else after.updated.isoformat(" ")
        question = question.where(updated >= first if after.key is None else _behind([updated, *keys], after.key))
    return question.where(updated.is_not(None)).order_by(updated, *keys).limit(view.page)


def _behind(order: Sequence[ColumnElement[Any]], values: tuple[Any, ...]) -> ColumnElement[bool]:
    """Rows behind a position, written out: not every database compares tuples."""
    return or_(
        *(
            and_(*(same == value for same, value in zip(order[:place], values, strict=False)), order[place] > values[place])
            for place in range(len(order))
        )
    )


def _position(view: View, row: Any) -> Position:
    cells = dict(zip(view.columns, row, strict=True))
    key = tuple(cells[each] for each in (view.updated, *view.key))
    updated = datetime.fromisoformat(key[0]) if isinstance(key[0], str) else key[0]
    if not isinstance(updated, datetime):
        raise ViewError("updated", f"Column {view.updated} of {view.name} is no time.", permanent=True)
    return Position(updated, key)


def _as_text(view: View, row: Any) -> dict[str, str | None]:
    return {name: as_text(value) for name, value in zip(view.columns, row, strict=True)}
