"""Passwords and second factors of local accounts, and the lock after too many failures."""

import asyncio
import secrets
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cache

import pyotp
from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError
from sqlalchemy import func, select
from sqlalchemy.ext.asyncio import AsyncSession

from records.account import Account
from records.database import Database
from records.staff import Staff

# OWASP's Authentication and Password Storage cheat sheets (2023): argon2id as the library sets it (RFC 9106, low memory), 12 characters.
SHORTEST, LONGEST = 12, 256
MOST_FAILURES, LOCKED_FOR = 5, timedelta(minutes=15)
_HASHER = PasswordHasher()
STEP = 30
# Checks at once, and those that may wait for them: 2 s for the last.
AT_ONCE, MOST_WAITING = 2, 40


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


class TooBusy(Exception):
    """So many passwords wait to be checked that one more is refused."""

    code, permanent = "busy", False


@dataclass(frozen=True)
class Checked:
    """A login and a password that were looked at: the account (None: there is none), its hash then, and whether the password is right."""

    account_id: int | None
    password_hash: str | None
    right: bool


class Passwords:
    """Checks passwords, few at a time, whoever asks: a check takes 64 MiB and a core for 50 ms, and anybody may ask for one. No connection
    to the database is held meanwhile. One in a process."""

    def __init__(self) -> None:
        self._places, self._waiting = asyncio.Semaphore(AT_ONCE), 0

    async def check(self, db: Database, login: str, password: str) -> Checked:
        """The same work for a login that is not there as for one that is. Raises TooBusy."""
        if self._waiting >= MOST_WAITING:
            raise TooBusy
        self._waiting += 1
        try:
            async with db.transaction() as tx:
                named = select(Account.id, Account.password_hash).where(func.lower(Account.login) == login.strip().lower())
                account_id, known = (await tx.execute(named)).one_or_none() or (None, None)
            async with self._places:
                right = len(password) <= LONGEST and await asyncio.to_thread(_is_password, known, password)
        finally:
            self._waiting -= 1
        return Checked(account_id, known, right)


async def sign_in(tx: AsyncSession, checked: Checked, password: str, code: str, now: datetime) -> Staff | None:
    """The staff member whose login, `password` (both `checked`) and six-digit code these are; None otherwise.

    The row is locked, so that guesses count one after the other, and none beyond the lock. A code counts once. Which of the three was
    wrong is not told, nor that the account is locked: that would tell that there is one.
    """
    query = select(Account, Staff).join(Staff, Staff.id == Account.staff_id).where(Account.id == checked.account_id)
    row = (await tx.execute(query.with_for_update(of=Account))).one_or_none() if checked.account_id is not None else None
    if row is None:
        return None
    account, staff = row
    if account.locked_until is not None and now < account.locked_until:
        return None
    step = _step_of(account, code, now)
    # A password that was changed meanwhile was not the one that was checked.
    right = checked.right and account.password_hash == checked.password_hash
    if right and step is not None and staff.active:
        account.failures, account.locked_until, account.totp_step = 0, None, step
        if _HASHER.check_needs_rehash(account.password_hash):
            account.password_hash = await hash_password(password)
        return staff
    account.failures += 1
    if account.failures >= MOST_FAILURES:
        account.failures, account.locked_until = 0, now + LOCKED_FOR
    return None


@cache
def _nobody() -> str:
    """What an unknown login is checked against, so that it takes as long as a known one."""
    return _HASHER.hash(secrets.token_hex())


def _is_password(known: str | None, password: str) -> bool:
    nobody = _nobody()  # asked for in any case: it is made at the first call
    try:
        return _HASHER.verify(known or nobody, password)
    except (VerificationError, InvalidHashError):
        return False


def _step_of(account: Account, code: str, now: datetime) -> int | None:
    """The time step that `code` is of, one step of clock error allowed (RFC 6238 §5.2); None when it is none or was used."""
    totp, current = pyotp.TOTP(account.totp_secret), int(now.timestamp()) // STEP
    given = code.replace(" ", "")
    steps = (step for step in (current - 1, current, current + 1) if step > account.totp_step)
    return next((step for step in steps if secrets.compare_digest(totp.at(step * STEP).encode(), given.encode())), None)
