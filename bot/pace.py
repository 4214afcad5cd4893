"""WeCom's limit on messages into chats, shared by all worker processes through the database and kept to the call.

Each kind of call has buckets (minute, hour); a bucket is one moment, until which its calls are spoken for (the generic cell rate
algorithm). In any `window` there are at most rate × window + burst calls begun, and `spare` more that were on their way when it
began: rate × (window + spare s) + burst is the limit.
"""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import text

from records.database import Database

# What the limit is kept for; all other calls are few (integrations/wecom/limits.py watches each process's).
PACED = frozenset({"kf/send_msg"})
# What we begin ourselves leaves a tenth of the limit to replies and alerts (R); these know no other bucket.
BULK_SHARE = 0.9
# Seconds' worth of calls that may be on their way at once. A process that was stopped for longer than LATE asks again.
SPARE, LATE = 2.0, 1.0
MINUTE, HOUR = 60.0, 3600.0
# How much of the limit may go at once: of a minute's a tenth; of an hour's most, or the morning's round would take the day.
BURST = {MINUTE: 0.1, HOUR: 0.75}

_TAKE = text(
    """
    insert into call_pace as known (name, next_at)
    select name, cast(:now as timestamptz) + make_interval(secs => step)
    from unnest(cast(:names as text[]), cast(:steps as float[])) as bucket(name, step) order by name
    on conflict (name) do update set next_at = case
        when known.next_at > cast(:now as timestamptz)
            + make_interval(secs => (cast(:fars as float[]))[array_position(cast(:names as text[]), known.name)])
        then cast(:now as timestamptz)
        else greatest(known.next_at, cast(:now as timestamptz)) end + (excluded.next_at - cast(:now as timestamptz))
    returning name, extract(epoch from next_at - cast(:now as timestamptz))
    """
)
# No bucket is spoken for further ahead than by its burst and so many calls that wait, or seconds: then the clock went back, and it begins
# anew, or nothing would be sent until that moment comes again.
WAITING, FAR = 1000, 60.0


@dataclass(frozen=True)
class Bucket:
    """`step`: seconds between two calls; `ahead`: how far ahead of time a call may be, seconds."""

    name: str
    step: float
    ahead: float

    @property
    def far(self) -> float:
        """What is spoken for beyond this (s) was so by a clock that has gone back since."""
        return self.ahead + max(FAR, WAITING * self.step)


def bucket(name: str, limit: int, window: float, share: float = 1.0) -> Bucket:
    """The bucket that keeps `share` of `limit` calls in any `window` (s)."""
    whole = limit * share
    burst = max(1.0, whole * BURST[window])
    rate = max(whole - burst, whole / 2) / (window + SPARE)
    return Bucket(name, 1 / rate, (burst - 1) / rate)


class DatabasePace:
    """A Pace (integrations/wecom/limits.py) over the table call_pace."""

    def __init__(
        self,
        db: Database,
        clock: Callable[[], datetime],
        *,
        per_minute: int = 10_000,
        per_hour: int = 150_000,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        self._db, self._clock, self._sleep = db, clock, sleep
        self._asking: dict[tuple[str, bool], tuple[asyncio.Lock, list[asyncio.Future[float]]]] = {}
        self._all = [bucket("minute", per_minute, MINUTE), bucket("hour", per_hour, HOUR)]
        self._bulk = [bucket("bulk_minute", per_minute, MINUTE, BULK_SHARE), bucket("bulk_hour", per_hour, HOUR, BULK_SHARE)]

    def keeps(self, path: str) -> bool:
        """Whether calls on `path` are limited here."""
        return path in PACED

    async def take(self, path: str, *, bulk: bool) -> None:
        """Return when one call on `path`, which must be one of PACED, may be made."""
        while True:
            wait = await self.reserve(path, bulk=bulk)
            begin = self._clock() + timedelta(seconds=wait)
            if wait > 0:
                await self._sleep(wait)
            if self._clock() - begin <= timedelta(seconds=LATE):
                return

    async def reserve(self, path: str, *, bulk: bool) -> float:
        """Speak for one call; seconds to wait before making it. Those who ask while another asks are spoken for together."""
        lock, asking = self._asking.setdefault((path, bulk), (asyncio.Lock(), []))
        mine: asyncio.Future[float] = asyncio.get_running_loop().create_future()
        asking.append(mine)
        try:
            async with lock:
                if not mine.done():
                    together = [*asking]
                    waits = await self._speak(path, bulk=bulk, calls=len(together))
                    asking[:] = [each for each in asking if each not in together]
                    for each, wait in zip(together, waits, strict=True):
                        if not each.done():
                            each.set_result(wait)
        finally:
            if mine in asking:
                asking.remove(mine)
        return mine.result()

    async def _speak(self, path: str, *, bulk: bool, calls: int) -> list[float]:
        """Speak for so many calls, one after the other; seconds to wait before each."""
        buckets = {f"{path}:{each.name}": each for each in ([*self._all, *self._bulk] if bulk else self._all)}
        steps = [each.step * calls for each in buckets.values()]
        fars = [each.far for each in buckets.values()]
        values = {"names": list(buckets), "steps": steps, "fars": fars, "now": self._clock()}
        async with self._db.engine.begin() as connection:
            spoken = [(buckets[name], float(ends)) for name, ends in await connection.execute(_TAKE, values)]
        return [max(0.0, *(ends - each.step * (after + 1) - each.ahead for each, ends in spoken)) for after in reversed(range(calls))]
