"""Every feed and how it stands."""

from dataclasses import dataclass

from sqlalchemy import func, select
from sqlalchemy.ext.asyncio import AsyncSession

from records.feed import Feed, FeedMessage


@dataclass(frozen=True)
class FeedStand:
    """A feed, how many of its messages wait and are dead now, and what is the matter with it (alarms, and why its source fails)."""

    feed: Feed
    waiting: int
    dead: int
    marks: tuple[str, ...]


async def overview(tx: AsyncSession) -> list[FeedStand]:
    """All of them, in the order in which they were made."""
    counts = select(FeedMessage.feed_id, FeedMessage.state, func.count()).where(FeedMessage.state.in_(("new", "dead")))
    now_in = {(feed, state): count for feed, state, count in await tx.execute(counts.group_by(FeedMessage.feed_id, FeedMessage.state))}
    return [
        FeedStand(
            feed,
            now_in.get((feed.id, "new"), 0),
            now_in.get((feed.id, "dead"), 0),
            (*sorted(feed.alarms), *([str(feed.mark["failed"])] if feed.mark.get("failed") else [])),
        )
        for feed in await tx.scalars(select(Feed).order_by(Feed.id))
    ]
