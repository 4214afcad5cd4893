"""How the feeds stand, for /metrics: counted in the database, because each is served by several processes."""

from datetime import datetime

from prometheus_client import Gauge
from sqlalchemy import func, select

from records.database import Database
from records.feed import Feed, FeedMessage

MESSAGES = Gauge("careloop_feed_messages", "Messages of a feed since it was made, by what became of them", ["feed", "outcome"])
WAITING = Gauge("careloop_feed_waiting", "Messages of a feed that are stored and not yet applied", ["feed"])
DEAD = Gauge("careloop_feed_dead", "Messages of a feed in the dead-letter queue now", ["feed"])
ALARM = Gauge("careloop_feed_trouble", "1 while a feed is silent, late, failing or unreachable, by its own settings", ["feed", "what"])
SILENCE = Gauge("careloop_feed_silence_seconds", "Since the last message of a feed", ["feed"])


async def read_gauges(db: Database, now: datetime) -> None:
    """Bring the gauges up to date. Raises what the database raises."""
    of_feed = FeedMessage.feed_id == Feed.id
    waiting = select(func.count()).where(of_feed, FeedMessage.state == "new").scalar_subquery()
    dead = select(func.count()).where(of_feed, FeedMessage.state == "dead").scalar_subquery()
    async with db.transaction() as tx:
        rows = (await tx.execute(select(Feed, waiting, dead).order_by(Feed.id))).all()
    ALARM.clear()
    for feed, new, lying in rows:
        for what in feed.alarms:
            ALARM.labels(feed.name, what).set(1)
        for outcome in ("received", "resent", "applied", "ignored", "dead"):
            MESSAGES.labels(feed.name, outcome).set(getattr(feed, outcome))
        WAITING.labels(feed.name).set(new)
        DEAD.labels(feed.name).set(lying)
        if feed.last_received_at is not None:
            SILENCE.labels(feed.name).set((now - feed.last_received_at).total_seconds())
