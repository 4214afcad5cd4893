"""Whether what the hospital begins by itself goes out. Answers, alerts and hand-overs go in any case.

It does not while a person has paused it, nor from the moment at which the database was put back until a person says go on.
"""

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import delete, select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncSession

from records.restored import NAME as RESTORED
from records.restored import Restored, read
from records.setting import Setting
from records.state import StateChange

NAME = "sending_paused"
# In the audit it is one row of its own kind.
ENTITY, ENTITY_ID = "sending", 0


@dataclass(frozen=True)
class Pause:
    """Who paused it, when and why."""

    at: datetime
    by: str
    reason: str


@dataclass(frozen=True)
class Sending:
    """What holds now: the pause, and what holds since the database was put back, if it ever was."""

    pause: Pause | None
    back: Restored | None

    @property
    def waits(self) -> bool:
        """Whether what we begin waits for a person."""
        return self.pause is not None or (self.back is not None and self.back.paused)


async def sending(tx: AsyncSession) -> Sending:
    """What holds now: one look."""
    rows = {row.name: row.value for row in await tx.execute(select(Setting.name, Setting.value).where(Setting.name.in_((NAME, RESTORED))))}
    paused, back = rows.get(NAME), rows.get(RESTORED)
    return Sending(
        Pause(datetime.fromisoformat(paused["at"]), paused["by"], paused["reason"]) if paused is not None else None,
        read(back) if back is not None else None,
    )


async def pause_sending(tx: AsyncSession, *, by: str, reason: str, now: datetime) -> bool:
    """Hold back all that we begin until somebody resumes it; False when it is paused already, which is left as it is."""
    value = {"at": now.isoformat(), "by": by, "reason": reason}
    made = insert(Setting).values(name=NAME, value=value).on_conflict_do_nothing(index_elements=["name"]).returning(Setting.name)
    if await tx.scalar(made) is None:
        return False
    _note(tx, "on", "paused", by=by, reason=reason, now=now)
    return True


async def resume_sending(tx: AsyncSession, *, by: str, reason: str, now: datetime) -> bool:
    """End the pause: what still has its use goes out. False when there is none."""
    if await tx.scalar(delete(Setting).where(Setting.name == NAME).returning(Setting.name)) is None:
        return False
    _note(tx, "paused", "on", by=by, reason=reason, now=now)
    return True


def _note(tx: AsyncSession, old: str, new: str, *, by: str, reason: str, now: datetime) -> None:
    tx.add(StateChange(entity=ENTITY, entity_id=ENTITY_ID, old=old, new=new, at=now, by=by, reason=reason))
