"""A patient's plan, what a clinician changed in it, and its tasks (one task is one follow-up)."""

from datetime import date, datetime
from typing import Any

from sqlalchemy import BigInteger, ForeignKey, Index, text
from sqlalchemy.orm import Mapped, mapped_column

from records.base import Base, Changing, Identity


class CarePlan(Identity, Changing, Base):
    """A patient's enrolment in one version of one plan template. The states and their moves are in plans/enrolment.py.

    `anchors` holds its dates, {name: ISO date or a list of them}. Its follow-ups are made up to `planned_until` (None: from today on), at
    `hour` o'clock of the hospital's day where a step names no hours (None: as the family likes). `paused_until` is the day on which a
    pause ends by itself, `paused_for` what it is for: stay, holiday, clinician. `changes` counts what was changed for this patient
    alone, and is 0 where nothing was.
    """

    __tablename__ = "care_plan"

    patient_id: Mapped[int] = mapped_column(ForeignKey("patient.id"), index=True)
    template: Mapped[str]
    template_version: Mapped[int]
    anchors: Mapped[dict[str, Any]]
    state: Mapped[str] = mapped_column(default="active")
    hour: Mapped[int | None]
    planned_until: Mapped[date | None]
    paused_until: Mapped[date | None]
    paused_for: Mapped[str | None]
    changes: Mapped[int] = mapped_column(default=0, server_default=text("0"))
    created_at: Mapped[datetime]
    created_by: Mapped[str]

    __table_args__ = (
        Index("ix_care_plan_planned_until", "planned_until", "id", postgresql_where=text("state = 'active'")),
        Index("ix_care_plan_paused_until", "paused_until", postgresql_where=text("state = 'paused'")),
        Index("ix_care_plan_template", "template", "template_version", "id"),
    )


class CarePlanChange(Identity, Base):
    """What a clinician or a rule changed for one patient on top of the template: kinds and `detail` are those of plans/change.py.

    It holds until it is undone. `day` and `slot` name one follow-up; without them the whole step is meant.
    """

    __tablename__ = "care_plan_change"

    care_plan_id: Mapped[int] = mapped_column(ForeignKey("care_plan.id"))
    kind: Mapped[str]
    step: Mapped[str]
    day: Mapped[date | None]
    slot: Mapped[int | None]
    detail: Mapped[dict[str, Any]] = mapped_column(default=dict)
    at: Mapped[datetime]
    by: Mapped[str]
    reason: Mapped[str | None]
    undone_at: Mapped[datetime | None]
    undone_by: Mapped[str | None]

    __table_args__ = (Index("ix_care_plan_change_care_plan_id", "care_plan_id", "id"),)


class Task(Identity, Changing, Base):
    """One follow-up of one day and moment. The states and their moves are in plans/task.py.

    `slot` is which time of that day it is, from 0. `template_version` is set where the plan has moved on to another version since.
    """

    __tablename__ = "task"

    care_plan_id: Mapped[int] = mapped_column(ForeignKey("care_plan.id"))
    patient_id: Mapped[int] = mapped_column(ForeignKey("patient.id"))
    step: Mapped[str]
    day: Mapped[date]
    slot: Mapped[int] = mapped_column(default=0, server_default=text("0"))
    template_version: Mapped[int | None]
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
        Index(
            "uq_task_care_plan_id_step_day_slot",
            "care_plan_id",
            "step",
            "day",
            "slot",
            unique=True,
            postgresql_where=text("state <> 'withdrawn'"),
        ),
        Index("ix_task_due_at_scheduled", "due_at", "id", postgresql_where=text("state = 'scheduled'")),
        Index("ix_task_next_at", "next_at", "id", postgresql_where=text("next_at is not null")),
        Index("ix_task_patient_id_day", "patient_id", "day"),
        # What staff are shown of the last days.
        Index("ix_task_ended", "closed_at", "id", postgresql_where=text("state in ('missed', 'undeliverable', 'declined', 'partial')")),
    )
