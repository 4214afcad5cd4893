"""A family's request to erase a child's data, what law makes the hospital keep, and the numbers that must not come back unseen."""

import hashlib
import hmac
from collections.abc import Collection, Iterable
from datetime import date, datetime
from typing import Any

from sqlalchemy import BigInteger, ForeignKey, Index, select, text
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import Mapped, mapped_column

from records.base import Base, Identity
from records.state import Moves

ERASURE_MOVES: Moves = {"open": frozenset({"done", "refused"}), "done": frozenset(), "refused": frozenset()}


class Erasure(Identity, Base):
    """One request. state: open → done | refused. Of a child that was erased it holds no name: `relationship` is as what somebody asked,
    `checked` how a staff member made sure of it, `certificate` what was erased and kept, in numbers alone.

    `patient_id` names nobody once it is done.
    """

    __tablename__ = "erasure"

    patient_id: Mapped[int] = mapped_column(BigInteger, index=True)
    team_id: Mapped[int] = mapped_column(ForeignKey("team.id"))
    state: Mapped[str] = mapped_column(default="open")
    relationship: Mapped[str]
    why: Mapped[str]
    checked: Mapped[str]
    filed_by: Mapped[int] = mapped_column(ForeignKey("staff.id"))
    filed_at: Mapped[datetime]
    decided_by: Mapped[int | None] = mapped_column(ForeignKey("staff.id"))
    decided_at: Mapped[datetime | None]
    refusal: Mapped[str | None]
    certificate: Mapped[dict[str, Any]] = mapped_column(default=dict)

    __table_args__ = (Index("uq_erasure_patient_id_open", "patient_id", unique=True, postgresql_where=text("state = 'open'")),)


class KeptRecord(Identity, Base):
    """A row that law makes the hospital keep, without names or numbers: its class (`kind`), the `table` in which it stood, what it said."""

    __tablename__ = "kept_record"

    erasure_id: Mapped[int] = mapped_column(ForeignKey("erasure.id"), index=True)
    kind: Mapped[str]
    table: Mapped[str]
    body: Mapped[dict[str, Any]]
    keep_until: Mapped[date] = mapped_column(index=True)


class Tombstone(Base):
    """A number of a child who was erased, as a digest with the installation's key: whoever brings the number again is recognised."""

    __tablename__ = "tombstone"

    digest: Mapped[str] = mapped_column(primary_key=True)
    erasure_id: Mapped[int] = mapped_column(ForeignKey("erasure.id"), index=True)


def digest_of(key: bytes, system: str, value: str) -> str:
    """The digest of a number as it is compared: letters and digits alone."""
    plain = "".join(sign for sign in value.upper() if sign.isalnum())
    return hmac.new(key, f"erased:{system}:{plain}".encode(), hashlib.sha256).hexdigest()


async def being_erased(tx: AsyncSession, patient_ids: Collection[int]) -> set[int]:
    """Those of these patients for whom a request is open: nothing is begun for them."""
    asked = select(Erasure.patient_id).where(Erasure.patient_id.in_(patient_ids), Erasure.state == "open")
    return set(await tx.scalars(asked)) if patient_ids else set()


async def erased_under(tx: AsyncSession, key: bytes, numbers: Iterable[tuple[str, str]]) -> int | None:
    """The erasure of the child who had one of these numbers (system, value), if there was one."""
    digests = [digest_of(key, system, value) for system, value in numbers]
    found: int | None = await tx.scalar(select(Tombstone.erasure_id).where(Tombstone.digest.in_(digests)).limit(1)) if digests else None
    return found
