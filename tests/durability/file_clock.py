"""A clock that stands in a file beside the database's: every process looks at it all the time, and that costs no statement."""

import os
from datetime import UTC, datetime, timedelta
from pathlib import Path

from bot.clock import Clock
from records.database import Database

LOOK_EVERY = 0.02
# In a process's environment: the file that it follows; without it, `clock` in its data folder.
FILE = "DURABILITY_CLOCK"


def store_in(file: Path, offset: timedelta) -> None:
    """Move the clock of all processes that `follow` this file."""
    fresh = file.with_name(f"{file.name}.new")
    fresh.write_text(str(offset.total_seconds()), "ascii")
    fresh.replace(file)


def _offset() -> timedelta:
    file = Path(os.environ.get(FILE) or Path(os.environ["CARELOOP_DATA_DIR"]) / "clock")
    return timedelta(seconds=float(file.read_text("ascii")))


def now() -> datetime:
    """What the file says that it is, in UTC: for roles that take the machine's clock."""
    return datetime.now(UTC) + _offset()


def follow() -> None:
    """Have this process take the clock from the file instead of the database."""

    async def load(clock: Clock, _: Database) -> None:
        offset = _offset()
        if offset != clock.offset:
            clock.set(offset)

    Clock.load = load  # type: ignore[method-assign]
