"""The simulator's clock: real time plus an offset, so that 48 hours pass in one call."""

import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta


class SimClock:
    """Time for everything the simulator decides: windows, expiries, retention, statistics.

    Only waits that a client can see on the wire (a slow reply, the callback time-out) use real seconds.
    """

    def __init__(self, offset: float = 0.0, source: Callable[[], float] = time.time) -> None:
        """`offset` in seconds is added to `source`, which gives seconds since the epoch."""
        self.offset = offset
        self._source = source

    def timestamp(self) -> float:
        """Seconds since the epoch."""
        return self._source() + self.offset

    def now(self) -> datetime:
        """The simulated moment, aware, in UTC."""
        return datetime.fromtimestamp(self.timestamp(), UTC)

    def advance(self, by: timedelta | float) -> datetime:
        """Move forward (or back, if negative) by a duration or by seconds; returns the new moment."""
        self.offset += by.total_seconds() if isinstance(by, timedelta) else by
        return self.now()

    def set(self, moment: datetime) -> datetime:
        """Jump to an aware moment; raises ValueError for a naive one."""
        if moment.tzinfo is None:
            raise ValueError("the clock takes a moment with a time zone, such as 2026-03-01T08:00:00+08:00")
        self.offset = moment.timestamp() - self._source()
        return self.now()


def iso(at: float) -> str:
    """Seconds since the epoch as ISO 8601 in UTC."""
    return datetime.fromtimestamp(at, UTC).isoformat()
