"""The same intake over HTTP: POST /intake/{feed} with the feed's token; the answer's body is the acknowledgement."""

import asyncio
import json
from collections.abc import AsyncIterator

import structlog
from aiohttp import web

from bot.app import Core
from bot.intake.feeds import Feed, Known
from bot.intake.reception import Reception
from bot.intake.soap import SoapError, answer_with, message_in
from bot.intake.store import Store
from integrations.hl7.charset import known as codec

log = structlog.get_logger(__name__)

PLAIN = {"text/plain", "application/hl7-v2", "application/hl7-v2+er7", "x-application/hl7-v2+er7"}
XML = {"text/xml", "application/xml", "application/soap+xml"}
# As other HL7-over-HTTP servers answer: a sender that looks at the status alone does the right thing.
STATUS = {"A": 200, "E": 503, "R": 400}


class Refused(Exception):
    """A request that is not let in."""

    permanent = True

    def __init__(self, code: str, status: int) -> None:
        super().__init__(code)
        self.code, self.status = code, status


def add_intake_routes(app: web.Application, core: Core) -> None:
    """Serve POST /intake/{feed} and write what it takes."""
    store, known = Store(core.db), Known(core.db)
    door = Door(known, Reception(store, core.clock, core.settings.tz), core.settings.intake.max_message)

    async def keep_writing(app: web.Application) -> AsyncIterator[None]:
        task = asyncio.create_task(store.run())
        yield
        task.cancel()

    app.cleanup_ctx.append(keep_writing)
    app.router.add_post("/intake/{feed}", door.post)


class Door:
    """Lets feeds in by their token."""

    def __init__(self, known: Known, reception: Reception, max_message: int) -> None:
        self._known, self._reception, self._max = known, reception, max_message

    async def post(self, request: web.Request) -> web.Response:
        """Take a message and answer it; JSON {"code"} for a request that is none."""
        try:
            feed = await self._feed(request)
            return await self._take(request, feed)
        except (Refused, SoapError) as err:
            status = err.status if isinstance(err, Refused) else 400
            log.warning("intake refused", code=err.code, remote=request.remote)
            return web.Response(status=status, text=json.dumps({"code": err.code}), content_type="application/json")

    async def _feed(self, request: web.Request) -> Feed:
        feed = await self._known.named(request.match_info["feed"])
        scheme, _, token = request.headers.get("Authorization", "").partition(" ")
        # Whether there is such a feed is nobody's business who has no token.
        if scheme.lower() != "bearer" or feed is None or not feed.opens(token.strip()):
            raise Refused("unauthorized", 401)
        return feed

    async def _take(self, request: web.Request, feed: Feed) -> web.Response:
        body = await _body(request, self._max)
        kind = request.content_type
        if kind not in PLAIN | XML:
            raise Refused("unsupported_media_type", 415)
        if kind in XML:
            text = await asyncio.to_thread(message_in, body, feed.settings.soap_element)
            body = text.encode(codec(feed.settings.charset or "utf-8") or "utf-8", "replace")
        messages = await self._reception.prepare(body, [feed], f"http:{request.remote or ''}")
        charset = messages[0].verdict.header.charset if messages[0].verdict.header is not None else "utf-8"
        said = await self._reception.answer(self._reception.keep(messages))
        status = STATUS[_worst(said)]
        if kind in XML:
            return web.Response(body=answer_with(said.decode(charset, "replace")), status=status, content_type=kind, charset="utf-8")
        return web.Response(body=said, status=status, content_type=kind)


def _worst(said: bytes) -> str:
    """E, R or A: the second letter of MSA-1, of a batch the one that asks for most."""
    codes = [line[5:6].decode("latin-1") for line in said.split(b"\r") if line.startswith(b"MSA")]
    return next((code for code in "ER" if code in codes), "A")


async def _body(request: web.Request, largest: int) -> bytes:
    if (request.content_length or 0) > largest:
        raise Refused("too_large", 413)
    body = bytearray()
    try:
        while not request.content.at_eof():
            body += await request.content.read(1 << 20)
            if len(body) > largest:
                raise Refused("too_large", 413)
    except web.RequestPayloadError as err:
        raise Refused("bad_body", 400) from err
    return bytes(body)
