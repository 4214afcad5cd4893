"""Who comes in at /fhir and how he is answered: what reading and sending have in common."""

import asyncio
import json
from collections import Counter
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import datetime
from zoneinfo import ZoneInfo

from aiohttp import web
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

from bot.fhir.refusal import FhirRefusal
from bot.fhir.scope import allows
from bot.fhir.secret import hash_token
from bot.settings import FhirSettings
from integrations.fhir.write import Json
from records.database import Database
from records.fhir_client import token_holder

MEDIA = "application/fhir+json"
JSON_MEDIA = frozenset({MEDIA, "application/json", "application/json+fhir", "text/json"})
# Of one program in this process at once: what is more waits on its side. Of all together: the connections of the process are there for
# WeCom's callbacks too, which wait 4 s at most.
AT_ONCE, PLACES = 4, 4


@dataclass(frozen=True)
class Caller:
    """The program behind a request."""

    id: int
    name: str
    scopes: tuple[str, ...]
    feed_id: int | None

    def check(self, kind: str, action: str) -> None:
        """Raises FhirRefusal no_scope where it may not `read` or `write` resources of `kind`."""
        if not allows(self.scopes, kind, action):
            raise FhirRefusal("no_scope", path=kind)


class Entrance:
    """Lets programs in; one in a process."""

    def __init__(self, db: Database, clock: Callable[[], datetime], zone: ZoneInfo, settings: FhirSettings) -> None:
        self.db, self.clock, self.zone, self.settings = db, clock, zone, settings
        self._busy: Counter[int] = Counter()
        self._places = asyncio.Semaphore(PLACES)

    async def caller(self, request: web.Request) -> Caller:
        """Who asks. Raises FhirRefusal no_token, bad_token."""
        kind, _, token = request.headers.get("Authorization", "").partition(" ")
        if kind.lower() != "bearer" or not token.strip():
            raise FhirRefusal("no_token", headers={"WWW-Authenticate": 'Bearer realm="careloop"'})
        async with self.db.transaction() as tx:
            held = await token_holder(tx, hash_token(token.strip()), self.clock())
        if held is None:
            raise FhirRefusal("bad_token", headers={"WWW-Authenticate": 'Bearer realm="careloop", error="invalid_token"'})
        client, scopes = held
        return Caller(client.id, client.client_id, tuple(scopes), client.feed_id)

    def base(self, request: web.Request) -> str:
        """Where this edge is seen from outside: as set, else as asked."""
        return (self.settings.base_url or f"{request.url.origin()}/fhir").rstrip("/")

    @asynccontextmanager
    async def working(self, caller: Caller) -> AsyncIterator[AsyncSession]:
        """A transaction for `caller`: at most AT_ONCE of his and PLACES of all; what takes the database longer than the deadline is ended.

        Raises FhirRefusal too_often.
        """
        if self._busy[caller.id] >= AT_ONCE:
            raise FhirRefusal("too_often", headers={"Retry-After": "1"})
        self._busy[caller.id] += 1
        try:
            async with self._places, self.db.transaction() as tx:
                limit = {"ms": str(int(self.settings.deadline * 1000))}
                await tx.execute(text("select set_config('statement_timeout', :ms, true)"), limit)
                yield tx
        finally:
            self._busy[caller.id] -= 1


def answer(resource: Json, *, status: int = 200, headers: dict[str, str] | None = None) -> web.Response:
    """A resource as a response; nobody between us and the program may keep it."""
    told = {"Cache-Control": "no-store", **(headers or {})}
    body = json.dumps(resource, ensure_ascii=False).encode()
    return web.Response(body=body, status=status, headers=told, content_type=MEDIA, charset="utf-8")
