"""How often somebody may try: so many times in a minute, counted in this process."""

from collections import OrderedDict, deque
from datetime import datetime, timedelta

WINDOW = timedelta(minutes=1)
# Names to remember; whoever invents more pushes out the oldest, never those who came just now.
REMEMBERED = 10_000


class Limiter:
    """At most `times` in a minute for each name."""

    def __init__(self, times: int) -> None:
        self._times = times
        self._tries: OrderedDict[str, deque[datetime]] = OrderedDict()

    def may(self, name: str, now: datetime) -> bool:
        """Whether `name` may try now; it counts as a try if so."""
        name = name[:200]
        tries = self._tries.pop(name, None) or deque()
        while tries and tries[0] <= now - WINDOW:
            tries.popleft()
        allowed = len(tries) < self._times
        if allowed:
            tries.append(now)
        self._tries[name] = tries
        while len(self._tries) > REMEMBERED:
            self._tries.popitem(last=False)
        return allowed
