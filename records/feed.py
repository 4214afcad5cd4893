"""How hospital systems reach us: one feed for each interface, and every message of it as it came."""

import hashlib
import zlib
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, Literal

from sqlalchemy import BigInteger, ColumnElement, ForeignKey, Index, SmallInteger, UniqueConstraint, and_, case, func, select, update
from sqlalchemy import text as sql
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncSession
from sqlalchemy.orm import Mapped, mapped_column

from records.base import Base, Identity

Kind = Literal["hl7", "fhir", "sqlview", "tabular"]
KINDS: tuple[Kind, ...] = ("hl7", "fhir", "sqlview", "tabular")
# Messages of one patient stay in one lane and go in order; lanes go side by side. A few are enough for a worker, whose other places are
# the families'.
LANES = 4
# A body above this size is stored compressed: a report with its document in base64 shrinks by a third or more.
PACK_ABOVE = 256 << 10

FEED_MESSAGE_MOVES = {
    "new": frozenset({"applied", "ignored", "dead"}),
    "dead": frozenset({"new"}),
    "applied": frozenset({"new"}),
    "ignored": frozenset({"new"}),
}


class Feed(Identity, Base):
    """One interface of the hospital. `settings` is what `bot.intake.feeds` reads, `mark` how far a poller has come, `alarms` what the
    administrators have been told and has not ended: {what: since}.

    A `sandbox` feed's messages are read and tried, and never reach a patient. `token_hash` is the SHA-256 of the bearer's token that
    may post to it. `received`, `resent`, `applied`, `ignored` and `dead` count since the feed was made; `dead` is never counted down.
    """

    __tablename__ = "feed"

    name: Mapped[str] = mapped_column(unique=True)
    kind: Mapped[str]
    active: Mapped[bool] = mapped_column(default=True)
    sandbox: Mapped[bool] = mapped_column(default=False)
    settings: Mapped[dict[str, Any]] = mapped_column(default=dict)
    token_hash: Mapped[str | None]
    mark: Mapped[dict[str, Any]] = mapped_column(default=dict)
    alarms: Mapped[dict[str, Any]] = mapped_column(default=dict)
    received: Mapped[int] = mapped_column(BigInteger, default=0)
    resent: Mapped[int] = mapped_column(BigInteger, default=0)
    applied: Mapped[int] = mapped_column(BigInteger, default=0)
    ignored: Mapped[int] = mapped_column(BigInteger, default=0)
    dead: Mapped[int] = mapped_column(BigInteger, default=0)
    last_received_at: Mapped[datetime | None]
    created_at: Mapped[datetime]


class FeedMessage(Identity, Base):
    """One message as it came, stored before it was acknowledged. `key` is its identity in its feed, so that a resend is stored once.

    state: new → applied | ignored (says nothing that we keep, or never reaches patients) | dead (cannot be applied, `error_code` says
    why); back to new by a replay. `order_key` is the patient's first identifier, else the connection: messages with the same one are
    applied in the order of `id`. `not_before` is when a failed one is tried again. `packing` is how `body` is stored: "" or "zlib".
    """

    __tablename__ = "feed_message"

    feed_id: Mapped[int] = mapped_column(ForeignKey("feed.id"))
    key: Mapped[str]
    connection: Mapped[str]
    kind: Mapped[str]
    control_id: Mapped[str | None]
    order_key: Mapped[str]
    lane: Mapped[int] = mapped_column(SmallInteger)
    event_at: Mapped[datetime | None]
    received_at: Mapped[datetime]
    body: Mapped[bytes]
    packing: Mapped[str] = mapped_column(default="")
    size: Mapped[int]
    sha256: Mapped[str]
    state: Mapped[str] = mapped_column(default="new")
    attempts: Mapped[int] = mapped_column(default=0)
    not_before: Mapped[datetime | None]
    error_code: Mapped[str | None]
    error: Mapped[str | None]
    parser_version: Mapped[str | None]
    applied_at: Mapped[datetime | None]

    __table_args__ = (
        UniqueConstraint("feed_id", "key"),
        Index("ix_feed_message_feed_id_id", "feed_id", "id"),
        Index("ix_feed_message_new", "feed_id", "lane", "id", postgresql_where=sql("state = 'new'")),
        Index("ix_feed_message_waiting", "feed_id", "order_key", postgresql_where=sql("state = 'new' and not_before is not null")),
        Index("ix_feed_message_dead", "feed_id", "id", postgresql_where=sql("state = 'dead'")),
    )

    @property
    def raw(self) -> bytes:
        """The bytes as they came."""
        return zlib.decompress(self.body) if self.packing == "zlib" else self.body


