"""What the adaptation rules live on: what happened to patients, the hospital's own rules, what fired, and how far the clock has come.

Events are written by triggers in the transaction of whoever changes a fact, so that no writer has to know of rules. What is told long
after it happened (a history that comes in) is no event.
"""

import json
from collections.abc import Mapping, Sequence
from datetime import date, datetime
from typing import Any

from sqlalchemy import BigInteger, ForeignKey, Index, UniqueConstraint, text
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import Mapped, mapped_column

from records.base import Base, Identity
from records.state import Moves

# What triggers write, and `day`, which the clock of the rules does.
EVENT_KINDS = (
    "reading", "sign", "lab", "diagnosis", "discharge", "admission", "task", "score", "tag_began", "tag_ended", "cohort_joined",
    "cohort_left", "plan", "day",
)  # fmt: skip
RULE_MOVES: Moves = {"draft": frozenset({"active", "retired"}), "active": frozenset({"retired"}), "retired": frozenset()}


class PatientEvent(Identity, Base):
    """Something happened to a patient at `at`, and we learned of it at `recorded_at`. `fact` says what, the row `ref_kind` `ref_id` is it.

    `cause_id` is the firing that made it happen, `depth` how many firings stand behind it. `heard_at` is when the rules took it in;
    other consumers keep marks of their own. `not_before` holds back the events of a patient whose record cannot be looked at.
    """

    __tablename__ = "patient_event"

    patient_id: Mapped[int] = mapped_column(ForeignKey("patient.id", ondelete="cascade"))
    kind: Mapped[str]
    at: Mapped[datetime]
    recorded_at: Mapped[datetime]
    ref_kind: Mapped[str | None]
    ref_id: Mapped[int | None] = mapped_column(BigInteger)
    fact: Mapped[dict[str, Any]]
    cause_id: Mapped[int | None] = mapped_column(BigInteger)
    depth: Mapped[int] = mapped_column(default=0)
    heard_at: Mapped[datetime | None]
    not_before: Mapped[datetime | None]

    __table_args__ = (
        Index("ix_patient_event_unheard", "id", postgresql_where=text("heard_at is null")),
        Index("ix_patient_event_patient_id", "patient_id", "id"),
        Index("ix_patient_event_recorded_at", "recorded_at"),
        Index("ix_patient_event_held", "patient_id", postgresql_where=text("heard_at is null and not_before is not null")),
    )


class AdaptationRule(Identity, Base):
    """One version of a hospital's own rule, as it was written (YAML). `department` empty: for all; else it stands there in place of the
    hospital's or the shipped one of the same name. Who approves a version has not written it."""

    __tablename__ = "adaptation_rule"

    rule: Mapped[str]
    department: Mapped[str] = mapped_column(default="")
    version: Mapped[int]
    state: Mapped[str] = mapped_column(default="draft")
    definition: Mapped[str]
    author: Mapped[str]
    approver: Mapped[str | None]
    created_at: Mapped[datetime]
    changed_at: Mapped[datetime]

    __table_args__ = (
        UniqueConstraint("rule", "department", "version", name="uq_adaptation_rule_rule_department_version"),
        Index("uq_adaptation_rule_active", "rule", "department", unique=True, postgresql_where=text("state = 'active'")),
    )


class AdaptationFiring(Identity, Base):
    """A rule fired for a patient: on what event, on which evidence (facts with values, times and sources), and what was done.

    `because` is the whole in Chinese. At most one for a version of a rule and an event.
    """

    __tablename__ = "adaptation_firing"

    rule: Mapped[str]
    department: Mapped[str] = mapped_column(default="")
    version: Mapped[int]
    patient_id: Mapped[int] = mapped_column(ForeignKey("patient.id", ondelete="cascade"))
    event_id: Mapped[int] = mapped_column(BigInteger)
    event: Mapped[dict[str, Any]]
    because: Mapped[str]
    evidence: Mapped[list[dict[str, Any]]]
    did: Mapped[list[dict[str, Any]]]
    depth: Mapped[int] = mapped_column(default=0)
    cause_id: Mapped[int | None] = mapped_column(BigInteger)
    at: Mapped[datetime]
    undone_at: Mapped[datetime | None]
    undone_by: Mapped[str | None]
    undone_why: Mapped[str | None]

    __table_args__ = (
        UniqueConstraint("event_id", "rule", "version", name="uq_adaptation_firing_event_id_rule_version"),
        Index("ix_adaptation_firing_patient_id", "patient_id", "rule", "at"),
    )


