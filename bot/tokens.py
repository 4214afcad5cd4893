"""Platform tokens in the database: one per secret, shared by all processes, fetched by one of them."""

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
        self._held: dict[str, AccessToken] = {}

    async def get(self, key: str, now: datetime) -> str | None:
        """The stored token, or None when there is none or it is due for renewal."""
        row = self._held.get(key)
        if row is None or row.expires_at <= now:
            async with self._db.transaction() as tx:
                row = await tx.get(AccessToken, key)
        return self._keep(key, row, now)

    async def refresh(self, key: str, stale: str | None, fetch: Fetch, now: datetime) -> str:
        """A token that is not `stale`. One process fetches, the others wait for its row (an advisory lock on the key)."""
        async with self._db.transaction() as tx:
            await tx.execute(select(func.pg_advisory_xact_lock(func.hashtextextended(key, 0))))
            row = await tx.get(AccessToken, key)
            held = self._keep(key, row, now)
            if held is not None and held != stale:
                return held
            token, expires_in = await fetch()
            values = {"token": token, "expires_at": now + lifetime(expires_in)}
            await tx.execute(insert(AccessToken).values(key=key, **values).on_conflict_do_update(index_elements=["key"], set_=values))
        self._held[key] = AccessToken(key=key, **values)
        return token

    def _keep(self, key: str, row: AccessToken | None, now: datetime) -> str | None:
        if row is None or row.expires_at <= now:
            self._held.pop(key, None)
            return None
        self._held[key] = row
        return row.token
