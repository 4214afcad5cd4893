"""Stays and visits."""

from datetime import datetime

from sqlalchemy import ForeignKey, Index, UniqueConstraint, text
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import Mapped, mapped_column

from records.base import Base, Changing, Identity
from records.said import Saying
from records.state import Moves

# The hospital's word counts, whatever it said before: what began can be taken back, and what ended can go on.
ENCOUNTER_STATES = ("planned", "in-progress", "finished", "cancelled")
ENCOUNTER_MOVES: Moves = {state: frozenset(ENCOUNTER_STATES) - {state} for state in ENCOUNTER_STATES}


class Encounter(Identity, Saying, Changing, Base):
    """A stay or visit; a stay's `ended_at` is the discharge. `kind` is FHIR's class: inpatient, outpatient, emergency, preadmit, home.

    What a hospital's system told is `source_id` in `source`; both are None for what was put on file by hand.
    """

    __tablename__ = "encounter"

    patient_id: Mapped[int] = mapped_column(ForeignKey("patient.id"))
    source: Mapped[str | None]
    source_id: Mapped[str | None]
    kind: Mapped[str]
    department: Mapped[str]
    ward: Mapped[str | None]
    room: Mapped[str | None]
    bed: Mapped[str | None]
    state: Mapped[str] = mapped_column(default="finished")
    started_at: Mapped[datetime]
    ended_at: Mapped[datetime | None]

    __table_args__ = (
        UniqueConstraint("source", "source_id"),
        Index("ix_encounter_patient_id_started_at", "patient_id", "started_at"),
        Index("ix_encounter_department", "department"),
    )


# From one to the next along the index: there are few, in many stays and visits.
_DEPARTMENTS = text(
    """
    with recursive known (department) as (
        (select department from encounter order by department limit 1)
        union all
        select (select department from encounter where department > known.department order by department limit 1)
        from known where known.department is not null
    )
    select department from known where department is not null limit :most
    """
)


async def departments(tx: AsyncSession, most: int = 200) -> list[str]:
    """Where there were stays and visits, in order."""
    return list(await tx.scalars(_DEPARTMENTS, {"most": most}))
