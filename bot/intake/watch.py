"""The watch over the feeds: trouble with one is told to the administrators, once when it begins and once when it is over."""

from dataclasses import dataclass
from datetime import datetime, timedelta

import structlog
from sqlalchemy import func, select
from sqlalchemy.ext.asyncio import AsyncSession

from bot.intake.feeds import Feed, FeedError, as_feed
from bot.texts import say
from plans.erasure import forget_kept
from records.database import Database
from records.feed import Feed as FeedRow
from records.feed import FeedMessage, dead_share, oldest_waiting
from records.message import enqueue
from records.patient_identifier import forget_claims
from records.staff import OnCall, Staff
from records.state import StateChange

log = structlog.get_logger(__name__)

# Any fixed number: of many workers one watches at a time.
ONE_WATCHER = 5280
# Failing: a fifth of the last messages are dead, but not for two or three of them. A single one is found with `careloop feed dead`.
LAST, SHARE, AT_LEAST = 100, 0.2, 5
# Late: every one of the last messages came late; a single old one is a correction, not a fault.
LATE_LAST = 10
# A server that is asked in vain for so long is not just being restarted. (R)
UNREACHABLE = timedelta(minutes=15)


@dataclass(frozen=True)
class Trouble:
    """What is the matter with a feed (silent, late, failing or unreachable), in words for those who mend it."""

    what: str
    detail: str


async def watch_feeds(db: Database, now: datetime, alarm_to: list[str]) -> dict[str, int]:
    """One round; how many troubles began and ended. A message goes to each of `alarm_to`, through the outbox. What feeds said of people
    whom a person has told apart long ago is forgotten."""
    counts = {"began": 0, "ended": 0}
    async with db.transaction() as tx:
        if not await tx.scalar(select(func.pg_try_advisory_xact_lock(ONE_WATCHER))):
            return counts
        for row in await tx.scalars(select(FeedRow).where(FeedRow.active).order_by(FeedRow.id)):
            try:
                feed = as_feed(row)
            except FeedError:
                continue
            found = {each.what: each for each in await troubles(tx, feed, row, now)}
            for what in sorted(found.keys() - row.alarms.keys()):
                await _tell(tx, row, what, say(f"feed.{what}", feed=row.name, detail=found[what].detail), now, alarm_to, began=True)
                counts["began"] += 1
            for what in sorted(row.alarms.keys() - found.keys()):
                await _tell(tx, row, what, say("feed.over", feed=row.name, what=say(f"feed.names.{what}")), now, alarm_to, began=False)
                counts["ended"] += 1
        await forget_claims(tx, now)
        await forget_kept(tx, now.date())
    return counts


async def troubles(tx: AsyncSession, feed: Feed, row: FeedRow, now: datetime) -> list[Trouble]:
    """What is the matter with a feed now."""
    found = []
    last = max(row.last_received_at or row.created_at, row.created_at)
    if feed.settings.silent_after is not None and now - last > timedelta(minutes=feed.settings.silent_after):
        found.append(Trouble("silent", say("feed.minutes", minutes=_minutes(now - last))))
    behind = await _behind(tx, feed.id, now)
    if behind > timedelta(minutes=feed.settings.late_after):
        found.append(Trouble("late", say("feed.minutes", minutes=_minutes(behind))))
    dead, of = await dead_share(tx, feed.id, LAST)
    if dead >= AT_LEAST and dead >= SHARE * of:
        found.append(Trouble("failing", say("feed.dead_share", dead=dead, of=of)))
    since = row.mark.get("failed_since")
    if since is not None and now - (began := datetime.fromisoformat(str(since))) > UNREACHABLE:
        found.append(Trouble("unreachable", say("feed.minutes", minutes=_minutes(now - began))))
    return found


async def _behind(tx: AsyncSession, feed_id: int, now: datetime) -> timedelta:
    """How long the oldest message has been waiting to be applied, or, if that is longer, how late all of the last ones came."""
    oldest = await oldest_waiting(tx, feed_id)
    waiting = now - oldest if oldest is not None else timedelta()
    newest = (
        select(FeedMessage.received_at, FeedMessage.event_at)
        .where(FeedMessage.feed_id == feed_id)
        .order_by(FeedMessage.id.desc())
        .limit(LATE_LAST)
        .subquery()
    )
    # Null as soon as one of them does not say its time: then nothing is known of lateness.
    asked = select(func.min(newest.c.received_at - newest.c.event_at), func.count(), func.count(newest.c.event_at)).select_from(newest)
    least, count, timed = (await tx.execute(asked)).one()
    return max(waiting, least) if count == LATE_LAST and timed == count else waiting


async def _tell(tx: AsyncSession, row: FeedRow, what: str, words: str, now: datetime, alarm_to: list[str], *, began: bool) -> None:
    since = now.isoformat() if began else row.alarms[what]
    # A new object, because a change inside one is not noticed.
    row.alarms = {**row.alarms, what: since} if began else {name: at for name, at in row.alarms.items() if name != what}
    old, new = ("well", what) if began else (what, "well")
    tx.add(StateChange(entity="feed", entity_id=row.id, old=old, new=new, at=now, by="watch", reason=what))
    log.log(40 if began else 20, "feed trouble" if began else "feed well again", feed=row.name, what=what)
    for userid in alarm_to or await _on_call(tx, now):
        key = f"feed:{row.id}:{what}:{since}:{'began' if began else 'ended'}:{userid}"
        payload = {"msgtype": "text", "text": {"content": words}}
        await enqueue(tx, key, line=f"staff:{userid}", route="app", payload=payload, purpose="notice", now=now)


async def _on_call(tx: AsyncSession, now: datetime) -> list[str]:
    """Where nobody is named, whoever is asked first in an alert of the first team."""
    team = select(func.min(OnCall.team_id)).scalar_subquery()
    rows = await tx.scalars(
        select(Staff.userid)
        .join(OnCall, OnCall.staff_id == Staff.id)
        .where(
            OnCall.team_id == team,
            OnCall.tier == 1,
            Staff.active,
            OnCall.starts_at.is_(None) | (OnCall.starts_at <= now),
            OnCall.ends_at.is_(None) | (OnCall.ends_at > now),
        )
        .distinct()
    )
    return sorted(rows)


def _minutes(span: timedelta) -> int:
    return int(span.total_seconds() // 60)
