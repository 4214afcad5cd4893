"""Every state change is a row: who moved what from where to where, when and why."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, Protocol

from sqlalchemy import BigInteger, Index, bindparam, column, func, insert, inspect, select, update
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import Mapped, mapped_column
from sqlalchemy.orm.attributes import set_committed_value

from records.base import Base, Identity

Moves = Mapping[str, frozenset[str]]


class StateChange(Identity, Base):
    """One move of one row. `entity` is its table, `by` a staff member's userid, a rule's id, or `system`."""

    __tablename__ = "state_change"

    entity: Mapped[str]
    entity_id: Mapped[int] = mapped_column(BigInteger)
    old: Mapped[str | None]
    new: Mapped[str]
    at: Mapped[datetime]
    by: Mapped[str]
    reason: Mapped[str | None]
    detail: Mapped[dict[str, Any]] = mapped_column(default=dict)

    __table_args__ = (
        Index("ix_state_change_entity", "entity", "entity_id", "id"),
        Index("ix_state_change_at", "at", postgresql_using="brin"),
    )


_CHANGES = StateChange.metadata.tables[StateChange.__tablename__]
_FIELDS = tuple(column(name, _CHANGES.c[name].type) for name in ("entity", "entity_id", "old", "new", "at", "by", "reason", "detail"))
# One statement of one shape for however many.
_ROWS = func.jsonb_to_recordset(bindparam("rows", type_=JSONB)).table_valued(*_FIELDS, name="made").render_derived(with_types=True)
_NOTE = insert(_CHANGES).from_select([field.name for field in _FIELDS], select(_ROWS))


async def note_changes(tx: AsyncSession, rows: Sequence[Mapping[str, Any]]) -> None:
    """Write many moves down that the caller has made: each row all columns of StateChange but the id, `at` in ISO 8601."""
    if rows:
        await tx.execute(_NOTE, {"rows": list(rows)})


class Stateful(Protocol):
    """A mapped row with an identity and a state."""

    __tablename__: str
    id: Mapped[int]
    state: Mapped[str]


class MoveRefused(Exception):
    """The move is not in the entity's table of moves; `code` is `move_refused`."""

    code, permanent = "move_refused", True


def created(tx: AsyncSession, row: Any, *, at: datetime, by: str, reason: str | None = None) -> None:
    """Note the first state of a freshly flushed `row`."""
    tx.add(StateChange(entity=row.__tablename__, entity_id=row.id, old=None, new=row.state, at=at, by=by, reason=reason))


async def move(
    tx: AsyncSession,
    row: Any,
    new: str,
    *,
    moves: Moves,
    at: datetime,
    by: str,
    reason: str | None = None,
    detail: dict[str, Any] | None = None,
    **columns: Any,
) -> bool:
    """Move `row` to state `new`, set `columns` with it, and write the change down.

    The move is guarded by the state that this transaction saw: False means somebody else moved the row first, and nothing was
    written. Raises MoveRefused when `moves` does not allow it.
    """
    old = row.state
    if new not in moves.get(old, frozenset()):
        raise MoveRefused(f"{row.__tablename__} {row.id}: {old} -> {new}")
    table = type(row)
    done = await tx.execute(
        update(table)
        .where(table.id == row.id, table.state == old)
        .values(state=new, **columns)
        .execution_options(synchronize_session=False)
    )
    if done.rowcount != 1:  # type: ignore[attr-defined]
        return False
    for name, value in {"state": new, **columns}.items():
        if name in inspect(table).column_attrs:
            set_committed_value(row, name, value)
    tx.add(StateChange(entity=row.__tablename__, entity_id=row.id, old=old, new=new, at=at, by=by, reason=reason, detail=detail or {}))
    return True
