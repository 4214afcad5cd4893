"""WeCom's frequency limits (doc:90454), kept on our side so that we seldom meet 45009."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Protocol

# A clock that went back by more counts from where it is now: until it had come again, nobody would pass.
SET_BACK = timedelta(minutes=1)


@dataclass
class TokenBucket:
    """At most ``burst`` at once and ``per_second`` for ever after; a debt is paid by waiting."""

    per_second: float
    burst: float
    level: float = field(init=False)
    seen: datetime | None = field(init=False, default=None)

    def __post_init__(self) -> None:
        self.level = self.burst

    def take(self, now: datetime) -> float:
        """Take one; seconds to wait before using it (0.0 when there was one left)."""
        if self.seen is not None:
            self.level = min(self.burst, self.level + max(0.0, (now - self.seen).total_seconds()) * self.per_second)
        back = self.seen is not None and self.seen - now > SET_BACK
        self.seen = now if self.seen is None or back else max(now, self.seen)
        self.level -= 1
        return max(0.0, -self.level / self.per_second)

    def try_take(self, now: datetime) -> bool:
        """Take one if there is one left; when there is none, nothing is owed for having asked."""
        if self.take(now) > 0:
            self.level += 1
            return False
        return True


class Limiter:
    """One pair of buckets (minute, hour) for each key, usually an API path.

    ``burst`` is the share of the limit that may go at once; the rest is spread evenly, so no window of the given length ever holds
    more than the limit. Counts this process only: give each of N processes its N-th part.
    """

    def __init__(self, per_minute: int = 10_000, per_hour: int = 150_000, burst: float = 0.1) -> None:
        self._windows = ((per_minute, 60), (per_hour, 3600))
        self._burst = burst
        self._buckets: dict[str, tuple[TokenBucket, ...]] = {}

    def delay(self, key: str, now: datetime) -> float:
        """Reserve one call on ``key``; seconds to wait before making it."""
        buckets = self._buckets.get(key)
        if buckets is None:
            buckets = tuple(
                TokenBucket(per_second=limit * (1 - self._burst) / seconds, burst=limit * self._burst) for limit, seconds in self._windows
            )
            self._buckets[key] = buckets
        return max(bucket.take(now) for bucket in buckets)

    def longest(self, keys: Iterable[str], now: datetime) -> float:
        """Reserve one call on every key; the longest wait among them."""
        return max((self.delay(key, now) for key in keys), default=0.0)


class Pace(Protocol):
    """A limit that several processes share, in place of each one's own Limiter, which knows nothing of bulk."""

    def keeps(self, path: str) -> bool:
        """Whether calls on ``path`` are limited here; all others are each process's own."""
        ...

    async def take(self, path: str, *, bulk: bool) -> None:
        """Return when one call on ``path`` may be made. ``bulk`` calls leave some of the limit to the others."""
        ...


def member_limiter() -> Limiter:
    """Application messages to one member: 30 a minute, 1000 an hour; WeCom drops the excess without a word."""
    return Limiter(per_minute=30, per_hour=1000, burst=0.5)


# A minute, an hour, a day: 45009 blocks for about the window that overflowed and does not say which.
WINDOWS = (60.0, 3600.0, 86400.0)


class Blocks:
    """How long to leave an API alone after 45009: the next longer window whenever waiting out the last one did not help."""

    def __init__(self) -> None:
        self._last: dict[str, tuple[datetime, int]] = {}

    def hit(self, path: str, now: datetime) -> float:
        """Seconds to wait after a 45009 on ``path`` at ``now``."""
        since, step = self._last.get(path, (now - timedelta(days=3), 0))
        # A clock that was set back has waited for nothing.
        waited, window = max(0.0, (now - since).total_seconds()), WINDOWS[step]
        if waited < window:
            return window - waited
        step = min(step + 1, len(WINDOWS) - 1) if waited < 2 * window else 0
        self._last[path] = (now, step)
        return WINDOWS[step]
