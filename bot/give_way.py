"""Who goes first within a worker: families who are talking, before anything that we began.

All jobs of a worker share one thread. A batch of bulk work that runs beside others of its kind makes each step of a live turn wait for
all of them; so one runs at a time, and none begins while a turn is under way.
"""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress

# For so long a batch waits for those who are talking, at most: a busy morning must not stop the round (s).
PATIENCE = 0.5


class Way:
    """The order within one process."""

    def __init__(self) -> None:
        self._talking = 0
        self._free = asyncio.Event()
        self._free.set()
        self._one = asyncio.Lock()

    def live(self, handler: Callable[[str], Awaitable[None]]) -> Callable[[str], Awaitable[None]]:
        """The handler of a job on the road of a family's message; bulk work does not begin while it runs."""

        async def run(key: str) -> None:
            self._talking += 1
            self._free.clear()
            try:
                await handler(key)
            finally:
                self._talking -= 1
                if not self._talking:
                    self._free.set()

        return run

    @asynccontextmanager
    async def batch(self) -> AsyncIterator[None]:
        """A transaction of bulk work: alone of its kind, and after those who are talking."""
        async with self._one:
            with suppress(TimeoutError):
                async with asyncio.timeout(PATIENCE):
                    await self._free.wait()
            yield