class AdaptationClock(Base):
    """The last day of the hospital's calendar on which a rule of the clock has looked at everybody."""

    __tablename__ = "adaptation_clock"

    rule: Mapped[str] = mapped_column(primary_key=True)
    done_on: Mapped[date]


# A patient whose events wait keeps his order: what comes later waits behind them. What is dated ahead has not happened yet.
_TAKE = text(
    """
    select e.id, e.patient_id, e.kind, e.at, e.recorded_at, e.ref_kind, e.ref_id, e.fact, e.cause_id, e.depth from patient_event e
    where e.heard_at is null and e.at <= :now and (cast(:only as bigint) is null or e.patient_id = :only) and not exists (
        select from patient_event w where w.patient_id = e.patient_id and w.heard_at is null and w.not_before is not null
            and w.not_before > :now)
    order by e.id limit :limit for update of e skip locked
    """
)
_WAITING = text(
    """
    select exists (select from patient_event where heard_at is null and at <= :now and (not_before is null or not_before <= :now))
    """
)
_WHO = text(
    """
    select distinct patient_id from (
        select patient_id from patient_event where heard_at is null and at <= :now and (not_before is null or not_before <= :now)
        order by id limit :limit) next
    """
)
_HEARD = text("update patient_event set heard_at = :now where id = any(cast(:ids as bigint[]))")
_FORGET = text("delete from patient_event where recorded_at < :before and heard_at is not null")
_HOLD = text("update patient_event set not_before = :until where patient_id = :patient and heard_at is null")
_CAUSE = text("select set_config('careloop.firing', :cause, true)")


async def take_events(tx: AsyncSession, now: datetime, limit: int, *, only: int | None = None) -> Sequence[Any]:
    """The next events (`only`: of this patient) that the rules have not heard, oldest first, held until the end of the transaction."""
    return (await tx.execute(_TAKE, {"now": now, "limit": limit, "only": only})).all()


async def any_event(tx: AsyncSession, now: datetime) -> bool:
    """Whether there is an event to hear: one look into an index of the unheard."""
    return bool(await tx.scalar(_WAITING, {"now": now}))


async def waiting_patients(tx: AsyncSession, now: datetime, limit: int) -> list[int]:
    """Whose the next events are."""
    return list(await tx.scalars(_WHO, {"now": now, "limit": limit}))


async def heard(tx: AsyncSession, ids: Sequence[int], now: datetime) -> None:
    """These events are done with."""
    if ids:
        await tx.execute(_HEARD, {"ids": list(ids), "now": now})


async def forget_events(tx: AsyncSession, before: datetime) -> None:
    """Drop the events that were recorded before this and have been heard."""
    await tx.execute(_FORGET, {"before": before})


async def hold_back(tx: AsyncSession, patient_id: int, until: datetime) -> None:
    """Do not look at this patient's events before `until`: one bad record must not stop the line."""
    await tx.execute(_HOLD, {"patient": patient_id, "until": until})


async def act_for(tx: AsyncSession, causes: Mapping[int, tuple[int, int]]) -> None:
    """From now on in this transaction, what happens to these patients is by (firing, depth); nothing for none."""
    said = {str(patient): [firing, depth] for patient, (firing, depth) in causes.items()}
    await tx.execute(_CAUSE, {"cause": json.dumps(said) if said else ""})
