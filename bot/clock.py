"""What time it is. In the sandbox the clock can be moved forward, for all processes at once."""

import asyncio
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from time import monotonic

from sqlalchemy.dialects.postgresql import insert

from records.database import Database
from records.setting import Setting

NAME = "clock"


class Clock:
    """Real time plus an offset that only the sandbox ever sets."""

    def __init__(self) -> None:
        self.offset = timedelta()
        self._moved = asyncio.Event()

    def __call__(self) -> datetime:
        """Now, in UTC."""
        return datetime.now(UTC) + self.offset

    async def load(self, db: Database) -> None:
        """Take over the offset that some process stored."""
        async with db.transaction() as tx:
            row = await tx.get(Setting, NAME)
        offset = timedelta(seconds=row.value["offset"]) if row else timedelta()
        if offset != self.offset:
            self.set(offset)

    def set(self, offset: timedelta) -> None:
        """Move the clock in this process, and wake who waits for it."""
        self.offset = offset
        self._moved.set()
        self._moved = asyncio.Event()

    async def wait(self, seconds: float) -> None:
        """Until so many seconds have passed by this clock, and never for longer than they last: who moves it on wakes who waits."""
        end, last = self() + timedelta(seconds=seconds), monotonic() + seconds
        while (left := min((end - self()).total_seconds(), last - monotonic())) > 0:
            with suppress(TimeoutError):
                await asyncio.wait_for(self._moved.wait(), left)

    async def store(self, db: Database, offset: timedelta) -> None:
        """Move the clock to real time plus `offset`, here and in every process that loads it."""
        value = {"offset": offset.total_seconds()}
        async with db.transaction() as tx:
            await tx.execute(
                insert(Setting).values(name=NAME, value=value).on_conflict_do_update(index_elements=["name"], set_={"value": value})
            )
        self.offset = offset
