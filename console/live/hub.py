"""Brings news to the open pages of this process: looks once a second while anybody listens, and now and then who still may."""

import asyncio
from collections.abc import Callable, Iterable
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import datetime

import structlog

from console.live.news import EVERYTHING, Lookout, News
from console.session import still_signed_in
from records.database import Database

log = structlog.get_logger(__name__)

# Seconds between looks, between looks when the database does not answer, and between questions who is still signed in.
EVERY, WHEN_DOWN, WHO_EVERY = 1.0, 5.0, 15.0
# A person has this many pages open and seen; the oldest gives way.
PAGES = 12


@dataclass(eq=False)
class Listener:
    """One open page: what it waits for, and what waits for it. A topic is told once however often it changed meanwhile."""

    token: str = field(repr=False)
    topics: frozenset[str]
    teams: frozenset[int]
    waiting: set[str] = field(default_factory=set)
    over: bool = False
    bell: asyncio.Event = field(default_factory=asyncio.Event)

    def tell(self, news: Iterable[News]) -> None:
        """Ring when something of this is for the page."""
        for each in news:
            if each == EVERYTHING:
                self.waiting |= self.topics
            elif each.topic in self.topics and (each.team_id is None or each.team_id in self.teams):
                self.waiting.add(each.topic)
        if self.waiting:
            self.bell.set()

    def end(self) -> None:
        """The page shall hear no more."""
        self.over = True
        self.bell.set()


class Hub:
    """Begins with the first listener and rests after the last."""

    def __init__(self, db: Database, clock: Callable[[], datetime]) -> None:
        self._db, self._clock = db, clock
        self._listeners: list[Listener] = []
        self._looking: asyncio.Task[None] | None = None
        self._started, self._closing = asyncio.Event(), asyncio.Event()

    async def join(self, token: str, topics: frozenset[str], teams: frozenset[int]) -> Listener:
        """A new listener; from the return of this on nothing is missed. When the server stops it is over at once."""
        listener = Listener(token, topics, teams)
        if self._closing.is_set():
            listener.end()
            return listener
        mine = [each for each in self._listeners if each.token == token]
        for old in mine[: max(0, len(mine) - PAGES + 1)]:
            old.end()
            self._listeners.remove(old)
        self._listeners.append(listener)
        if self._looking is None or self._looking.done():
            self._started.clear()
            self._looking = asyncio.create_task(self._keep_looking(), name="live")
        await self._started.wait()
        return listener

    def leave(self, listener: Listener) -> None:
        """The page is gone."""
        if listener in self._listeners:
            self._listeners.remove(listener)

    async def close(self) -> None:
        """All pages are let go, so that the server can stop."""
        for listener in self._listeners:
            listener.end()
        self._listeners.clear()
        self._closing.set()
        if self._looking is not None:
            await self._looking

    async def _keep_looking(self) -> None:
        loop, lookout, down, asked = asyncio.get_running_loop(), Lookout(), False, asyncio.get_running_loop().time()
        while self._listeners:
            try:
                async with self._db.transaction() as tx:
                    news = await lookout.look(tx, loop.time())
                for listener in self._listeners:
                    listener.tell(news)
                if loop.time() - asked >= WHO_EVERY:
                    await self._ask_who()
                    asked = loop.time()
                down = False
            except Exception as err:
                if not down:
                    log.warning("live looks fail", error=type(err).__name__)
                down = True
            self._started.set()
            with suppress(TimeoutError):
                await asyncio.wait_for(self._closing.wait(), WHEN_DOWN if down else EVERY)
        # Who joins in the very moment in which all others go waits for nothing more.
        self._started.set()

    async def _ask_who(self) -> None:
        """Who signed out, left, or was idle too long hears no more; who changed teams hears of the new ones."""
        asked = list(self._listeners)
        async with self._db.transaction() as tx:
            teams = await still_signed_in(tx, {listener.token for listener in asked}, self._clock())
        for listener in asked:
            if listener.token in teams:
                listener.teams = teams[listener.token]
            else:
                listener.end()
