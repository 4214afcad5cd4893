"""Clinicians, their teams, and who is on call."""

from collections.abc import Iterable
from datetime import datetime
from typing import Any

from sqlalchemy import BigInteger, Exists, ForeignKey, Index, Select, select
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import Mapped, mapped_column

from records.base import Base, Identity


class Department(Identity, Base):
    """A department of the hospital, as WeCom's directory knows it by `wecom_id`, or made by hand."""

    __tablename__ = "department"

    name: Mapped[str]
    wecom_id: Mapped[int | None] = mapped_column(BigInteger, unique=True)
    parent_id: Mapped[int | None] = mapped_column(ForeignKey("department.id"))


class Team(Identity, Base):
    """A department's follow-up team. `phone` is what families are told to ring when nobody can be reached."""

    __tablename__ = "team"

    name: Mapped[str] = mapped_column(unique=True)
    phone: Mapped[str | None]
    department_id: Mapped[int | None] = mapped_column(ForeignKey("department.id"))


class Staff(Identity, Base):
    """A clinician, known to WeCom by `userid`. `directory_at` is when WeCom's directory last held him; None: he was made by hand."""

    __tablename__ = "staff"

    userid: Mapped[str] = mapped_column(unique=True)
    name: Mapped[str]
    title: Mapped[str]
    active: Mapped[bool] = mapped_column(default=True)
    department_id: Mapped[int | None] = mapped_column(ForeignKey("department.id"))
    directory_at: Mapped[datetime | None]


class TeamMember(Base):
    """Who belongs to which team."""

    __tablename__ = "team_member"

    team_id: Mapped[int] = mapped_column(ForeignKey("team.id"), primary_key=True)
    staff_id: Mapped[int] = mapped_column(ForeignKey("staff.id"), primary_key=True)


def teams_of(staff_id: int) -> Select[int]:
    """The ids of the teams that a staff member belongs to: for a condition, or to be read."""
    return select(TeamMember.team_id).where(TeamMember.staff_id == staff_id)


class OnCall(Identity, Base):
    """Tier 1 is asked first; the next tier when tier 1 stays silent. Open ends mean always."""

    __tablename__ = "on_call"

    team_id: Mapped[int] = mapped_column(ForeignKey("team.id"))
    staff_id: Mapped[int] = mapped_column(ForeignKey("staff.id"))
    tier: Mapped[int]
    starts_at: Mapped[datetime | None]
    ends_at: Mapped[datetime | None]

    __table_args__ = (Index("ix_on_call_team_tier", "team_id", "tier"),)


def _on_call(team_id: Any, tier: int, now: Any) -> Select[Staff]:
    return (
        select(Staff)
        .join(OnCall, OnCall.staff_id == Staff.id)
        .where(
            OnCall.team_id == team_id,
            OnCall.tier == tier,
            Staff.active,
            OnCall.starts_at.is_(None) | (OnCall.starts_at <= now),
            OnCall.ends_at.is_(None) | (OnCall.ends_at > now),
        )
    )


async def on_call(tx: AsyncSession, team_id: int, tier: int, now: datetime) -> list[Staff]:
    """The active clinicians of `tier` at `now`; empty when there is no such tier."""
    return list(await tx.scalars(_on_call(team_id, tier, now).order_by(Staff.id)))


def someone_on_call(team_id: Any, *, tier: int, now: Any) -> Exists:
    """The same question as a condition, to be asked along with others; the arguments may be columns or parameters."""
    return _on_call(team_id, tier, now).exists()


# As many as a card's selector holds beside "next tier" (wecom-api §4.2: 10 options).
MOST_COLLEAGUES = 8


async def colleagues(tx: AsyncSession, team_id: int, person: Staff) -> list[Staff]:
    """The other active clinicians of the team's rota."""
    rows = await tx.scalars(
        select(Staff)
        .join(OnCall, OnCall.staff_id == Staff.id)
        .where(OnCall.team_id == team_id, Staff.active, Staff.id != person.id)
        .distinct()
        .order_by(Staff.id)
        .limit(MOST_COLLEAGUES)
    )
    return list(rows)


async def names_of(tx: AsyncSession, userids: Iterable[str | None]) -> dict[str, str]:
    """What people read for whoever did something, by userid; who is not on file (a rule, the command line) is left out."""
    known = await tx.execute(select(Staff.userid, Staff.name).where(Staff.userid.in_({each for each in userids if each})))
    return dict(known.all())
