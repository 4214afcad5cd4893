"""Sessions of staff: begun, found by their cookie, ended."""

import hashlib
import secrets
from collections.abc import Collection
from datetime import datetime, timedelta

from sqlalchemy import ColumnElement, func, select, update
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


async def seat_of(tx: AsyncSession, token: str, now: datetime, *, by_hand: bool = True) -> Seat | None:
    """Who sits there; None when the session is unknown, over, or its staff member no longer works here.

    What a page asks for by itself (not `by_hand`) does not keep a session from falling idle.
    """
    query = (
        select(StaffSession, Staff)
        .join(Staff, Staff.id == StaffSession.staff_id)
        .where(StaffSession.token_hash == _hash(token), *_open(now), Staff.active)
    )
    found = (await tx.execute(query)).one_or_none()
    if found is None:
        return None
    row, staff = found
    if by_hand and row.seen_at < now - SEEN_EVERY:
        row.seen_at = now
    mine = select(Team.id, Team.name).join(TeamMember, TeamMember.team_id == Team.id).where(TeamMember.staff_id == staff.id)
    teams = dict((await tx.execute(mine.order_by(Team.name))).all())
    return Seat(staff, await rights_of(tx, staff, teams), token, teams)


async def still_signed_in(tx: AsyncSession, tokens: Collection[str], now: datetime) -> dict[str, frozenset[int]]:
    """Of these sessions those that go on, with the teams of who sits there."""
    hashes = {_hash(token): token for token in tokens}
    query = (
        select(StaffSession.token_hash, func.array_remove(func.array_agg(TeamMember.team_id), None))
        .join(Staff, Staff.id == StaffSession.staff_id)
        .outerjoin(TeamMember, TeamMember.staff_id == Staff.id)
        .where(StaffSession.token_hash.in_(hashes), *_open(now), Staff.active)
        .group_by(StaffSession.token_hash)
    )
    return {hashes[key]: frozenset(teams) for key, teams in await tx.execute(query)}


def _open(now: datetime) -> tuple[ColumnElement[bool], ...]:
    return (StaffSession.ended_at.is_(None), StaffSession.seen_at > now - IDLE, StaffSession.begun_at > now - LONGEST)


async def end_session(tx: AsyncSession, token: str, now: datetime) -> None:
    """Over, for good."""
    await tx.execute(update(StaffSession).where(StaffSession.token_hash == _hash(token)).values(ended_at=now))
