"""Whether the last try to apply a lane of a feed came to an end: a message that kills its process leaves no other trace."""

from sqlalchemy import BigInteger, ForeignKey, SmallInteger, select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import Mapped, mapped_column

from records.base import Base

# So often a batch may end with its process before its messages go one by one, and so often one of them may.
BATCH_STARTS, MESSAGE_STARTS = 2, 3


class FeedLane(Base):
    """One lane of a feed. `starts` counts tries that have begun since one ended; `careful` is how many messages are still to go one by one,
    `message_id` the one that is tried so, `message_starts` how often that has begun."""

    __tablename__ = "feed_lane"

    feed_id: Mapped[int] = mapped_column(ForeignKey("feed.id"), primary_key=True, autoincrement=False)
    lane: Mapped[int] = mapped_column(SmallInteger, primary_key=True, autoincrement=False)
    starts: Mapped[int] = mapped_column(default=0)
    careful: Mapped[int] = mapped_column(default=0)
    message_id: Mapped[int | None] = mapped_column(BigInteger)
    message_starts: Mapped[int] = mapped_column(default=0)

    @property
    def killer(self) -> int | None:
        """The message that has ended its process too often to be tried again."""
        return self.message_id if self.careful and self.message_starts > MESSAGE_STARTS else None

    def begins(self, first: int | None, batch: int) -> None:
        """A try begins; `first` is the message that is next, `batch` how many went together. To be committed before anything is tried."""
        if not self.careful:
            self.starts += 1
            if self.starts > BATCH_STARTS:
                self.careful = batch
        if self.careful:
            self.message_starts = self.message_starts + 1 if first == self.message_id else 1
            self.message_id = first

    def ended(self) -> None:
        """The try came to an end, whatever became of its messages."""
        self.careful = 0 if self.killer is not None else max(0, self.careful - 1)
        self.starts, self.message_id, self.message_starts = 0, None, 0


async def lane_for(tx: AsyncSession, feed_id: int, lane: int) -> FeedLane:
    """The row of a lane, locked."""
    await tx.execute(insert(FeedLane).values(feed_id=feed_id, lane=lane, starts=0, careful=0, message_starts=0).on_conflict_do_nothing())
    query = select(FeedLane).where(FeedLane.feed_id == feed_id, FeedLane.lane == lane)
    return (await tx.scalars(query.with_for_update().execution_options(populate_existing=True))).one()
