"""Applying what is stored: in order for each patient, many messages in a transaction, none of them able to hold up the others."""

import asyncio
from collections import Counter
from collections.abc import Awaitable, Callable, Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Protocol, runtime_checkable
from zoneinfo import ZoneInfo

import structlog
from sqlalchemy import bindparam, func, select, update
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncSession

from bot.intake.feeds import Feed, as_feed
from bot.jobs import BULK, Job, defer
from integrations.event import Message
from records.database import Database, is_lost_connection
from records.feed import DATABASE, UNEXPECTED, FeedMessage, count_outcomes, lanes_waiting, next_messages
from records.feed import Feed as FeedRow
from records.feed_lane import BATCH_STARTS, lane_for
from records.state import StateChange

log = structlog.get_logger(__name__)

# Of one transaction: a commit's cost is shared by many, and no row stays locked for more than a second.
MESSAGES, BYTES = 100, 16 << 20
# Reading a body above this size takes more than 20 ms: it leaves the event loop.
READ_ASIDE = 100 << 10
# When a failed message is tried again, in seconds; then it is dead. What must come first (the visit that a discharge ends) may take an
# hour; what nobody expected holds up its patient, so it is over sooner.
WAITS_FOR_OTHERS, FAILED = (5, 60, 600, 3600), (2, 10, 60, 300)
ATTEMPTS = len(FAILED) + 1
# The code of a message whose process did not survive it.
KILLED = "killed"
HOLDS = (UNEXPECTED, DATABASE)
# The largest number of characters of a reason; reasons are codes and types, never a patient's words.
REASON = 200

Reader = Callable[[Feed, bytes, datetime, ZoneInfo], Iterable[Message]]


class Apply(Protocol):
    """Brings one message into the records; raises an error with `code` and `permanent` where it cannot."""

    def __call__(
        self, tx: AsyncSession, message: Message, *, feed: str, received_at: datetime, now: datetime, zone: ZoneInfo
    ) -> Awaitable[object]: ...


class ApplyAll(Protocol):
    """Brings messages, each with the time when it came, into the records: all of them, or raises what the first bad one raises."""

    def __call__(
        self, tx: AsyncSession, messages: Sequence[tuple[Message, datetime]], *, feed: str, now: datetime, zone: ZoneInfo
    ) -> Awaitable[object]: ...


@runtime_checkable
class Asking(Protocol):
    """An error that has questions to a person, to be put once the effects of its message have been rolled back."""

    async def ask(self, tx: AsyncSession, now: datetime) -> None:
        """Put them on their list."""


class _TakeBack(Exception):
    """Ends a savepoint whose changes are not to stay."""


@dataclass(frozen=True)
class Outcome:
    """What becomes of a message: its next state, and why where it is not simply applied."""

    message: FeedMessage
    state: str
    code: str | None = None
    error: str | None = None
    not_before: datetime | None = None

    def row(self, now: datetime, version: str) -> dict[str, Any]:
        """The parameters of `_WRITE`."""
        done = now if self.state in ("applied", "ignored") else None
        return {
            "which": self.message.id,
            "state": self.state,
            "attempts": self.message.attempts + 1,
            "error_code": self.code,
            "error": self.error,
            "not_before": self.not_before,
            "parser_version": version,
            "applied_at": done,
        }


_TABLE = FeedMessage.metadata.tables[FeedMessage.__tablename__]
_WRITE = (
    update(_TABLE)
    .where(_TABLE.c.id == bindparam("which"), _TABLE.c.state == "new")
    .values({name: bindparam(name) for name in ("state", "attempts", "error_code", "error", "not_before", "parser_version", "applied_at")})
)


