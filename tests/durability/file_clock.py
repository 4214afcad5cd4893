"""A clock that stands in a file beside the database's: every process reads it whenever it asks for the time, and that costs nothing."""

import asyncio
import mmap
import os
import signal
import struct
from datetime import UTC, datetime, timedelta
from functools import cache
from pathlib import Path
from weakref import WeakSet

from bot.clock import Clock
from records.database import Database

# Who sleeps until a moment of the hospital's clock looks so often (s) whether it has been moved.
LOOK_EVERY = 0.05
# In a process's environment: the file that it follows; without it, `clock` in its data folder.
FILE = "DURABILITY_CLOCK"
SECONDS = struct.Struct("d")
# By which a process that `listens` is told that the clock has been moved.
MOVED = signal.SIGUSR1


def store_in(file: Path, offset: timedelta) -> None:
    """Move the clock of all processes that `follow` this file."""
    if file.exists():
        # In place, because others have it in their memory.
        with file.open("r+b", buffering=0) as there:
            there.write(SECONDS.pack(offset.total_seconds()))
    else:
        file.write_bytes(SECONDS.pack(offset.total_seconds()))


@cache
def _memory(file: str) -> mmap.mmap:
    with Path(file).open("rb") as there:
        return mmap.mmap(there.fileno(), SECONDS.size, access=mmap.ACCESS_READ)


def _offset() -> timedelta:
    memory = _memory(os.environ.get(FILE) or os.path.join(os.environ["CARELOOP_DATA_DIR"], "clock"))
    return timedelta(seconds=SECONDS.unpack(memory)[0])


def now() -> datetime:
    """What the file says that it is, in UTC: for roles that take the machine's clock."""
    return datetime.now(UTC) + _offset()


def follow() -> None:
    """Have this process take the clock from the file instead of the database."""

    async def load(clock: Clock, _: Database) -> None:
        if (offset := _offset()) != clock.offset:
            clock.set(offset)

    Clock.__call__ = lambda _: now()  # type: ignore[method-assign]
    Clock.load = load  # type: ignore[method-assign]


def listen() -> None:
    """In a process that follows, from its loop: who sleeps by the clock wakes with `MOVED`, which must have been ignored until now."""
    clocks, sleep = WeakSet[Clock](), Clock.wait

    async def wait(clock: Clock, seconds: float) -> None:
        clocks.add(clock)
        await sleep(clock, seconds)

    def wake() -> None:
        for clock in clocks:
            clock.set(_offset())

    Clock.wait = wait  # type: ignore[method-assign]
    asyncio.get_running_loop().add_signal_handler(MOVED, wake)
