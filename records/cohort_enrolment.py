"""Putting a whole cohort on a plan: what was asked for, and how far it has come."""

from datetime import datetime
from typing import Any

from sqlalchemy import BigInteger, ForeignKey, Index, text
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.orm import Mapped, mapped_column

from records.base import Base, Identity
from records.state import Moves

ENROLMENT_MOVES: Moves = {"running": frozenset({"done", "stopped"}), "done": frozenset(), "stopped": frozenset()}


class CohortEnrolment(Identity, Base):
    """One order of a staff member: everybody whom `definition` (a query in its builder form) or the kept cohort finds among the patients
    of `team_ids`, onto this version of the plan, with these dates for all, at `hour` (None: as each family likes).

    Patients are taken in the order of their ids; `after` is the last one who was looked at. `refused` counts reasons, `named` are the
    first of those who were refused: [patient id, name, sentence].
    """

    __tablename__ = "cohort_enrolment"

    template: Mapped[str]
    version: Mapped[int]
    staff_id: Mapped[int] = mapped_column(ForeignKey("staff.id"))
    cohort_id: Mapped[int | None] = mapped_column(ForeignKey("cohort.id"))
    definition: Mapped[dict[str, Any]]
    team_ids: Mapped[list[int]] = mapped_column(ARRAY(BigInteger))
    anchors: Mapped[dict[str, Any]] = mapped_column(default=dict)
    hour: Mapped[int | None]
    whoever: Mapped[bool] = mapped_column(default=False)
    state: Mapped[str] = mapped_column(default="running")
    after: Mapped[int] = mapped_column(BigInteger, default=0)
    people: Mapped[int] = mapped_column(default=0)
    enrolled: Mapped[int] = mapped_column(default=0)
    tasks: Mapped[int] = mapped_column(default=0)
    refused: Mapped[dict[str, Any]] = mapped_column(default=dict)
    named: Mapped[list[Any]] = mapped_column(default=list)
    at: Mapped[datetime]
    ended_at: Mapped[datetime | None]

    __table_args__ = (
        Index("ix_cohort_enrolment_running", "id", postgresql_where=text("state = 'running'")),
        Index("ix_cohort_enrolment_template", "template", "id"),
    )
