"""POST and PUT: bundles and single resources that programs send."""

import asyncio
from datetime import datetime
from typing import Any

from aiohttp import web
from sqlalchemy.ext.asyncio import AsyncSession

from bot.fhir.body import read_body
from bot.fhir.entrance import JSON_MEDIA, Caller, Entrance, answer
from bot.fhir.receive import READ_ASIDE, Sender, Taken, as_bytes, check_entries, parts_of, response_of, take
from bot.fhir.refusal import FhirRefusal, issue_of
from integrations.fhir.bundle import Part
from integrations.fhir.document import parse
from integrations.fhir.read import READERS
from integrations.fhir.write import Json, bundle, outcome
from records.feed import Feed
from tagging.content import default_content

# Each entry of a batch is applied by itself (some 20 ms), and all within the deadline of a request; a transaction goes together.
MOST_OF_A_BATCH = 300


class Sending:
    """The handlers of what is sent."""

    def __init__(self, entrance: Entrance) -> None:
        self._entrance = entrance

    async def bundle(self, request: web.Request) -> web.StreamResponse:
        """A transaction or a message, all of it or nothing; or a batch, each entry by itself."""
        caller = await self._entrance.caller(request)
        body = await self._body(request)
        document = await self._parsed(body)
        kind = document.get("type")
        if document["resourceType"] != "Bundle" or kind not in ("transaction", "batch", "message"):
            raise FhirRefusal("not_supported", path="Bundle.type" if document["resourceType"] == "Bundle" else "")
        sender = await self._sender(caller)
        now, base = self._entrance.clock(), self._entrance.base(request)
        parts = await parts_of(document, sender, size=len(body), now=now, zone=self._entrance.zone)
        whole = kind != "batch"
        if len(parts) > MOST_OF_A_BATCH:
            raise FhirRefusal("too_many", path="Bundle.entry")
        answered: list[Json] = []
        refused: FhirRefusal | None = None
        async with self._entrance.working(caller) as tx:
            for part in parts:
                taken = await self._take(tx, caller, sender, part, body if whole else None, now, sent=kind != "message")
                answered += response_of(taken, base)
                refused = taken.refusal if whole else None
        # Only now, because what a person has to decide is kept although the program is refused.
        if refused is not None:
            raise refused
        if kind == "message":
            return answer(outcome(issue_of("stored", severity="information")))
        return answer(bundle(f"{kind}-response", answered))

    async def create(self, request: web.Request) -> web.StreamResponse:
        """A resource that the program has as new."""
        return await self._single(request, "POST", "")

    async def update(self, request: web.Request) -> web.StreamResponse:
        """A resource under the program's own id of it, new or not."""
        if "If-Match" in request.headers:
            raise FhirRefusal("no_versions")
        return await self._single(request, "PUT", request.match_info["id"])

    async def _single(self, request: web.Request, method: str, resource_id: str) -> web.StreamResponse:
        """One resource, as if it came in a batch of one."""
        caller, kind = await self._entrance.caller(request), request.match_info["kind"]
        if kind not in READERS:
            raise FhirRefusal("no_such_type")
        body = await self._body(request)
        document = await self._parsed(body)
        if document["resourceType"] != kind:
            raise FhirRefusal("wrong_type", path=kind)
        sender = await self._sender(caller)
        sent = {"method": method, "url": f"{kind}/{resource_id}" if resource_id else kind}
        batch = {"resourceType": "Bundle", "type": "batch", "entry": [{"resource": document, "request": sent}]}
        now, base = self._entrance.clock(), self._entrance.base(request)
        (part,) = await parts_of(batch, sender, size=len(body), now=now, zone=self._entrance.zone)
        async with self._entrance.working(caller) as tx:
            taken = await self._take(tx, caller, sender, part, body, now, sent=True)
        if taken.refusal is not None:
            within = taken.refusal.path.removeprefix("Bundle.entry[0]").removeprefix(".resource")
            raise FhirRefusal(taken.refusal.code, path=f"{kind}{within}")
        (response,) = (each["response"] for each in response_of(taken, base))
        where = {"Location": response["location"]} if "location" in response else {}
        told = response.get("outcome") or outcome(issue_of("stored", severity="information"))
        return answer(told, status=int(response["status"].split(" ")[0]), headers=where)

    async def _take(
        self, tx: AsyncSession, caller: Caller, sender: Sender, part: Part, body: bytes | None, now: datetime, *, sent: bool
    ) -> Taken:
        """One part, if the program may write what is in it; `sent` says that each entry tells whereto."""
        try:
            if sent:
                check_entries(part.entries)
            for entry in part.entries:
                if entry.kind in READERS:
                    caller.check(entry.kind, "write")
        except FhirRefusal as err:
            return Taken(part, refusal=err)
        raw = body if body is not None else as_bytes(part.entries[0].resource if part.entries else {})
        return await take(tx, sender, part, raw, now=now, zone=self._entrance.zone)

    async def _sender(self, caller: Caller) -> Sender:
        """The feed of a program that may write. Raises FhirRefusal no_feed."""
        async with self._entrance.db.transaction() as tx:
            feed = await tx.get(Feed, caller.feed_id) if caller.feed_id is not None else None
        if feed is None or not feed.active:
            raise FhirRefusal("no_feed")
        # What values are checked by takes a second to load, once: not in the event loop, which serves WeCom too.
        await asyncio.to_thread(default_content)
        return Sender(caller.id, caller.name, feed)

    async def _body(self, request: web.Request) -> bytes:
        if request.content_type not in JSON_MEDIA:
            raise FhirRefusal("unsupported_media")
        return await read_body(request, self._entrance.settings.max_body)

    async def _parsed(self, body: bytes) -> dict[str, Any]:
        def read() -> dict[str, Any]:
            return parse(body, max_bytes=self._entrance.settings.max_body)

        return await asyncio.to_thread(read) if len(body) > READ_ASIDE else read()
