"""Sessions of staff: begun, found by their cookie, ended."""

import hashlib
import secrets
from datetime import datetime, timedelta

from sqlalchemy import select, update
from sqlalchemy.ext.asyncio import AsyncSession

from console.desk import Seat
from records.account import StaffSession
from records.role import rights_of
from records.staff import Staff, Team, TeamMember

# OWASP's Session Management cheat sheet: 2 h idle and a working day at most for what is sensitive.
IDLE, LONGEST = timedelta(hours=2), timedelta(hours=12)
# Being seen is written down no more often than this.
SEEN_EVERY = timedelta(minutes=1)
LONGEST_AGENT = 200


def _hash(token: str) -> str:
    return hashlib.sha256(token.encode()).hexdigest()


async def begin_session(tx: AsyncSession, staff: Staff, way: str, agent: str, now: datetime) -> str:
    """A new session; its token, which the browser keeps and we do not."""
    token = secrets.token_urlsafe(32)
    row = StaffSession(
        token_hash=_hash(token), staff_id=staff.id, way=way, begun_at=now, seen_at=now, ended_at=None, agent=agent[:LONGEST_AGENT]
    )
    tx.add(row)
    return token


async def seat_of(tx: AsyncSession, token: str, now: datetime) -> Seat | None:
    """Who sits there; None when the session is unknown, over, or its staff member no longer works here."""
    query = (
        select(StaffSession, Staff)
        .join(Staff, Staff.id == StaffSession.staff_id)
        .where(
            StaffSession.token_hash == _hash(token),
            StaffSession.ended_at.is_(None),
            StaffSession.seen_at > now - IDLE,
            StaffSession.begun_at > now - LONGEST,
            Staff.active,
        )
    )
    found = (await tx.execute(query)).one_or_none()
    if found is None:
        return None
    row, staff = found
    if row.seen_at < now - SEEN_EVERY:
        row.seen_at = now
    teams = select(Team.id, Team.name).join(TeamMember, TeamMember.team_id == Team.id).where(TeamMember.staff_id == staff.id)
    return Seat(staff, await rights_of(tx, staff), token, dict((await tx.execute(teams.order_by(Team.name))).tuples().all()))


async def end_session(tx: AsyncSession, token: str, now: datetime) -> None:
    """Over, for good."""
    await tx.execute(update(StaffSession).where(StaffSession.token_hash == _hash(token)).values(ended_at=now))


async def end_sessions_of(tx: AsyncSession, staff_id: int, now: datetime) -> None:
    """All sessions of somebody who left, or whose password is new."""
    await tx.execute(update(StaffSession).where(StaffSession.staff_id == staff_id, StaffSession.ended_at.is_(None)).values(ended_at=now))
