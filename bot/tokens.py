"""Platform tokens in the database: one per secret, shared by all processes, fetched by one of them."""

import asyncio
from datetime import datetime

from sqlalchemy import func, select
from sqlalchemy.dialects.postgresql import insert

from integrations.wecom.token import Fetch, lifetime
from records.database import Database
from records.wecom import AccessToken


class DatabaseTokenStore:
    """A TokenStore (integrations/wecom/token.py) over the table access_token."""

    def __init__(self, db: Database) -> None:
        self._db = db
        # Plain values: a row would go stale with the transaction that read it.
        self._held: dict[str, tuple[str, datetime]] = {}
        self._flights: dict[str, asyncio.Task[str]] = {}

    async def get(self, key: str, now: datetime) -> str | None:
        """The stored token, or None when there is none or it is due for renewal."""
        held = self._held_token(key, now)
        if held is None:
            async with self._db.transaction() as tx:
                held = self._keep(key, await tx.get(AccessToken, key), now)
        return held

    async def refresh(self, key: str, stale: str | None, fetch: Fetch, now: datetime) -> str:
        """A token that is not `stale`. One process fetches, the others wait for its row (an advisory lock on the key).

        Within a process one caller waits for all, so that a slow platform costs one connection of the pool and not all of them.
        """
        held = self._held_token(key, now)
        if held is not None and held != stale:
            return held
        flight = self._flights.get(key)
        if flight is not None:
            token = await asyncio.shield(flight)
            # The flight may have begun before anybody knew that this token is stale.
            if token != stale:
                return token
        if (flight := self._flights.get(key)) is None:
            flight = asyncio.create_task(self._refresh(key, stale, fetch, now))
            self._flights[key] = flight
            flight.add_done_callback(lambda done: self._land(key, done))
        # A caller that is cancelled must not take the fetch away from the others.
        return await asyncio.shield(flight)

    def _land(self, key: str, flight: asyncio.Task[str]) -> None:
        self._flights.pop(key, None)
        if not flight.cancelled():
            flight.exception()  # looked at, so asyncio does not complain when every waiter has gone

    async def _refresh(self, key: str, stale: str | None, fetch: Fetch, now: datetime) -> str:
        async with self._db.transaction() as tx:
            await tx.execute(select(func.pg_advisory_xact_lock(func.hashtextextended(key, 0))))
            held = self._keep(key, await tx.get(AccessToken, key), now)
            if held is not None and held != stale:
                return held
            token, expires_in = await fetch()
            values = {"token": token, "expires_at": now + lifetime(expires_in)}
            await tx.execute(insert(AccessToken).values(key=key, **values).on_conflict_do_update(index_elements=["key"], set_=values))
        self._held[key] = (token, now + lifetime(expires_in))
        return token

    def _held_token(self, key: str, now: datetime) -> str | None:
        token, until = self._held.get(key, (None, now))
        return token if now < until else None

    def _keep(self, key: str, row: AccessToken | None, now: datetime) -> str | None:
        if row is None or row.expires_at <= now:
            self._held.pop(key, None)
            return None
        self._held[key] = (row.token, row.expires_at)
        return row.token
