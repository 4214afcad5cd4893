"""A patient's plan and its tasks (one task is one follow-up)."""

from datetime import date, datetime
from typing import Any

from sqlalchemy import BigInteger, ForeignKey, Index, UniqueConstraint, text
from sqlalchemy.orm import Mapped, mapped_column

from records.base import Base, Changing, Identity


class CarePlan(Identity, Changing, Base):
    """A patient's enrolment in one version of one plan template. `anchors` holds its dates: birth, discharge …"""

    __tablename__ = "care_plan"

    patient_id: Mapped[int] = mapped_column(ForeignKey("patient.id"), index=True)
    template: Mapped[str]
    template_version: Mapped[int]
    anchors: Mapped[dict[str, Any]]
    state: Mapped[str] = mapped_column(default="active")
    created_at: Mapped[datetime]
    created_by: Mapped[str]


class Task(Identity, Changing, Base):
    """One follow-up of one day. The states and their moves are in plans/task.py."""

    __tablename__ = "task"

    care_plan_id: Mapped[int] = mapped_column(ForeignKey("care_plan.id"))
    patient_id: Mapped[int] = mapped_column(ForeignKey("patient.id"))
    step: Mapped[str]
    day: Mapped[date]
    due_at: Mapped[datetime]
    useful_until: Mapped[datetime]
    next_at: Mapped[datetime | None]
    state: Mapped[str] = mapped_column(default="scheduled")
    chat_id: Mapped[int | None] = mapped_column(BigInteger)
    answers: Mapped[dict[str, Any]] = mapped_column(default=dict)
    sent_at: Mapped[datetime | None]
    closed_at: Mapped[datetime | None]
    outcome: Mapped[str | None]

    __table_args__ = (
        UniqueConstraint("care_plan_id", "step", "day"),
        Index("ix_task_due_at_scheduled", "due_at", postgresql_where=text("state = 'scheduled'")),
        Index("ix_task_next_at", "next_at", postgresql_where=text("next_at is not null")),
        Index("ix_task_patient_id_day", "patient_id", "day"),
    )
