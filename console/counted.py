"""Numbers beside the lines of a list, which take long in a large hospital: the list is shown, and they follow."""

import hashlib
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Generic, TypeVar

from aiohttp import web
from sqlalchemy.ext.asyncio import AsyncSession

from console.desk import DESK
from console.shelf import Shelf

T = TypeVar("T")
COUNTS = web.AppKey("counts", Shelf[Any])


@dataclass(frozen=True)
class Counted(Generic[T]):
    """What was counted, None while that is still to come; `at` when, where not just now. `again`: it is being counted."""

    what: T | None
    at: datetime | None
    again: bool


async def counted(request: web.Request, about: object, count: Callable[[AsyncSession], Awaitable[T]]) -> Counted[T]:
    """What `count` finds within moments, or found not long ago for whoever asked `about` the same. Raises what `count` raises."""
    desk = request.app[DESK]

    async def make() -> T:
        async with desk.db.transaction() as tx:
            return await count(tx)

    now = desk.clock()
    kept, again = await request.app[COUNTS].look(hashlib.sha256(repr(about).encode()).hexdigest(), now, make)
    if kept is None:
        return Counted(None, None, again)
    return Counted(kept.what, kept.at if kept.at != now else None, again)
