"""Saved cohorts (FHIR Group): what they ask, who is in them, and who came and went."""

from datetime import date, datetime
from typing import Any

from sqlalchemy import BigInteger, ForeignKey, Index, Text, UniqueConstraint, text
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import Mapped, mapped_column

from records.base import Base, Identity
from records.state import Moves

COHORT_MOVES: Moves = {"active": frozenset({"ended"}), "ended": frozenset()}


class Cohort(Identity, Base):
    """A group of patients by what holds of them. `definition` is the query in its builder form, tags by code.

    Without `shared` it is of its team's patients and seen by its team alone; a shared one is of the whole hospital, names shared tags
    only, and shows each team its own patients. `reads` are the facts that decide (`tag:12`, `value`, `encounter` …): what else changes
    cannot change its members. `at` and `by` are of the current version.
    """

    __tablename__ = "cohort"

    name: Mapped[str]
    team_id: Mapped[int] = mapped_column(ForeignKey("team.id"))
    shared: Mapped[bool] = mapped_column(default=False)
    state: Mapped[str] = mapped_column(default="active")
    version: Mapped[int] = mapped_column(default=1)
    definition: Mapped[dict[str, Any]]
    reads: Mapped[list[str]] = mapped_column(ARRAY(Text))
    at: Mapped[datetime]
    by: Mapped[str]

    __table_args__ = (Index("uq_cohort_team_id_name_active", "team_id", "name", unique=True, postgresql_where=text("state = 'active'")),)


class CohortVersion(Identity, Base):
    """What a cohort asked in one of its versions, and who wrote it."""

    __tablename__ = "cohort_version"

    cohort_id: Mapped[int] = mapped_column(ForeignKey("cohort.id"))
    version: Mapped[int]
    definition: Mapped[dict[str, Any]]
    at: Mapped[datetime]
    by: Mapped[str]

    __table_args__ = (UniqueConstraint("cohort_id", "version"),)


class CohortMember(Base):
    """A member, or (`inactive`) somebody who can become one by the passing of time alone.

    `next_on` is the first day of the hospital's calendar on which the verdict can change without any news; None for never.
    """

    __tablename__ = "cohort_member"

    cohort_id: Mapped[int] = mapped_column(BigInteger, ForeignKey("cohort.id"), primary_key=True, autoincrement=False)
    patient_id: Mapped[int] = mapped_column(BigInteger, ForeignKey("patient.id", ondelete="cascade"), primary_key=True, autoincrement=False)
    inactive: Mapped[bool]
    since: Mapped[datetime]
    next_on: Mapped[date | None]

    __table_args__ = (
        Index("ix_cohort_member_patient_id", "patient_id"),
        Index("ix_cohort_member_next_on", "next_on", postgresql_where=text("next_on is not null")),
    )


class CohortEvent(Identity, Base):
    """A patient `joined` or `left` a cohort; `why` is `saved`, `news` or `time`. `heard_at` is when plans took it in, once."""

    __tablename__ = "cohort_event"

    cohort_id: Mapped[int] = mapped_column(ForeignKey("cohort.id"))
    patient_id: Mapped[int] = mapped_column(ForeignKey("patient.id", ondelete="cascade"))
    kind: Mapped[str]
    why: Mapped[str]
    version: Mapped[int]
    at: Mapped[datetime]
    heard_at: Mapped[datetime | None]

    __table_args__ = (
        Index("ix_cohort_event_unheard", "cohort_id", "id", postgresql_where=text("heard_at is null")),
        Index("ix_cohort_event_cohort_id_patient_id", "cohort_id", "patient_id", "id"),
        Index("ix_cohort_event_moved", "cohort_id", "at", postgresql_where=text("why <> 'saved'")),
    )


_TAKE = text(
    """
    with taken as (
        select id from cohort_event where cohort_id = :cohort and heard_at is null order by id limit :limit for update skip locked
    ), heard as (
        update cohort_event set heard_at = :now from taken where cohort_event.id = taken.id returning cohort_event.id, patient_id, kind, at
    ) select id, patient_id, kind, at from heard order by id
    """
)


async def take_events(tx: AsyncSession, cohort_id: int, now: datetime, *, limit: int = 200) -> list[tuple[int, int, str, datetime]]:
    """The next (id, patient, joined or left, at) of a cohort that nobody took yet, oldest first: each is given once.

    Taken for good when the transaction commits; until then nobody else gets them.
    """
    rows = await tx.execute(_TAKE, {"cohort": cohort_id, "now": now, "limit": limit})
    return [(row.id, row.patient_id, row.kind, row.at) for row in rows]
