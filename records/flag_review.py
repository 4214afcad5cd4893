"""What a team thinks of an alert afterwards: whether it was of use. The alert's own life is not touched by it."""

from datetime import datetime

from sqlalchemy import ForeignKey, select
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import Mapped, mapped_column

from records.base import Base
from records.flag import Flag
from records.patient import AccessRefused
from records.staff import Staff, TeamMember


class FlagReview(Base):
    """One clinician's judgement of one alert; a later one takes its place."""

    __tablename__ = "flag_review"

    flag_id: Mapped[int] = mapped_column(ForeignKey("flag.id"), primary_key=True)
    useful: Mapped[bool]
    note: Mapped[str | None]
    by: Mapped[str]
    at: Mapped[datetime]


async def review_flag(tx: AsyncSession, staff: Staff, flag_id: int, *, useful: bool, note: str | None, now: datetime) -> FlagReview:
    """Note whether the alert was of use. Raises AccessRefused unless `staff` is an active member of its team."""
    query = select(Flag.id).join(TeamMember, TeamMember.team_id == Flag.team_id).where(Flag.id == flag_id, TeamMember.staff_id == staff.id)
    if await tx.scalar(query) is None or not staff.active:
        raise AccessRefused(f"alert {flag_id}")
    row = await tx.get(FlagReview, flag_id) or FlagReview(flag_id=flag_id)
    row.useful, row.note, row.by, row.at = useful, note, staff.userid, now
    tx.add(row)
    await tx.flush()
    return row
