"""Columns whose texts are kept encrypted, and the blind indexes by which they are found.

The keys come with the engine: `Database` hangs its keyring on the engine's dialect, which SQLAlchemy hands to every column type. Nothing
here is global, and two databases of one process may have two keyrings.
"""

import json
from collections.abc import Callable, Collection, Mapping
from typing import Any

from sqlalchemy import ColumnElement, Dialect, LargeBinary, Table, Text, and_, event, or_, type_coerce
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import attributes, mapped_column
from sqlalchemy.sql.operators import OperatorType, eq, in_op, is_, is_distinct_from, is_not, ne
from sqlalchemy.types import TypeDecorator

from records.keyring import Keyring, KeyringError


class _Compared(TypeDecorator.Comparator[Any]):
    """A sealed text is never the same twice: in SQL it is compared by its blind index, and where it has none, a comparison would quietly
    find nothing, so there is none. An empty one is not sealed, and may be compared."""

    def operate(self, op: OperatorType, *other: Any, **kwargs: Any) -> ColumnElement[Any]:
        empty = isinstance(other[0], str | list | dict) and not other[0]
        # Columns among themselves are compared by SQLAlchemy, which looks them up.
        if op in (is_, is_not) or (op in (eq, ne, is_distinct_from) and (empty or isinstance(other[0], ColumnElement))):
            return super().operate(op, *other, **kwargs)
        blind = getattr(self.type, "blind", None)
        if blind is not None and op is eq and isinstance(other[0], str):
            return found_by(self.expr.table.c[blind], self.expr, [other[0]])
        if blind is not None and op is in_op and isinstance(other[0], Collection):
            return found_by(self.expr.table.c[blind], self.expr, other[0])
        raise TypeError(f"{self.expr} is sealed: find it by a blind index, or compare what was read")

    def reverse_operate(self, op: OperatorType, other: Any, **kwargs: Any) -> ColumnElement[Any]:
        raise TypeError(f"{self.expr} is sealed: find it by a blind index, or compare what was read")


class Sealed(TypeDecorator[str]):
    """A text that is sealed in the database and plain in Python; `place` is its `table.column`, `blind` the column that has its index: then
    `==` and `in_` find it in SQL too."""

    impl, cache_ok = Text, True
    comparator_factory = _Compared

    def __init__(self, place: str, blind: str | None = None) -> None:
        super().__init__()
        self.place, self.blind = place, blind

    def process_bind_param(self, value: str | None, dialect: Dialect) -> str | None:
        """Seal."""
        return ring_of(dialect).seal(self.place, value) if value and _fits(value) else value

    def process_result_value(self, value: str | None, dialect: Dialect) -> str | None:
        """Unseal."""
        return value if not value or value[0] != "~" else ring_of(dialect).unseal(self.place, value)


class SealedJson(TypeDecorator[Any]):
    """A structure that is sealed as one text, which is a JSON string then; empty ones are not, so that SQL can tell them."""

    impl, cache_ok = JSONB, True
    comparator_factory = _Compared

    def __init__(self, place: str) -> None:
        super().__init__(none_as_null=True)
        self.place = place

    def process_bind_param(self, value: Any, dialect: Dialect) -> Any:
        """Seal."""
        return value if not value else close_json(ring_of(dialect), self.place, value)

    def process_result_value(self, value: Any, dialect: Dialect) -> Any:
        """Unseal."""
        return open_json(ring_of(dialect), self.place, value) if isinstance(value, str) else value


class Blind(TypeDecorator[Any]):
    """The blind index of a text. In Python it is compared with, and set to, the plain text; what is read back is of no use."""

    impl, cache_ok = LargeBinary, True

    def __init__(self, place: str) -> None:
        super().__init__()
        self.place = place

    def process_bind_param(self, value: str | None, dialect: Dialect) -> bytes | None:
        """The HMAC."""
        return None if value is None else ring_of(dialect).blind(self.place, value)


