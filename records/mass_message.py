"""Mass messages: one text to the families of many patients, written by one person, above a size approved by another."""

from collections import defaultdict
from collections.abc import Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import BigInteger, ForeignKey, Index, select
from sqlalchemy import text as sql
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import Mapped, mapped_column

from records.base import Base, Identity


class MassMessage(Identity, Base):
    """One message to many families. States and their moves are in plans/mass_message/life.py.

    `audience` is what the author chose: {"query": builder form}, {"cohort": id} or {"patients": [record numbers]}; `audience_text` says
    it in words. `families` is how many there were when it was submitted: from then on they stay the same. `send_at` is when it begins,
    `useful_until` when it is no longer worth sending, `next_at` when the next batch is due.
    """

    __tablename__ = "mass_message"

    team_id: Mapped[int] = mapped_column(ForeignKey("team.id"), index=True)
    title: Mapped[str]
    text: Mapped[str]
    audience: Mapped[dict[str, Any]]
    audience_text: Mapped[str]
    state: Mapped[str] = mapped_column(default="draft")
    families: Mapped[int | None]
    created_by: Mapped[int] = mapped_column(ForeignKey("staff.id"))
    created_at: Mapped[datetime]
    approved_by: Mapped[int | None] = mapped_column(ForeignKey("staff.id"))
    approved_at: Mapped[datetime | None]
    send_at: Mapped[datetime | None]
    useful_until: Mapped[datetime | None]
    next_at: Mapped[datetime | None]
    ended_at: Mapped[datetime | None]

    __table_args__ = (
        Index("ix_mass_message_next_at", "next_at", postgresql_where=sql("next_at is not null")),
        Index("ix_mass_message_submitted", "team_id", postgresql_where=sql("state = 'submitted'")),
    )


class MassRecipient(Base):
    """One family of one mass message, however many of its children are meant (MassChild).

    state: waiting (until `next_at`, for `reason`) → sent (the contact ledger says by which route, and what became of it) | skipped, with
    its reason.
    """

    __tablename__ = "mass_recipient"

    mass_message_id: Mapped[int] = mapped_column(BigInteger, ForeignKey("mass_message.id"), primary_key=True, autoincrement=False)
    carer_id: Mapped[int] = mapped_column(BigInteger, ForeignKey("carer.id"), primary_key=True, autoincrement=False)
    state: Mapped[str] = mapped_column(default="waiting")
    reason: Mapped[str | None]
    next_at: Mapped[datetime | None]
    decided_at: Mapped[datetime | None]

    __table_args__ = (
        Index("ix_mass_recipient_waiting", "mass_message_id", "next_at", "carer_id", postgresql_where=sql("state = 'waiting'")),
        Index("ix_mass_recipient_carer_id", "carer_id"),
    )


class MassChild(Base):
    """A child who is meant by a mass message, and the carer who gets it."""

    __tablename__ = "mass_child"

    mass_message_id: Mapped[int] = mapped_column(BigInteger, ForeignKey("mass_message.id"), primary_key=True, autoincrement=False)
    patient_id: Mapped[int] = mapped_column(BigInteger, ForeignKey("patient.id"), primary_key=True, autoincrement=False, index=True)
    carer_id: Mapped[int] = mapped_column(BigInteger, ForeignKey("carer.id"))

    __table_args__ = (Index("ix_mass_child_mass_message_id_carer_id", "mass_message_id", "carer_id"),)


async def children_of(tx: AsyncSession, message_id: int, carer_ids: Sequence[int]) -> dict[int, list[int]]:
    """The children whom the message means, by carer, in the order of their ids."""
    found: dict[int, list[int]] = defaultdict(list)
    rows = select(MassChild.carer_id, MassChild.patient_id).where(
        MassChild.mass_message_id == message_id, MassChild.carer_id.in_(carer_ids)
    )
    for carer_id, patient_id in await tx.execute(rows.order_by(MassChild.patient_id)):
        found[carer_id].append(patient_id)
    return found
