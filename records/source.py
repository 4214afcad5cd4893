"""Rows that a hospital's own system keeps and we hold a copy of: each is known by where it came from."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any, Literal, TypeVar

from sqlalchemy import ForeignKey, select
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import Mapped, mapped_column

from records.base import Identity
from records.said import Saying
from records.state import StateChange

Put = Literal["new", "changed", "same"]
# Columns that say something about the row, not about the patient.
KEPT = ("id", "updated_at", "said_at", "changed_at")


class Sourced(Identity, Saying):
    """A row about a patient that came from `source` and is `source_id` there; `updated_at` is when it last said something new."""

    patient_id: Mapped[int] = mapped_column(ForeignKey("patient.id"))
    source: Mapped[str]
    source_id: Mapped[str]
    updated_at: Mapped[datetime]


class OtherPatient(Exception):
    """The same source id stands with another patient: nothing was written."""

    code, permanent = "other_patient", True


Row = TypeVar("Row", bound=Sourced)


async def rows_from(tx: AsyncSession, table: type[Row], source: str, ids: Sequence[str]) -> dict[str, Row]:
    """The rows of `table` that came from `source` under these ids, by id, held until the end of the transaction."""
    found = await tx.scalars(select(table).where(table.source == source, table.source_id.in_(ids)).order_by(table.id).with_for_update())
    return {row.source_id: row for row in found}


def put(tx: AsyncSession, known: Row | None, row: Row, *, now: datetime, by: str) -> Put:
    """Take over what `row` says: as a new row where none is `known`, else into that one. A change of its status is a row.

    Raises OtherPatient.
    """
    if known is None:
        row.updated_at = now
        tx.add(row)
        return "new"
    if known.patient_id != row.patient_id:
        raise OtherPatient(row.source_id)
    columns = [column.key for column in row.__mapper__.column_attrs if column.key not in KEPT]  # type: ignore[attr-defined]
    said: dict[str, Any] = {name: getattr(row, name) for name in columns}
    changed = {name: value for name, value in said.items() if getattr(known, name) != value}
    if not changed:
        return "same"
    if "status" in changed:
        entity = str(known.__mapper__.local_table.name)  # type: ignore[attr-defined]
        old = getattr(known, "status", None)
        tx.add(StateChange(entity=entity, entity_id=known.id, old=old, new=str(changed["status"]), at=now, by=by, reason=row.source))
    for name, value in changed.items():
        setattr(known, name, value)
    known.updated_at = now
    return "changed"
