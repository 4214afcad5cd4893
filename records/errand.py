"""Errands: what a clinician is asked to do for a patient when no follow-up and no message can do it."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import ForeignKey, Index
from sqlalchemy import text as sql
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import Mapped, mapped_column

from records.base import Base, Identity
from records.patient import Patient
from records.state import StateChange

OPEN = "open"


class Errand(Identity, Base):
    """One line of a team's work list that stands until somebody closes it. state: open → done | dropped (plans/errand.py).

    `kind` groups them (`no_route`, `by_hand` …), `text` says what to do and `because` why, both in the words the clinician reads. `key`
    says what it is for, so that a repeat is harmless. `owner_id` is who has taken it, `outcome` what came of it.
    """

    __tablename__ = "errand"

    key: Mapped[str] = mapped_column(unique=True)
    patient_id: Mapped[int] = mapped_column(ForeignKey("patient.id"), index=True)
    team_id: Mapped[int] = mapped_column(ForeignKey("team.id"))
    kind: Mapped[str]
    text: Mapped[str]
    because: Mapped[str]
    state: Mapped[str] = mapped_column(default=OPEN)
    raised_at: Mapped[datetime]
    due_at: Mapped[datetime | None]
    owner_id: Mapped[int | None] = mapped_column(ForeignKey("staff.id"))
    closed_at: Mapped[datetime | None]
    outcome: Mapped[str | None]

    __table_args__ = (Index("ix_errand_team_id_open", "team_id", "raised_at", postgresql_where=sql("state = 'open'")),)


@dataclass(frozen=True)
class NewErrand:
    """An errand to raise; see Errand."""

    patient_id: int
    team_id: int
    kind: str
    text: str
    because: str
    key: str
    due_at: datetime | None = None


async def raise_errand(
    tx: AsyncSession,
    patient: Patient,
    *,
    kind: str,
    text: str,
    because: str,
    key: str,
    now: datetime,
    due_at: datetime | None = None,
    by: str = "system",
) -> int | None:
    """Put an errand on the list of the patient's team, once per `key`; its id, or None when it was there already, open or closed."""
    new = NewErrand(patient.id, patient.team_id, kind, text, because, key, due_at)
    return (await raise_errands(tx, [new], now=now, by=by)).get(key)


async def raise_errands(tx: AsyncSession, errands: Sequence[NewErrand], *, now: datetime, by: str = "system") -> dict[str, int]:
    """Put many errands on the lists, once per key, in two statements; the ids by key of those that were not there yet."""
    if not errands:
        return {}
    rows = [
        {
            "key": each.key,
            "patient_id": each.patient_id,
            "team_id": each.team_id,
            "kind": each.kind,
            "text": each.text,
            "because": each.because,
            "state": OPEN,
            "raised_at": now,
            "due_at": each.due_at,
        }
        for each in errands
    ]
    added = await tx.execute(insert(Errand).on_conflict_do_nothing(index_elements=["key"]).returning(Errand.key, Errand.id), rows)
    ids = {key: id for key, id in added}
    tx.add_all(
        StateChange(entity="errand", entity_id=ids[each.key], old=None, new=OPEN, at=now, by=by, reason=each.kind)
        for each in errands
        if each.key in ids
    )
    return ids
