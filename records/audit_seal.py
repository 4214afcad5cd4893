"""The audit's seals: each covers some rows of one log and hangs on the seal before it, so that what is changed afterwards shows.

A seal keeps a keyed digest of each row, never the row: what a family may have erased is not in it. Rows that had to go (a family's request,
the end of their time) are named in a removal, which is sealed like the logs themselves.
"""

import hashlib
import hmac
import json
import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import BigInteger, Index, LargeBinary, Table, select
from sqlalchemy.dialects.postgresql import ARRAY, insert
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import Mapped, mapped_column

from records.base import Base, Identity
from records.patient import ReadAudit
from records.refusal import AccessRefusal
from records.setting import Setting
from records.state import StateChange

# What is sealed: the logs with the columns that are, in this order. A column that is added later needs a new FORM beside this one.
FORM = 1
LOGS: dict[str, tuple[str, ...]] = {
    "read_audit": ("id", "patient_id", "staff_id", "client_id", "at", "why"),
    "state_change": ("id", "entity", "entity_id", "old", "new", "at", "by", "reason", "detail"),
    "access_refusal": ("id", "staff_id", "at", "method", "path", "why", "what"),
    "audit_removal": ("id", "log", "ranges", "count", "why", "at"),
}
# 128 bits: nobody finds a second row to a digest.
DIGEST = 16
KEY = "audit_key"
START = bytes(32)


class AuditSeal(Base):
    """One link: the rows of `log` with ids above `after_id` up to `upto_id`, `count` of them.

    `row_ids` and `digests` (16 bytes each, in the order of the ids) are let go when all the rows are; `leaves` is their hash, `head` the
    keyed hash of all this and of the head before. `key` tells which key it was.
    """

    __tablename__ = "audit_seal"

    number: Mapped[int] = mapped_column(BigInteger, primary_key=True, autoincrement=False)
    form: Mapped[int]
    log: Mapped[str]
    after_id: Mapped[int] = mapped_column(BigInteger)
    upto_id: Mapped[int] = mapped_column(BigInteger)
    count: Mapped[int]
    row_ids: Mapped[list[int] | None] = mapped_column(ARRAY(BigInteger))
    digests: Mapped[bytes | None] = mapped_column(LargeBinary)
    leaves: Mapped[bytes] = mapped_column(LargeBinary)
    key: Mapped[str]
    at: Mapped[datetime]
    previous: Mapped[bytes] = mapped_column(LargeBinary)
    head: Mapped[bytes] = mapped_column(LargeBinary)

    __table_args__ = (Index("ix_audit_seal_log", "log", "upto_id"),)


class AuditRemoval(Identity, Base):
    """Rows of `log` that were deleted by right: `ranges` of ids ([first, last]), `why` as `erasure:12` or `retention:7`."""

    __tablename__ = "audit_removal"

    log: Mapped[str]
    ranges: Mapped[list[Any]]
    count: Mapped[int]
    why: Mapped[str]
    at: Mapped[datetime]

    __table_args__ = (Index("ix_audit_removal_log", "log"),)


class AuditCheck(Identity, Base):
    """What a verification of the whole chain found: `seals` and `rows` looked at, the `head` then, and the first of the `problems`."""

    __tablename__ = "audit_check"

    at: Mapped[datetime]
    seals: Mapped[int] = mapped_column(BigInteger)
    rows: Mapped[int] = mapped_column(BigInteger)
    head: Mapped[str]
    found: Mapped[int]
    problems: Mapped[list[Any]]


@dataclass(frozen=True)
class Keys:
    """The key that seals now, and those that sealed before, by their fingerprints."""

    current: bytes
    known: Mapping[str, bytes]

    @classmethod
    def of(cls, current: bytes, *old: bytes) -> "Keys":
        """With all fingerprints."""
        return cls(current, {fingerprint(key): key for key in (current, *old)})


def fingerprint(key: bytes) -> str:
    """What tells one key from another, and nothing about it."""
    return hmac.digest(key, b"careloop audit", "sha256")[:6].hex()


async def audit_keys(tx: AsyncSession, given: str = "", old: Sequence[str] = ()) -> Keys:
    """The key of the settings (`given`), which whoever writes to the database does not have; else one that is made and kept in it."""
    kept = await tx.scalar(select(Setting.value).where(Setting.name == KEY))
    if kept is None and not given:
        made = {"key": secrets.token_hex(32)}
        await tx.execute(insert(Setting).values(name=KEY, value=made).on_conflict_do_nothing(index_elements=["name"]))
        kept = await tx.scalar(select(Setting.value).where(Setting.name == KEY))
    own = [bytes.fromhex(kept["key"])] if kept is not None else []
    all_ = [*([given.encode()] if given else []), *own, *(each.encode() for each in old)]
    return Keys.of(*all_)


def table_of(log: str) -> Table:
    """The table of a log."""
    return next(each.metadata.tables[log] for each in (ReadAudit, StateChange, AccessRefusal, AuditRemoval) if each.__tablename__ == log)


def digest(key: bytes, row: Mapping[str, Any], log: str) -> bytes:
    """The keyed digest of a row of `log`: of its columns as JSON, instants in UTC."""
    said = json.dumps([log, *(_plain(row[name]) for name in LOGS[log])], ensure_ascii=False, sort_keys=True, separators=(",", ":"))
    return hmac.digest(key, said.encode(), "sha256")[:DIGEST]


def leaves_of(row_ids: Sequence[int], digests: bytes) -> bytes:
    """The hash of a seal's list."""
    return hashlib.sha256(json.dumps(list(row_ids)).encode() + digests).digest()


def head_of(key: bytes, seal: AuditSeal) -> bytes:
    """What the seal's head must be."""
    told = [seal.number, seal.form, seal.log, seal.after_id, seal.upto_id, seal.count, seal.leaves.hex(), seal.key, _plain(seal.at)]
    return hmac.digest(key, json.dumps(told).encode() + seal.previous, "sha256")


def head_text(seal: AuditSeal) -> str:
    """Number and head as people note them down."""
    return f"{seal.number}:{seal.head.hex()}"


def _plain(value: Any) -> Any:
    return value.astimezone(UTC).isoformat(timespec="microseconds") if isinstance(value, datetime) else value
