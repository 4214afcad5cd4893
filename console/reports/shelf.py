"""What was worked out is kept for a few minutes: a large hospital takes seconds, and the Excel files must be those of the page."""

import asyncio
from collections.abc import Callable, Coroutine, Hashable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from aiohttp import web

from console.reports.table import Table

KEPT_FOR, MOST = timedelta(minutes=5), 200


@dataclass(frozen=True)
class Found:
    """The tables of a section as they were `at`; the departments that may be chosen, and the measures that could not be narrowed down."""

    at: datetime
    tables: Sequence[Table]
    departments: Sequence[str]
    left_out: Sequence[str]


class Shelf:
    """Who asks for the same at the same time waits for the one who works it out."""

    def __init__(self) -> None:
        self._kept: dict[Hashable, tuple[datetime, asyncio.Task[Found]]] = {}

    async def get(self, key: Hashable, now: datetime, make: Callable[[], Coroutine[Any, Any, Found]]) -> Found:
        """What `make` finds, or found not long ago. Raises what it raises, and then keeps nothing."""
        self._kept = {each: kept for each, kept in self._kept.items() if abs(now - kept[0]) < KEPT_FOR}
        if key not in self._kept:
            while len(self._kept) >= MOST:
                del self._kept[next(iter(self._kept))]
            self._kept[key] = now, asyncio.create_task(make())
        task = self._kept[key][1]
        try:
            # A reader who goes away does not stop what others wait for.
            return await asyncio.shield(task)
        except Exception:
            self._kept.pop(key, None)
            raise


SHELF = web.AppKey("reports", Shelf)
