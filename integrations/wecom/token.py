"""One access token per (corp, secret), shared by every process that holds the store."""

import asyncio
import hashlib
from collections.abc import Awaitable, Callable
from datetime import datetime, timedelta
from typing import Protocol

Fetch = Callable[[], Awaitable[tuple[str, int]]]


class TokenStore(Protocol):
    """Where tokens (and JS tickets) live. Implementations must let one caller fetch while the others wait for its result."""

    async def get(self, key: str, now: datetime) -> str | None:
        """The stored token, or None when there is none or it is due for renewal."""
        ...

    async def refresh(self, key: str, stale: str | None, fetch: Fetch, now: datetime) -> str:
        """A token that is not ``stale``: the stored one if somebody already replaced it, else ``fetch()`` → (token, expires_in s).

        Single flight per key. An error of ``fetch`` reaches every waiter and stores nothing.
        """
        ...


def token_key(corp_id: str, secret: str, kind: str = "access_token") -> str:
    """The store's key: a digest of the corp id and the whole secret, since the heads of two secrets may be equal."""
    return hashlib.sha256("\0".join((kind, corp_id, secret)).encode()).hexdigest()


def lifetime(expires_in: int) -> timedelta:
    """How long a fresh token is used: 5 minutes less than it lives, half of it when it lives less than 10 minutes."""
    return timedelta(seconds=max(expires_in - 300, expires_in / 2))


class MemoryTokenStore:
    """Tokens of one process; for tests and for tools that run alone."""

    def __init__(self) -> None:
        self._held: dict[str, tuple[str, datetime]] = {}
        self._flights: dict[str, asyncio.Task[str]] = {}

    async def get(self, key: str, now: datetime) -> str | None:
        """See ``TokenStore.get``."""
        token, until = self._held.get(key, (None, now))
        return token if now < until else None

    async def refresh(self, key: str, stale: str | None, fetch: Fetch, now: datetime) -> str:
        """See ``TokenStore.refresh``."""
        held = await self.get(key, now)
        if held is not None and held != stale:
            return held
        flight = self._flights.get(key)
        if flight is None:
            flight = asyncio.create_task(self._fetch(key, fetch, now))
            self._flights[key] = flight
            flight.add_done_callback(lambda done: self._land(key, done))
        # A caller that is cancelled must not take the fetch away from the others.
        return await asyncio.shield(flight)

    def _land(self, key: str, flight: asyncio.Task[str]) -> None:
        self._flights.pop(key, None)
        if not flight.cancelled():
            flight.exception()  # looked at, so asyncio does not complain when every waiter has gone

    async def _fetch(self, key: str, fetch: Fetch, now: datetime) -> str:
        token, expires_in = await fetch()
        self._held[key] = (token, now + lifetime(expires_in))
        return token
