"""The year's clock stands in a file beside the database's: every process looks at it all the time, and that costs no statement."""

import os
from datetime import timedelta
from pathlib import Path

from bot.clock import Clock
from records.database import Database

LOOK_EVERY = 0.02


def store_in(folder: Path, offset: timedelta) -> None:
    """Move the clock of all processes that `follow` this folder."""
    file = folder / "clock.new"
    file.write_text(str(offset.total_seconds()), "ascii")
    file.replace(folder / "clock")


def follow() -> None:
    """Have this process take the clock from its data folder (CARELOOP_DATA_DIR) instead of the database."""
    file = Path(os.environ["CARELOOP_DATA_DIR"]) / "clock"

    async def load(clock: Clock, _: Database) -> None:
        offset = timedelta(seconds=float(file.read_text("ascii")))
        if offset != clock.offset:
            clock.set(offset)

    Clock.load = load  # type: ignore[method-assign]
