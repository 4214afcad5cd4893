"""What takes longer than a page may is worked out beside it, once for all who ask for the same, and kept for those who come later."""

import asyncio
from collections.abc import Callable, Coroutine
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Generic, Protocol, TypeVar

import structlog

log = structlog.get_logger(__name__)

T = TypeVar("T")
# What cost much is kept for so many times as long, so that working it out anew never fills the machine.
TIMES = 20
# A page waits so many seconds before it shows what was there, or that it is being worked out.
PATIENCE = 0.05
# One at a time: the other processor is for those who wait for a page.
AT_ONCE, MOST = 1, 200


@dataclass(frozen=True)
class Kept(Generic[T]):
    """What was found, as it was `at`, and how many seconds of work it took."""

    what: T
    at: datetime
    seconds: float


class Store(Protocol[T]):
    """Where things are kept."""

    async def load(self, key: str) -> Kept[T] | None:
        """What was kept last."""

    async def save(self, key: str, kept: Kept[T]) -> None:
        """Keep it in place of what was there."""


class Memory(Generic[T]):
    """Kept as long as the process lives, the newest MOST."""

    def __init__(self) -> None:
        self._kept: dict[str, Kept[T]] = {}

    async def load(self, key: str) -> Kept[T] | None:
        """What was kept last."""
        return self._kept.get(key)

    async def save(self, key: str, kept: Kept[T]) -> None:
        """Keep it in place of what was there."""
        self._kept.pop(key, None)
        self._kept[key] = kept
        while len(self._kept) > MOST:
            del self._kept[next(iter(self._kept))]


Make = Callable[[], Coroutine[Any, Any, T]]


class Shelf(Generic[T]):
    """Who asks for the same at the same time waits for the one that is at work; no more than AT_ONCE are.

    Nobody looks again for TIMES as long as it took, and not for `kept_for` either.
    """

    def __init__(self, store: Store[T], *, kept_for: timedelta = timedelta(), patience: float = PATIENCE) -> None:
        self._store, self.kept_for, self.patience = store, kept_for, patience
        self._at_work: dict[str, asyncio.Task[Kept[T]]] = {}
        self._turns = asyncio.Semaphore(AT_ONCE)

    async def look(self, key: str, now: datetime, make: Make[T]) -> tuple[Kept[T] | None, bool]:
        """What is there within moments (None: nothing yet), and whether it is being worked out anew. Raises what `make` raises."""
        kept = await self._store.load(key)
        if kept is not None and self.fresh(kept, now):
            return kept, False
        task = self._begin(key, now, make)
        done, _ = await asyncio.wait({task}, timeout=self.patience)
        return (task.result(), False) if done else (kept, True)

    async def get(self, key: str, now: datetime, make: Make[T]) -> Kept[T]:
        """What is found now, or was not long ago, however long it takes. Raises what `make` raises, and then keeps nothing."""
        kept = await self._store.load(key)
        # A reader who goes away does not stop what others wait for.
        return kept if kept is not None and self.fresh(kept, now) else await asyncio.shield(self._begin(key, now, make))

    @property
    def busy(self) -> bool:
        """Whether something is being worked out now."""
        return bool(self._at_work)

    def fresh(self, kept: Kept[T], now: datetime) -> bool:
        """Whether nobody need look again."""
        # What takes moments is not kept: who has just changed something sees it.
        return 2 * kept.seconds >= self.patience and abs(now - kept.at) < max(self.kept_for, TIMES * timedelta(seconds=kept.seconds))

    async def close(self) -> None:
        """Leave off."""
        for task in (tasks := list(self._at_work.values())):
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    def _begin(self, key: str, now: datetime, make: Make[T]) -> asyncio.Task[Kept[T]]:
        if key not in self._at_work:
            self._at_work[key] = asyncio.create_task(self._work(key, now, make))
            self._at_work[key].add_done_callback(lambda task: self._ended(key, task))
        return self._at_work[key]

    async def _work(self, key: str, now: datetime, make: Make[T]) -> Kept[T]:
        async with self._turns:
            begin = asyncio.get_running_loop().time()
            kept = Kept(await make(), now, asyncio.get_running_loop().time() - begin)
            await self._store.save(key, kept)
        return kept

    def _ended(self, key: str, task: asyncio.Task[Kept[T]]) -> None:
        del self._at_work[key]
        # Nobody may be there any more to hear of it.
        if not task.cancelled() and (error := task.exception()) is not None:
            log.warning("working out beside a page failed", error=type(error).__name__, code=getattr(error, "code", None))
