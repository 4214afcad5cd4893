"""Who sends what stands in the outbox: a line's own job, or, for the many messages that we began, one job for many chats."""

from collections.abc import Iterable, Mapping
from typing import Any

from sqlalchemy.ext.asyncio import AsyncSession

from bot.jobs import BULK, URGENT, Job, defer
from plans.reach.purpose import is_proactive
from records.message import LANES

LANE_JOB = "deliver_lane"


def lane_job(lane: int) -> Job:
    """The job that sends what was begun in the chats of one lane (bot/bulk.py)."""
    return Job(LANE_JOB, str(lane), lock=f"{LANE_JOB}:{lane}")


async def deliver(tx: AsyncSession, lines: Iterable[str], *, priority: int = URGENT) -> None:
    """Have what waits in these lines sent as soon as the caller's transaction is there."""
    await defer(tx, [Job("deliver", line, lock=line) for line in dict.fromkeys(lines)], priority=priority)


async def hand_over(tx: AsyncSession, rows: Iterable[Mapping[str, Any]], *, priority: int) -> None:
    """Have these rows of the outbox sent: of bulk, what goes into chats by a lane, all else line by line."""
    lanes, lines = set[int](), dict[str, None]()
    for row in rows:
        if priority == BULK and row["route"] == "kf" and is_proactive(row["purpose"]):
            lanes.add(row["chat_id"] % LANES)
        else:
            lines[row["line"]] = None
    await defer(tx, [lane_job(lane) for lane in sorted(lanes)], priority=BULK, once=True)
    await deliver(tx, lines, priority=priority)