def asked(mark: Mapping[str, Any], now: datetime, failure: str | None) -> dict[str, Any]:
    """A poller's mark after it has asked its source: when that was, and since when and why it fails, if it does."""
    since = None if failure is None else mark.get("failed_since") or now.isoformat()
    return {**mark, "looked": now.isoformat(), "failed": failure, "failed_since": since}


def lane_of(order_key: str) -> int:
    """The lane of messages with this key; the same in every process."""
    return zlib.crc32(order_key.encode()) % LANES


def message_row(
    *,
    feed_id: int,
    key: str,
    body: bytes,
    received_at: datetime,
    connection: str,
    kind: str,
    order_key: str,
    control_id: str | None = None,
    event_at: datetime | None = None,
    refused: str | None = None,
) -> dict[str, Any]:
    """A row for `store_messages`. Texts may come from anybody: what PostgreSQL cannot hold is left out, what is too long is cut.

    `refused` is the code of a message that was not accepted: it is kept as dead. Takes 10 ms for each MB above PACK_ABOVE.
    """
    packed = len(body) > PACK_ABOVE
    order_key = _clean(order_key)
    return {
        "feed_id": feed_id,
        "key": _clean(key),
        "connection": _clean(connection),
        "kind": _clean(kind),
        "control_id": _clean(control_id) if control_id is not None else None,
        "order_key": order_key,
        "lane": lane_of(order_key),
        "event_at": event_at,
        "received_at": received_at,
        "body": zlib.compress(body, 1) if packed else body,
        "packing": "zlib" if packed else "",
        "size": len(body),
        "sha256": hashlib.sha256(body).hexdigest(),
        "state": "new" if refused is None else "dead",
        "error_code": refused,
    }


def _clean(text: str) -> str:
    return text.encode("utf-8", "replace").decode().replace("\0", "")[:200]


_COLUMNS = (
    ("feed_id", "bigint"),
    ("key", "text"),
    ("connection", "text"),
    ("kind", "text"),
    ("control_id", "text"),
    ("order_key", "text"),
    ("lane", "smallint"),
    ("event_at", "timestamptz"),
    ("received_at", "timestamptz"),
    ("body", "bytea"),
    ("packing", "text"),
    ("size", "integer"),
    ("sha256", "text"),
    ("state", "text"),
    ("error_code", "text"),
)
_NAMES = ", ".join(name for name, _ in _COLUMNS)
# psycopg's own placeholders: bodies go as bytes (%b), where an array in text would double them.
_ARRAYS = ", ".join(f"%({name}){'b' if kind == 'bytea' else 's'}::{kind}[]" for name, kind in _COLUMNS)
# One round trip: the senders of a busy feed wait for it. The feeds are counted in their order, so that two who store do not block
# each other in a circle.
_STORE = f"""
    with came as materialized (
        select * from unnest({_ARRAYS}) with ordinality as came({_NAMES}, place)),
    stored as (
        insert into feed_message ({_NAMES}, attempts)
        select {_NAMES}, 0 from came order by place
        on conflict (feed_id, key) do nothing
        returning feed_id, state),
    counts as (
        select came.feed_id, count(*) as came, max(came.received_at) as last,
            (select count(*) from stored where stored.feed_id = came.feed_id) as stored,
            (select count(*) from stored where stored.feed_id = came.feed_id and stored.state = 'dead') as dead
        from came group by came.feed_id),
    held as (
        select feed.id from feed join counts on counts.feed_id = feed.id order by feed.id for no key update of feed)
    update feed
    set received = feed.received + counts.stored,
        resent = feed.resent + counts.came - counts.stored,
        dead = feed.dead + counts.dead,
        last_received_at = greatest(feed.last_received_at, counts.last)
    from counts join held on held.id = counts.feed_id
    where feed.id = counts.feed_id
"""  # noqa: S608 - built of the names above


async def store_messages(tx: AsyncSession | AsyncConnection, rows: Sequence[Mapping[str, Any]]) -> None:
    """Store rows of `message_row` in this order, each key once, and count them in their feeds, in one statement.

    A message that is there already is counted as resent.
    """
    if rows:
        connection = await tx.connection() if isinstance(tx, AsyncSession) else tx
        await connection.exec_driver_sql(_STORE, {name: [row[name] for row in rows] for name, _ in _COLUMNS})


