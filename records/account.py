"""How staff sign in: local accounts with a second factor, and the sessions that begin by them or by WeCom."""

from datetime import datetime

from sqlalchemy import ForeignKey, Index, select, text, update
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import Mapped, mapped_column

from records.base import Base, Identity
from records.staff import Staff
from records.state import StateChange


class Account(Identity, Base):
    """A password of a staff member, for those who do not come through WeCom; `totp_step` is the last time step whose code was used."""

    __tablename__ = "account"

    staff_id: Mapped[int] = mapped_column(ForeignKey("staff.id"), unique=True)
    login: Mapped[str]
    password_hash: Mapped[str]
    totp_secret: Mapped[str]
    totp_step: Mapped[int] = mapped_column(default=0)
    failures: Mapped[int] = mapped_column(default=0)
    locked_until: Mapped[datetime | None]
    created_at: Mapped[datetime]

    __table_args__ = (Index("ix_account_login", text("lower(login)"), unique=True),)


class StaffSession(Base):
    """A browser in which a staff member is signed in. Only the hash of its token is kept. `way`: password, wecom, qr."""

    __tablename__ = "staff_session"

    token_hash: Mapped[str] = mapped_column(primary_key=True)
    staff_id: Mapped[int] = mapped_column(ForeignKey("staff.id"), index=True)
    way: Mapped[str]
    begun_at: Mapped[datetime]
    seen_at: Mapped[datetime]
    ended_at: Mapped[datetime | None]
    agent: Mapped[str]


async def unlock(tx: AsyncSession, staff: Staff, *, by: str, now: datetime) -> bool:
    """Let somebody try again who typed a wrong password too often; that is written down. False where he has no password."""
    account = await tx.scalar(select(Account).where(Account.staff_id == staff.id).with_for_update())
    if account is None:
        return False
    account.failures, account.locked_until = 0, None
    tx.add(StateChange(entity="account", entity_id=account.id, old="locked", new="open", at=now, by=by))
    return True


async def end_sessions_of(tx: AsyncSession, staff_id: int, now: datetime) -> None:
    """End all sessions of somebody who left, or whose password is new."""
    await tx.execute(update(StaffSession).where(StaffSession.staff_id == staff_id, StaffSession.ended_at.is_(None)).values(ended_at=now))
