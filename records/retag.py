"""Patients whose tags are to be looked at again, because their facts have changed."""

from collections.abc import Iterable
from datetime import datetime

from sqlalchemy import BigInteger, ForeignKey, Index, select, text, update
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import Mapped, mapped_column

from records.base import Base


class RetagRequest(Base):
    """One patient to look at from `asked_at` on: at once, or when time alone may change something. `times` counts how often it was asked
    since the last look, so that a fact that comes while one looks is looked at again."""

    __tablename__ = "retag_request"

    patient_id: Mapped[int] = mapped_column(BigInteger, ForeignKey("patient.id"), primary_key=True, autoincrement=False)
    asked_at: Mapped[datetime]
    times: Mapped[int] = mapped_column(default=1)

    __table_args__ = (Index("ix_retag_request_asked_at", "asked_at"),)


_ASK = text(
    """
    insert into retag_request as known (patient_id, asked_at, times)
    select id, :now, 1 from unnest(cast(:patients as bigint[])) as asked(id) order by id
    on conflict (patient_id) do update set times = known.times + 1, asked_at = least(known.asked_at, excluded.asked_at)
    """
)
_DONE = text(
    """
    with looked_at as (
        select patient_id from retag_request
        join unnest(cast(:patients as bigint[]), cast(:times as int[])) as seen(patient, times)
            on patient_id = seen.patient and retag_request.times = seen.times
        order by patient_id for update of retag_request skip locked)
    delete from retag_request using looked_at where retag_request.patient_id = looked_at.patient_id
    """
)
_LATER = text(
    """
    insert into retag_request (patient_id, asked_at, times)
    select id, :at, 1 from unnest(cast(:patients as bigint[])) as known(id) order by id
    on conflict (patient_id) do nothing
    """
)


async def ask_retag(tx: AsyncSession, patient_ids: Iterable[int], now: datetime) -> None:
    """Have the tags of these patients looked at again, soon after the transaction commits.

    Whoever writes or takes back a fact about a patient calls it in the same transaction. Asking twice is asking once. Late in the
    transaction is better than early: until it ends, others who ask for the same patient wait.
    """
    asked = sorted(set(patient_ids))
    if asked:
        await tx.execute(_ASK, {"patients": asked, "now": now})


async def ask_later(tx: AsyncSession, patient_ids: Iterable[int], at: datetime) -> None:
    """Have these patients looked at again at `at`, unless they are asked for anyway: time alone may have changed something by then."""
    later = sorted(set(patient_ids))
    if later:
        await tx.execute(_LATER, {"patients": later, "at": at})


async def asked_for(tx: AsyncSession, now: datetime, limit: int) -> dict[int, int]:
    """The patients whose time has come, the longest wait first, with the count to give back to `looked_at`. Nothing is locked."""
    order = (RetagRequest.asked_at, RetagRequest.patient_id)
    due = select(RetagRequest.patient_id, RetagRequest.times).where(RetagRequest.asked_at <= now)
    return {patient: at for patient, at in await tx.execute(due.order_by(*order).limit(limit))}


async def looked_at(tx: AsyncSession, seen: dict[int, int]) -> None:
    """Drop the requests that have not been repeated since `asked_for` gave them; the others stay for the next look."""
    if seen:
        await tx.execute(_DONE, {"patients": list(seen), "times": list(seen.values())})


async def postpone(tx: AsyncSession, patient_id: int, until: datetime) -> None:
    """Do not look at this patient before `until`, whatever is asked: one bad record must not stop the line."""
    await tx.execute(update(RetagRequest).where(RetagRequest.patient_id == patient_id).values(asked_at=until))