# Why a message failed that holds up its patient's later ones until it is tried again: nobody knows what of it they build upon. One that
# fails because something has not come yet does not, since a later message may bring it.
UNEXPECTED, DATABASE = "unexpected", "database"

_BEFORE = FeedMessage.metadata.tables[FeedMessage.__tablename__].alias("before")


def _free(now: datetime) -> ColumnElement[bool]:
    """Whether a message may be applied: its time has come, and none before it with the same order key holds it up."""
    held = (
        select(_BEFORE.c.id)
        .where(
            _BEFORE.c.feed_id == FeedMessage.feed_id,
            _BEFORE.c.order_key == FeedMessage.order_key,
            _BEFORE.c.state == "new",
            _BEFORE.c.not_before > now,
            _BEFORE.c.error_code.in_((UNEXPECTED, DATABASE)),
            _BEFORE.c.id < FeedMessage.id,
        )
        .exists()
    )
    return and_(FeedMessage.state == "new", FeedMessage.not_before.is_(None) | (FeedMessage.not_before <= now), ~held)


async def lanes_waiting(tx: AsyncSession, now: datetime) -> list[tuple[int, int]]:
    """Feed and lane wherever a message may be applied now, of feeds that are active."""
    lane = func.generate_series(0, LANES - 1).table_valued("lane", name="lanes").render_derived()
    of_lane = (FeedMessage.feed_id == Feed.id, FeedMessage.lane == lane.c.lane)
    # The first one, by its index: asked whether there is any, PostgreSQL would go through a whole backlog.
    first = select(FeedMessage.id).where(*of_lane, _free(now)).order_by(FeedMessage.id).limit(1).scalar_subquery()
    rows = await tx.execute(select(Feed.id, lane.c.lane).select_from(Feed).join(lane, sql("true")).where(Feed.active, first.is_not(None)))
    return [(feed_id, number) for feed_id, number in rows]


async def oldest_waiting(tx: AsyncSession, feed_id: int) -> datetime | None:
    """When the oldest message of a feed came that is not yet applied; None when all are."""
    found = []
    for lane in range(LANES):
        mine = (FeedMessage.feed_id == feed_id, FeedMessage.lane == lane, FeedMessage.state == "new")
        found.append(await tx.scalar(select(FeedMessage.received_at).where(*mine).order_by(FeedMessage.id).limit(1)))
    return min((moment for moment in found if moment is not None), default=None)


async def next_messages(tx: AsyncSession, feed_id: int, lane: int, now: datetime, *, limit: int, size: int) -> list[FeedMessage]:
    """The first messages of a lane that may be applied now, in order and locked: at most `limit`, and of those above `size` bytes in all
    only the first. A message behind one of the same order key that holds it up waits too."""
    mine = (FeedMessage.feed_id == feed_id, FeedMessage.lane == lane, FeedMessage.state == "new")
    first = select(FeedMessage.id, FeedMessage.size).where(*mine, _free(now)).order_by(FeedMessage.id).limit(limit).subquery("first")
    so_far = func.sum(first.c.size).over(order_by=first.c.id)
    fitting = select(first.c.id, so_far.label("so_far"), func.row_number().over(order_by=first.c.id).label("number")).subquery("fitting")
    chosen = select(fitting.c.id).where((fitting.c.so_far <= size) | (fitting.c.number == 1))
    rows = await tx.scalars(
        select(FeedMessage)
        .where(*mine, FeedMessage.id.in_(chosen))
        .order_by(FeedMessage.id)
        .with_for_update(of=FeedMessage)
        .execution_options(populate_existing=True)
    )
    return list(rows)


async def count_outcomes(tx: AsyncSession, feed_id: int, *, applied: int = 0, ignored: int = 0, dead: int = 0) -> None:
    """Add to the feed's counters; last in a transaction, because it holds up those who store."""
    if applied or ignored or dead:
        await tx.execute(
            update(Feed)
            .where(Feed.id == feed_id)
            .values(applied=Feed.applied + applied, ignored=Feed.ignored + ignored, dead=Feed.dead + dead)
            .execution_options(synchronize_session=False)
        )


async def dead_share(tx: AsyncSession, feed_id: int, last: int) -> tuple[int, int]:
    """How many of the `last` messages of a feed are dead, and how many there are."""
    newest = select(FeedMessage.state).where(FeedMessage.feed_id == feed_id).order_by(FeedMessage.id.desc()).limit(last).subquery()
    row = (await tx.execute(select(func.count(case((newest.c.state == "dead", 1))), func.count()).select_from(newest))).one()
    return row[0], row[1]
