"""Who is on call when: duties are added and ended by hand, and hours in which nobody would be asked are found."""

from collections.abc import Iterable
from datetime import datetime

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from records.staff import OnCall, Staff, TeamMember
from records.state import StateChange

HIGHEST_TIER = 5
Span = tuple[datetime, datetime]


class RotaError(Exception):
    """A duty that cannot stand: `code` is ends_first, over, tier, not_member or overlap."""

    permanent = True

    def __init__(self, code: str) -> None:
        super().__init__(code)
        self.code = code


def gaps(duties: Iterable[OnCall], start: datetime, end: datetime) -> list[Span]:
    """The spans between `start` and `end` that none of `duties` covers, in order. Open ends mean always."""
    found, covered = [], start
    spans = sorted((max(duty.starts_at or start, start), duty.ends_at or end) for duty in duties)
    for begins, ends in spans:
        if begins >= end:
            break
        if begins > covered:
            found.append((covered, begins))
        covered = max(covered, ends)
    return [*found, (covered, end)] if covered < end else found


async def add_duty(
    tx: AsyncSession, team_id: int, staff: Staff, tier: int, starts_at: datetime | None, ends_at: datetime | None, *, by: str, now: datetime
) -> OnCall:
    """Put a member of the team on call. Raises RotaError: no active member, absurd tier or span, or he has that tier then already."""
    if not 1 <= tier <= HIGHEST_TIER:
        raise RotaError("tier")
    if starts_at is not None and ends_at is not None and ends_at <= starts_at:
        raise RotaError("ends_first")
    if ends_at is not None and ends_at <= now:
        raise RotaError("over")
    if not staff.active or await tx.get(TeamMember, (team_id, staff.id)) is None:
        raise RotaError("not_member")
    same = select(OnCall.id).where(OnCall.team_id == team_id, OnCall.staff_id == staff.id, OnCall.tier == tier)
    if starts_at is not None:
        same = same.where(OnCall.ends_at.is_(None) | (OnCall.ends_at > starts_at))
    if ends_at is not None:
        same = same.where(OnCall.starts_at.is_(None) | (OnCall.starts_at < ends_at))
    if starts_at is None:
        same = same.where(OnCall.ends_at.is_(None) | (OnCall.ends_at > now))
    if await tx.scalar(same.limit(1)) is not None:
        raise RotaError("overlap")
    duty = OnCall(team_id=team_id, staff_id=staff.id, tier=tier, starts_at=starts_at, ends_at=ends_at)
    tx.add(duty)
    await tx.flush()
    _note(tx, duty, None, "on", by, now)
    return duty


async def end_duty(tx: AsyncSession, duty: OnCall, *, by: str, now: datetime) -> None:
    """One that runs ends now; one that has not begun is taken out."""
    _note(tx, duty, "on", "ended", by, now)
    if duty.starts_at is not None and duty.starts_at > now:
        await tx.delete(duty)
    elif duty.ends_at is None or duty.ends_at > now:
        duty.ends_at = now


async def end_duties_of(tx: AsyncSession, staff_id: int, *, by: str, now: datetime, team_id: int | None = None) -> int:
    """End all that he has from now on (in this team); how many."""
    query = select(OnCall).where(OnCall.staff_id == staff_id, OnCall.ends_at.is_(None) | (OnCall.ends_at > now))
    duties = (await tx.scalars(query if team_id is None else query.where(OnCall.team_id == team_id))).all()
    for duty in duties:
        await end_duty(tx, duty, by=by, now=now)
    return len(duties)


def _note(tx: AsyncSession, duty: OnCall, old: str | None, new: str, by: str, now: datetime) -> None:
    span = {name: at.isoformat() for name in ("starts_at", "ends_at") if (at := getattr(duty, name)) is not None}
    detail = {"team": duty.team_id, "staff": duty.staff_id, "tier": duty.tier, **span}
    tx.add(StateChange(entity="on_call", entity_id=duty.id, old=old, new=new, at=now, by=by, reason=None, detail=detail))
