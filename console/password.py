"""Passwords and second factors of local accounts, and the lock after too many failures."""

import asyncio
import secrets
from datetime import datetime, timedelta
from functools import cache

import pyotp
from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError
from sqlalchemy import func, select
from sqlalchemy.ext.asyncio import AsyncSession

from records.account import Account
from records.staff import Staff

# OWASP's Authentication and Password Storage cheat sheets (2023): argon2id as the library sets it (RFC 9106, low memory), 12 characters.
SHORTEST, LONGEST = 12, 256
MOST_FAILURES, LOCKED_FOR = 5, timedelta(minutes=15)
_HASHER = PasswordHasher()
STEP = 30


class PasswordRefused(Exception):
    """A password that cannot be used as a new one: `code` is too_short, too_long or too_plain."""

    permanent = True

    def __init__(self, code: str) -> None:
        super().__init__(code)
        self.code = code


def check_password(password: str, login: str) -> None:
    """Raises PasswordRefused for one that is too short, too long, or as good as the login."""
    if len(password) < SHORTEST:
        raise PasswordRefused("too_short")
    if len(password) > LONGEST:
        raise PasswordRefused("too_long")
    if len(set(password)) < 5 or login.lower() in password.lower():
        raise PasswordRefused("too_plain")


async def hash_password(password: str) -> str:
    """The argon2id hash; 50 ms of processor time, in a thread."""
    return await asyncio.to_thread(_HASHER.hash, password)


async def make_account(tx: AsyncSession, staff: Staff, login: str, password: str, now: datetime) -> Account:
    """An account for `staff`, or a new password and second factor for the one he has. Raises PasswordRefused."""
    check_password(password, login)
    account = await tx.scalar(select(Account).where(Account.staff_id == staff.id))
    if account is None:
        account = Account(staff_id=staff.id, created_at=now)
        tx.add(account)
    account.login, account.password_hash = login.strip(), await hash_password(password)
    account.totp_secret, account.totp_step, account.failures, account.locked_until = pyotp.random_base32(), 0, 0, None
    await tx.flush()
    return account


def otpauth(account: Account, hospital: str) -> str:
    """The address that an authenticator app reads from a QR code."""
    return pyotp.TOTP(account.totp_secret).provisioning_uri(name=account.login, issuer_name=hospital)


async def sign_in(tx: AsyncSession, login: str, password: str, code: str, now: datetime) -> Staff | str:
    """The staff member whose login, password and six-digit code these are; `wrong` or `locked` otherwise.

    The row is locked meanwhile, so that guesses cannot be made side by side. A code counts once. Which of the three was wrong is not told.
    """
    query = select(Account, Staff).join(Staff, Staff.id == Account.staff_id).where(func.lower(Account.login) == login.strip().lower())
    row = (await tx.execute(query.with_for_update(of=Account))).one_or_none()
    known = row[0].password_hash if row is not None else None
    right = len(password) <= LONGEST and await asyncio.to_thread(_is_password, known, password)
    if row is None:
        return "wrong"
    account, staff = row
    if account.locked_until is not None and now < account.locked_until:
        return "locked"
    step = _step_of(account, code, now)
    if right and step is not None and staff.active:
        account.failures, account.locked_until, account.totp_step = 0, None, step
        if _HASHER.check_needs_rehash(account.password_hash):
            account.password_hash = await hash_password(password)
        return staff
    account.failures += 1
    if account.failures >= MOST_FAILURES:
        account.failures, account.locked_until = 0, now + LOCKED_FOR
        return "locked"
    return "wrong"


@cache
def _nobody() -> str:
    """What an unknown login is checked against, so that it takes as long as a known one."""
    return _HASHER.hash(secrets.token_hex())


def _is_password(known: str | None, password: str) -> bool:
    try:
        return _HASHER.verify(known or _nobody(), password)
    except (VerificationError, InvalidHashError):
        return False


def _step_of(account: Account, code: str, now: datetime) -> int | None:
    """The time step that `code` is of, one step of clock error allowed (RFC 6238 §5.2); None when it is none or was used."""
    totp, current = pyotp.TOTP(account.totp_secret), int(now.timestamp()) // STEP
    given = code.replace(" ", "")
    steps = (step for step in (current - 1, current, current + 1) if step > account.totp_step)
    return next((step for step in steps if secrets.compare_digest(totp.at(step * STEP).encode(), given.encode())), None)