class FeedApplier:
    """Applies the lanes of feeds. At least once, and once in effect: a message's effects and its new state are one transaction.

    `read` turns the bytes of a feed's message into what it says, `version` names the program that does. `apply_all`, where
    given, applies the messages of a transaction together.
    """

    def __init__(
        self,
        db: Database,
        clock: Callable[[], datetime],
        zone: ZoneInfo,
        *,
        read: Reader,
        apply: Apply,
        version: str,
        apply_all: ApplyAll | None = None,
    ) -> None:
        self._db, self._clock, self._zone, self._read, self._apply, self._version = db, clock, zone, read, apply, version
        self._apply_all = apply_all

    async def run(self, key: str) -> None:
        """Apply the first messages that wait in the lane `feed:lane`, and hand the others to the engine as a new job.

        So that a night's backlog does not hold the worker's places: the turns of families, which are more urgent, go between.
        """
        feed_id, lane = (int(part) for part in key.split(":"))
        now = self._clock()
        if not await self._begin(feed_id, lane, now):
            return
        try:
            outcomes, name = await self._try(feed_id, lane, now)
        except Exception:
            # Whoever raises lives on: only what ends its process is to be found out.
            async with self._db.transaction() as tx:
                (await lane_for(tx, feed_id, lane)).ended()
            raise
        if outcomes:
            log.debug("feed applied", feed=name, lane=lane, **Counter(each.state for each in outcomes))

    async def _begin(self, feed_id: int, lane: int, now: datetime) -> bool:
        """Write down that a try begins, before it does; False where another job has the lane."""
        async with self._db.transaction() as tx:
            if not await _hold(tx, feed_id, lane) or await tx.get(FeedRow, feed_id) is None:
                return False
            row = await lane_for(tx, feed_id, lane)
            first = await next_messages(tx, feed_id, lane, now, limit=1, size=BYTES) if row.careful or row.starts >= BATCH_STARTS else []
            row.begins(first[0].id if first else None, MESSAGES)
            return True

    async def _try(self, feed_id: int, lane: int, now: datetime) -> tuple[list[Outcome], str]:
        async with self._db.transaction() as tx:
            # The job's lock keeps jobs apart; this keeps a stalled job's twin on another machine apart too.
            row = await tx.get(FeedRow, feed_id) if await _hold(tx, feed_id, lane) else None
            if row is None or not row.active:
                return [], ""
            feed, trying = as_feed(row), await lane_for(tx, feed_id, lane)
            messages = await next_messages(tx, feed_id, lane, now, limit=1 if trying.careful else MESSAGES, size=BYTES)
            if messages and messages[0].id == trying.killer:
                outcomes = [_killed(feed, messages[0])]
            else:
                outcomes = await self._together(tx, feed, messages, now) or await self._one_by_one(tx, feed, messages, now)
            if messages:
                await defer(tx, [lane_job(feed_id, lane)], priority=BULK)
            trying.ended()
            await self._write(tx, feed_id, outcomes, now)
        return outcomes, feed.name

    async def _together(self, tx: AsyncSession, feed: Feed, messages: list[FeedMessage], now: datetime) -> list[Outcome]:
        """Apply all in one savepoint, which is the rule and several times as fast; nothing when one of them needs its own."""
        if feed.sandbox:
            return []
        try:
            told = [(message, await self._said(feed, message)) for message in messages]
            if any(each.test for _, said in told for each in said):
                return []
            async with tx.begin_nested():
                if self._apply_all is not None:
                    every = [(each, message.received_at) for message, said in told for each in said]
                    await self._apply_all(tx, every, feed=feed.name, now=now, zone=self._zone)
                    await tx.flush()
                else:
                    for message, said in told:
                        await self._bring_in(tx, feed, message, said, now)
        except Exception as err:
            if is_lost_connection(err):
                raise
            return []
        return [_done(message, said) for message, said in told]

    async def _one_by_one(self, tx: AsyncSession, feed: Feed, messages: list[FeedMessage], now: datetime) -> list[Outcome]:
        """Apply each in a savepoint of its own; behind one that holds up its patient the patient's others are left for later."""
        outcomes: list[Outcome] = []
        held: set[str] = set()
        for message in messages:
            if message.order_key not in held:
                outcome = await self._one(tx, feed, message, now)
                outcomes.append(outcome)
                if outcome.state == "new" and outcome.code in HOLDS:
                    held.add(message.order_key)
        return outcomes

    async def _one(self, tx: AsyncSession, feed: Feed, message: FeedMessage, now: datetime) -> Outcome:
        try:
            said = await self._said(feed, message)
            trial = feed.sandbox or any(each.test for each in said)
            with suppress(_TakeBack):
                async with tx.begin_nested():
                    await self._bring_in(tx, feed, message, said, now)
                    if trial:
                        raise _TakeBack
        except Exception as err:
            if is_lost_connection(err):
                raise
            if isinstance(err, Asking) and not feed.sandbox:
                await err.ask(tx, now)
            return _failed(feed, message, err, now)
        return Outcome(message, "ignored", "test") if trial else _done(message, said)

    async def _bring_in(self, tx: AsyncSession, feed: Feed, message: FeedMessage, said: list[Message], now: datetime) -> None:
        for each in said:
            await self._apply(tx, each, feed=feed.name, received_at=message.received_at, now=now, zone=self._zone)
        await tx.flush()

    async def _write(self, tx: AsyncSession, feed_id: int, outcomes: list[Outcome], now: datetime) -> None:
        """The new states, in one round trip; the rows are locked since they were read. Of ordinary moves the row itself tells when."""
        if outcomes:
            await tx.execute(_WRITE, [each.row(now, self._version) for each in outcomes])
        for each in outcomes:
            if each.state == "dead":
                tx.add(
                    StateChange(
                        entity="feed_message", entity_id=each.message.id, old="new", new="dead", at=now, by="feed", reason=each.code
                    )
                )
        counted = Counter(each.state for each in outcomes)
        await tx.flush()
        await count_outcomes(tx, feed_id, applied=counted["applied"], ignored=counted["ignored"], dead=counted["dead"])

    async def _said(self, feed: Feed, message: FeedMessage) -> list[Message]:
        def read() -> list[Message]:
            return list(self._read(feed, message.raw, message.received_at, self._zone))

        return await asyncio.to_thread(read) if message.size > READ_ASIDE else read()


