"""Messages that could not be applied: found, looked at, and applied again once what stood in their way was mended."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, select, update
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import defer

from records.feed import FEED_MESSAGE_MOVES, Feed, FeedMessage
from records.state import StateChange

# Of one statement; a night's backlog takes several.
AT_ONCE = 1000


class NoSuchMessage(Exception):
    """There is no message with this number."""

    code, permanent = "no_such_message", True


@dataclass(frozen=True)
class Selection:
    """Which messages are meant: those with these numbers, or all that the rest describes; `since` and `until` are when they came."""

    numbers: Sequence[int] = ()
    feed: str | None = None
    code: str | None = None
    since: datetime | None = None
    until: datetime | None = None
    state: str = "dead"

    @property
    def open(self) -> bool:
        """Whether nothing narrows it."""
        return not (self.numbers or self.feed or self.code or self.since or self.until)

    def conditions(self) -> list[ColumnElement[bool]]:
        """As conditions on FeedMessage joined with Feed."""
        found = [FeedMessage.state == self.state]
        if self.numbers:
            found.append(FeedMessage.id.in_(self.numbers))
        if self.feed is not None:
            found.append(Feed.name == self.feed)
        if self.code is not None:
            found.append(FeedMessage.error_code == self.code)
        if self.since is not None:
            found.append(FeedMessage.received_at >= self.since)
        if self.until is not None:
            found.append(FeedMessage.received_at < self.until)
        return found


async def find(tx: AsyncSession, which: Selection, limit: int) -> list[tuple[str, FeedMessage]]:
    """Feed and message, the newest first; without the bodies."""
    found = (
        select(Feed.name, FeedMessage)
        .join(Feed, Feed.id == FeedMessage.feed_id)
        .where(*which.conditions())
        .order_by(FeedMessage.id.desc())
        .limit(limit)
    )
    return [(name, message) for name, message in await tx.execute(found.options(defer(FeedMessage.body)))]


async def look(tx: AsyncSession, number: int, *, raw: bool, by: str, now: datetime) -> tuple[str, FeedMessage]:
    """A message and its feed's name. With `raw` its text is looked at, which is written down. Raises NoSuchMessage."""
    message = await tx.get(FeedMessage, number)
    if message is None:
        raise NoSuchMessage(f"There is no message {number}.")
    feed = await tx.get_one(Feed, message.feed_id)
    if raw:
        tx.add(_change(number, message.state, message.state, now, by, "raw shown"))
    return feed.name, message


async def replay(tx: AsyncSession, which: Selection, *, by: str, now: datetime) -> int:
    """Set messages back to be applied, which the sweep hands to a worker within a second; how many. Their old order is kept, since it is
    their numbers'. What is applied twice changes nothing: events are known by their source's keys and times."""
    if "new" not in FEED_MESSAGE_MOVES[which.state]:
        raise ValueError(which.state)
    total = 0
    while True:
        numbers = list(
            await tx.scalars(
                select(FeedMessage.id)
                .join(Feed, Feed.id == FeedMessage.feed_id)
                .where(*which.conditions())
                .order_by(FeedMessage.id)
                .limit(AT_ONCE)
                .with_for_update(of=FeedMessage)
            )
        )
        if not numbers:
            return total
        fresh: dict[str, Any] = {"state": "new", "attempts": 0, "not_before": None, "error_code": None, "error": None, "applied_at": None}
        await tx.execute(update(FeedMessage).where(FeedMessage.id.in_(numbers)).values(fresh).execution_options(synchronize_session=False))
        tx.add_all([_change(number, which.state, "new", now, by, "replay") for number in numbers])
        await tx.flush()
        total += len(numbers)


def _change(number: int, old: str, new: str, now: datetime, by: str, reason: str) -> StateChange:
    return StateChange(entity="feed_message", entity_id=number, old=old, new=new, at=now, by=by, reason=reason)
