"""After a publication: is less understood than before, and has every worker taken the new model?"""

from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import ColumnElement, func, select
from sqlalchemy.ext.asyncio import AsyncSession

from bot.dialogue.intent import FALLBACK
from bot.retraining.figures import share
from records.message import CUSTOMER, Inbound
from records.model_version import ModelLoad, Publication


@dataclass(frozen=True)
class Watched:
    """`before` and `since` are the shares of messages that were not understood, as [share, low, high], with how many were read."""

    publication: Publication
    before: list[float]
    since: list[float]
    read_before: int
    read_since: int
    loads: list[ModelLoad]

    @property
    def worse(self) -> bool:
        """More is not understood, beyond chance: the intervals do not touch."""
        return self.since[1] > self.before[2]


async def watch(tx: AsyncSession, *, now: datetime, days: int = 7) -> Watched | None:
    """The days since the last publication (at most `days`) against as many before it; None when nothing has been published."""
    last = await tx.scalar(select(Publication).order_by(Publication.id.desc()).limit(1))
    if last is None:
        return None
    length = timedelta(days=days)
    missed_before, before = await _missed(tx, Inbound.sent_at >= last.at - length, Inbound.sent_at < last.at)
    missed_since, since = await _missed(tx, Inbound.sent_at >= last.at, Inbound.sent_at < min(now, last.at + length))
    # What each worker said last.
    newest = select(func.max(ModelLoad.id)).where(ModelLoad.publication_id == last.id).group_by(ModelLoad.worker)
    loads = list(await tx.scalars(select(ModelLoad).where(ModelLoad.id.in_(newest)).order_by(ModelLoad.id)))
    return Watched(last, share(missed_before, before), share(missed_since, since), before, since, loads)


async def _missed(tx: AsyncSession, *when: ColumnElement[bool]) -> tuple[int, int]:
    read = Inbound.outcome["read"]
    missed = (read["missed"].as_boolean().is_(True)) | ((read["intent"].astext == FALLBACK) & ~read.has_key("form"))
    of = (Inbound.origin == CUSTOMER, Inbound.menu_id.is_(None), Inbound.outcome.has_key("read"))
    row = (await tx.execute(select(func.count().filter(missed), func.count()).where(*of, *when))).one()
    return int(row[0]), int(row[1])
