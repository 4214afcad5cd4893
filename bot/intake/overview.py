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
    now_in = dict[tuple[int, str], int]()
    # Each state by itself: each has an index of its own, among very many messages that were applied.
    for state in ("new", "dead"):
        counts = select(FeedMessage.feed_id, func.count()).where(FeedMessage.state == state).group_by(FeedMessage.feed_id)
        now_in |= {(feed, state): count for feed, count in await tx.execute(counts)}
    return [
        FeedStand(
            feed,
            now_in.get((feed.id, "new"), 0),
            now_in.get((feed.id, "dead"), 0),
            (*sorted(feed.alarms), *([str(feed.mark["failed"])] if feed.mark.get("failed") else [])),
        )
        for feed in await tx.scalars(select(Feed).order_by(Feed.id))
    ]
