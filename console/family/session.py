"""Devices that may open a carer's pages: begun by a link or by WeChat's word, found by their cookie, ended."""

import hashlib
import secrets
from datetime import datetime, timedelta

from sqlalchemy import select, update
from sqlalchemy.ext.asyncio import AsyncSession

from console.family.desk import Visitor
from records.family_link import FamilyLink, FamilySession
from records.patient import Carer, patients_of

# A day of looking at it now and then; tomorrow a new link is asked for.
LASTS = timedelta(hours=12)
LONGEST_AGENT = 200


def _hash(token: str) -> str:
    return hashlib.sha256(token.encode()).hexdigest()


async def begin_session(tx: AsyncSession, carer_id: int, way: str, agent: str, now: datetime, link: FamilyLink | None = None) -> str:
    """A new session; its token, which the phone keeps and we do not. A `link` is taken with it."""
    token = secrets.token_urlsafe(32)
    if link is not None:
        link.opened_at = now
    row = FamilySession(
        token_hash=_hash(token),
        carer_id=carer_id,
        link_id=link.id if link is not None else None,
        way=way,
        begun_at=now,
        expires_at=now + LASTS,
        ended_at=None,
        agent=agent[:LONGEST_AGENT],
    )
    tx.add(row)
    return token


async def visitor_of(tx: AsyncSession, token: str, now: datetime) -> Visitor | None:
    """Who holds this device; None when the session is unknown or over."""
    query = (
        select(Carer)
        .join(FamilySession, FamilySession.carer_id == Carer.id)
        .where(FamilySession.token_hash == _hash(token), FamilySession.ended_at.is_(None), FamilySession.expires_at > now)
    )
    carer = await tx.scalar(query)
    if carer is None:
        return None
    return Visitor(carer, tuple(child for child in await patients_of(tx, carer.id) if child.died_at is None), token)


async def end_session(tx: AsyncSession, token: str, now: datetime) -> None:
    """Over, for good."""
    await tx.execute(update(FamilySession).where(FamilySession.token_hash == _hash(token)).values(ended_at=now))


async def end_sessions_of(tx: AsyncSession, carer_id: int, now: datetime) -> None:
    """On every device: the carer speaks for nobody any more."""
    await tx.execute(update(FamilySession).where(FamilySession.carer_id == carer_id, FamilySession.ended_at.is_(None)).values(ended_at=now))