def _done(message: FeedMessage, said: list[Message]) -> Outcome:
    return Outcome(message, "applied") if any(each.events for each in said) else Outcome(message, "ignored", "nothing_for_us")


async def _hold(tx: AsyncSession, feed_id: int, lane: int) -> bool:
    """Whether this transaction is the only one that works on the lane."""
    return bool(await tx.scalar(select(func.pg_try_advisory_xact_lock(func.hashtextextended(f"apply_feed:{feed_id}:{lane}", 0)))))


def _killed(feed: Feed, message: FeedMessage) -> Outcome:
    """Dead: whoever tried it has not lived to tell why."""
    log.error("message kills its process", feed=feed.name, control_id=message.control_id, sha256=message.sha256[:16])
    return Outcome(message, "dead", KILLED, KILLED)


def _failed(feed: Feed, message: FeedMessage, err: Exception, now: datetime) -> Outcome:
    """Dead, or tried again later. What was raised is named by its code and type: its text may hold a patient's words."""
    permanent, code = getattr(err, "permanent", None), getattr(err, "code", None)
    if not isinstance(permanent, bool) or not isinstance(code, str):
        # SQLAlchemy's errors have a code too, of another kind.
        permanent, code = False, DATABASE if isinstance(err, DBAPIError) else UNEXPECTED
    attempts = message.attempts + 1
    if not permanent and attempts < ATTEMPTS:
        pause = (FAILED if code in HOLDS else WAITS_FOR_OTHERS)[attempts - 1]
        return Outcome(message, "new", code[:REASON], reason(err), now + timedelta(seconds=pause))
    log.warning("message dead", feed=feed.name, control_id=message.control_id, sha256=message.sha256[:16], code=code)
    return Outcome(message, "dead", code[:REASON], reason(err))


def reason(err: Exception) -> str:
    """What went wrong, for whoever looks at the dead message: `detail` where the error has one that is fit to be shown, else its type."""
    detail = getattr(err, "detail", None)
    cause = getattr(err, "orig", None) or err
    return (detail if isinstance(detail, str) and detail else type(cause).__name__)[:REASON]


async def lanes_to_apply(tx: AsyncSession, now: datetime) -> list[Job]:
    """The jobs of all lanes in which a message may be applied now: what came in, what a killed worker left, what waited for its time."""
    return [lane_job(feed, lane) for feed, lane in await lanes_waiting(tx, now)]


def lane_job(feed: int, lane: int) -> Job:
    """The job that applies a lane; one at a time."""
    return Job("apply_feed", f"{feed}:{lane}", lock=f"feed:{feed}:{lane}")