def blind_of(place: str, make: Callable[[Mapping[str, Any]], str | None], *of: str) -> Any:
    """A column with the blind index of what `make` makes of the columns `of` of its row; set when a row is inserted, by whatever way, and
    by the ORM when one of them changes. `place` keeps the indexes of different columns apart."""

    def given(context: Any) -> str | None:
        return make(context.get_current_parameters())

    return mapped_column(Blind(place), nullable=True, default=given, deferred=True, info={"make": make, "of": of})


def follow_blinds(table: type[Any]) -> None:
    """Keep the blind indexes of a mapped class up to date when the ORM changes a row."""
    columns = {name: column.info for name, column in table.__table__.columns.items() if isinstance(column.type, Blind)}

    @event.listens_for(table, "before_update")
    def _(mapper: Any, connection: Any, row: Any) -> None:
        for name, info in columns.items():
            if any(attributes.get_history(row, source).has_changes() for source in info["of"]):
                setattr(row, name, info["make"]({source: getattr(row, source) for source in info["of"]}))


def found_by(blind: Any, plain: Any, texts: Collection[str]) -> ColumnElement[bool]:
    """The condition that a row has one of `texts`: by its blind index, or as it stands where it has none yet, since an older version wrote
    it. Both have an index."""
    return or_(blind.in_(texts), and_(blind.is_(None), type_coerce(plain, Text).in_(texts)))


def ring_of(dialect: Any) -> Keyring:
    """The keyring of an engine. Raises KeyringError where its Database was given none."""
    ring: Keyring | None = getattr(dialect, "keyring", None)
    if ring is None:
        raise KeyringError("no_keyring", "This process was given no keys: it reads no names and numbers of patients.")
    return ring


def keyring_of(tx: AsyncSession) -> Keyring:
    """The keyring of a session's engine. Raises KeyringError."""
    return ring_of(tx.get_bind().dialect)


def _fits(text: str) -> bool:
    """What PostgreSQL refuses it is to refuse as ever: a NUL, and what is no Unicode."""
    return "\0" not in text and "\\u0000" not in text and not any("\ud800" <= sign <= "\udfff" for sign in text)


def sealed_columns(table: Table) -> dict[str, "Sealed | SealedJson"]:
    """The columns of a table that are sealed, with their types."""
    return {column.name: column.type for column in table.columns if isinstance(column.type, Sealed | SealedJson)}


def place_of(column: Any) -> str:
    """The place of a sealed column."""
    return str(column.type.place)


def open_row(ring: Keyring, table: Table, row: dict[str, Any]) -> dict[str, Any]:
    """A row that PostgreSQL has told as JSON, with what is sealed in it in plain. Raises KeyringError."""
    return {
        **row,
        **{name: _open(ring, type_, row[name]) for name, type_ in sealed_columns(table).items() if isinstance(row.get(name), str)},
    }


def close_row(ring: Keyring, table: Table, row: dict[str, Any]) -> dict[str, Any]:
    """The other way round, to be put back."""
    return {**row, **{name: _close(ring, type_, row[name]) for name, type_ in sealed_columns(table).items() if row.get(name)}}


def close_json(ring: Keyring, place: str, value: Any) -> Any:
    """A structure as it is stored in `place`."""
    text = json.dumps(value, ensure_ascii=False, separators=(",", ":"))
    return ring.seal(place, text) if ring.active is not None and _fits(text) else value


def open_json(ring: Keyring, place: str, stored: str) -> Any:
    """The structure that was sealed; a string that was not is one."""
    plain = ring.unseal(place, stored)
    return stored if plain is stored else json.loads(plain)


def _open(ring: Keyring, type_: "Sealed | SealedJson", stored: str) -> Any:
    return open_json(ring, type_.place, stored) if isinstance(type_, SealedJson) else ring.unseal(type_.place, stored)


def _close(ring: Keyring, type_: "Sealed | SealedJson", plain: Any) -> Any:
    return close_json(ring, type_.place, plain) if isinstance(type_, SealedJson) else ring.seal(type_.place, plain)
