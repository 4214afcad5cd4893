"""Patients whose tags are to be looked at again, because their facts have changed."""

from collections.abc import Iterable
from datetime import datetime

from sqlalchemy import BigInteger, ForeignKey, Index, select, text
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import Mapped, mapped_column

from records.base import Base


class RetagRequest(Base):
    """One patient to look at. `times` counts how often it was asked since the last look, so that a fact that comes while one looks is
    looked at again."""

    __tablename__ = "retag_request"

    patient_id: Mapped[int] = mapped_column(BigInteger, ForeignKey("patient.id"), primary_key=True, autoincrement=False)
    asked_at: Mapped[datetime]
    times: Mapped[int] = mapped_column(default=1)

    __table_args__ = (Index("ix_retag_request_asked_at", "asked_at"),)


_ASK = text(
    """
    insert into retag_request as known (patient_id, asked_at, times)
    select id, :now, 1 from unnest(cast(:patients as bigint[])) as asked(id) order by id
    on conflict (patient_id) do update set times = known.times + 1
    """
)
_DONE = text(
    """
    delete from retag_request where patient_id in (
        select patient_id from retag_request
        join unnest(cast(:patients as bigint[]), cast(:times as int[])) as seen(patient, times)
            on patient_id = seen.patient and retag_request.times = seen.times
        order by patient_id for update of retag_request skip locked)
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


async def asked_for(tx: AsyncSession, limit: int) -> dict[int, int]:
    """The patients who have waited longest, with the count to give back to `looked_at`. Nothing is locked."""
    rows = await tx.execute(
        select(RetagRequest.patient_id, RetagRequest.times).order_by(RetagRequest.asked_at, RetagRequest.patient_id).limit(limit)
    )
    return dict(rows.tuples().all())


async def looked_at(tx: AsyncSession, seen: dict[int, int]) -> None:
    """Drop the requests that have not been repeated since `asked_for` gave them; the others stay for the next look."""
    if seen:
        await tx.execute(_DONE, {"patients": list(seen), "times": list(seen.values())})
