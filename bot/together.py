"""Group commit: what comes while others are at work is done together, in one go."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from typing import Generic, TypeVar

K = TypeVar("K")
V = TypeVar("V")


class Together(Generic[K, V]):
    """`work` gets the keys of up to `most` calls at once and gives a value for each; at most `at_once` groups are at work.

    A call that comes alone is done at once, alone; while a group is at work another one begins with `worth` calls or more, because
    what is small then is cheaper with the next. What `work` raises is raised to every call of its group.
    """

    def __init__(self, work: Callable[[list[K]], Awaitable[Mapping[K, V]]], *, most: int, at_once: int, worth: int = 1) -> None:
        self._work, self._most, self._at_once, self._worth = work, most, at_once, worth
        self._waiting: dict[K, asyncio.Future[V]] = {}
        self._running: set[asyncio.Task[None]] = set()

    async def __call__(self, key: K) -> V:
        """The value for `key`; calls with the same key that wait at the same moment share it."""
        loop = asyncio.get_running_loop()
        answer = self._waiting.setdefault(key, loop.create_future())
        # Not at once: who else is about to call does so first, and comes along.
        loop.call_soon(self._start)
        return await asyncio.shield(answer)

    def _start(self) -> None:
        while len(self._waiting) >= (self._worth if self._running else 1) and len(self._running) < self._at_once:
            group = dict(list(self._waiting.items())[: self._most])
            for key in group:
                del self._waiting[key]
            task = asyncio.create_task(self._do(group))
            self._running.add(task)
            task.add_done_callback(self._ended)

    async def _do(self, group: dict[K, asyncio.Future[V]]) -> None:
        try:
            values = await self._work(list(group))
            for key, answer in group.items():
                answer.set_result(values[key])
        except Exception as err:
            for answer in group.values():
                answer.set_exception(err)
                # Whoever asked may be gone: nobody then reads it.
                answer.exception()
        finally:
            # Left over only when this very task is cancelled, at the end of the process.
            for answer in group.values():
                answer.cancel()

    def _ended(self, task: asyncio.Task[None]) -> None:
        self._running.discard(task)
        self._start()
