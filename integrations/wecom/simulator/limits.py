"""Counting calls in fixed and sliding windows."""

from collections import deque


class FixedWindows:
    """At most `limit` hits per key in each window; the block lasts until the window ends, as the platform's does."""

    def __init__(self) -> None:
        self._windows: dict[tuple[str, float], list[float]] = {}

    def hit(self, key: str, *, limit: int, seconds: float, now: float) -> bool:
        """Count one hit; False if the window is full."""
        window = self._windows.setdefault((key, seconds), [now, 0])
        if not window[0] <= now < window[0] + seconds:
            window[:] = [now, 0]
        window[1] += 1
        return window[1] <= limit


class SlidingWindow:
    """The moments of the last hits, for limits such as 30 a minute and 1000 an hour at once."""

    def __init__(self) -> None:
        self._hits: deque[float] = deque(maxlen=2000)

    def hit(self, now: float, *limits: tuple[int, float]) -> bool:
        """Count one hit unless a (count, seconds) limit is reached; False means that it was not counted."""
        for count, seconds in limits:
            if len(self._hits) >= count and now - seconds < self._hits[-count] <= now:
                return False
        self._hits.append(now)
        return True
