"""Storing what comes in, many messages in one transaction: what arrives while a commit is under way goes with the next one."""

import asyncio
from collections.abc import Mapping
from typing import Any

import structlog

from records.database import Database, is_lost_connection
from records.feed import store_messages

log = structlog.get_logger(__name__)

# Of one commit; more would make the first of them wait.
MESSAGES, BYTES = 500, 64 << 20
# A message waits for the commit under way and for its own: well within the 30 s that senders wait as a rule.
PATIENCE = 10.0

Waiting = tuple[Mapping[str, Any], asyncio.Future[None]]


class NotStored(Exception):
    """The database could not take the message now: the sender is to send it again."""

    code, permanent = "not_stored", False


class Store:
    """Takes rows of `records.feed.message_row`, in the order in which they are put."""

    def __init__(self, db: Database) -> None:
        self._db = db
        self._waiting: list[Waiting] = []
        self._wake = asyncio.Event()
        self._healing: asyncio.Task[None] | None = None

    def put(self, row: Mapping[str, Any]) -> asyncio.Future[None]:
        """What is done when the row is durable, and raises NotStored when it may not be."""
        written: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiting.append((row, written))
        self._wake.set()
        return written

    async def run(self) -> None:
        """Write until cancelled."""
        while True:
            await self._wake.wait()
            batch = self._take()
            if not self._waiting:
                self._wake.clear()
            try:
                await self._write(batch)
            except Exception as err:
                log.error("storing failed", error=type(err).__name__)
            finally:
                # Whatever happens, nobody waits for ever, and the next are written.
                for _, written in batch:
                    if not written.done():
                        written.set_exception(NotStored("interrupted"))

    def _take(self) -> list[Waiting]:
        """The next rows to commit together."""
        size = count = 0
        for row, _ in self._waiting:
            size, count = size + len(row["body"]), count + 1
            if count >= MESSAGES or size >= BYTES:
                break
        batch, self._waiting = self._waiting[:count], self._waiting[count:]
        return batch

    async def _write(self, batch: list[Waiting]) -> None:
        try:
            async with asyncio.timeout(PATIENCE), self._db.engine.connect() as connection:
                # The statement is a transaction of its own, without the round trips of another.
                await connection.execution_options(isolation_level="AUTOCOMMIT")
                await store_messages(connection, [row for row, _ in batch])
        except Exception as err:
            lost = isinstance(err, TimeoutError) or is_lost_connection(err)
            if len(batch) > 1 and not lost:
                # One row that cannot be stored must not cost the others their place.
                for each in batch:
                    await self._write([each])
                return
            # After a lost answer it may be stored all the same; its resend is known by its key.
            for _, written in batch:
                if not written.done():
                    written.set_exception(NotStored(type(err).__name__))
            if lost and (self._healing is None or self._healing.done()):
                # Beside us, so that those who come meanwhile hear at once that we cannot store.
                self._healing = asyncio.create_task(self._db.heal())
            log.error("messages not stored", count=len(batch), error=type(err).__name__)
        else:
            for _, written in batch:
                if not written.done():
                    written.set_result(None)
