"""Clinicians, their teams, and who is on call."""

from datetime import datetime

from sqlalchemy import ForeignKey, Index, select
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import Mapped, mapped_column

from records.base import Base, Identity


class Team(Identity, Base):
    """A department's follow-up team. `phone` is what families are told to ring when nobody can be reached."""

    __tablename__ = "team"

    name: Mapped[str] = mapped_column(unique=True)
    phone: Mapped[str | None]


class Staff(Identity, Base):
    """A clinician, known to WeCom by `userid`."""

    __tablename__ = "staff"

    userid: Mapped[str] = mapped_column(unique=True)
    name: Mapped[str]
    title: Mapped[str]
    active: Mapped[bool] = mapped_column(default=True)


class TeamMember(Base):
    """Who belongs to which team."""

    __tablename__ = "team_member"

    team_id: Mapped[int] = mapped_column(ForeignKey("team.id"), primary_key=True)
    staff_id: Mapped[int] = mapped_column(ForeignKey("staff.id"), primary_key=True)


class OnCall(Identity, Base):
    """Tier 1 is asked first; the next tier when tier 1 stays silent. Open ends mean always."""

    __tablename__ = "on_call"

    team_id: Mapped[int] = mapped_column(ForeignKey("team.id"))
    staff_id: Mapped[int] = mapped_column(ForeignKey("staff.id"))
    tier: Mapped[int]
    starts_at: Mapped[datetime | None]
    ends_at: Mapped[datetime | None]

    __table_args__ = (Index("ix_on_call_team_tier", "team_id", "tier"),)


async def on_call(tx: AsyncSession, team_id: int, tier: int, now: datetime) -> list[Staff]:
    """The active clinicians of `tier` at `now`; empty when there is no such tier."""
    rows = await tx.scalars(
        select(Staff)
        .join(OnCall, OnCall.staff_id == Staff.id)
        .where(
            OnCall.team_id == team_id,
            OnCall.tier == tier,
            Staff.active,
            OnCall.starts_at.is_(None) | (OnCall.starts_at <= now),
            OnCall.ends_at.is_(None) | (OnCall.ends_at > now),
        )
        .order_by(Staff.id)
    )
    return list(rows)
