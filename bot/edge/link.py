"""`careloop edge-link`: dials out from the hospital's inside to the edges, and puts what they ask to the gateway and the pages."""

import asyncio
import secrets
import ssl
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from pathlib import Path
from random import Random, SystemRandom
from typing import TYPE_CHECKING, Any

import aiohttp
import structlog
from aiohttp import WSMsgType
from yarl import URL

from bot.edge.envelope import HELLO, EnvelopeError, Key, Opener, Sealer, check_welcome, hello
from bot.edge.inner import PULSE, ROOM
from bot.edge.listed import METHODS, is_listed
from bot.edge.received import RECEIVED, received
from bot.heartbeat import beat
from bot.process import stopped

if TYPE_CHECKING:
    from bot.settings import Settings

log = structlog.get_logger(__name__)

# What the gateway answers; everything else is a page.
CALLBACKS = ("/wecom/", "/weixin/", "/sms/", "/h5/mini/config")
# Seconds: under the edge's patience, so that it hears what happened.
PATIENCE = 15.0
LONGEST_PAUSE = 5.0
# Asked at a time over one line; what comes beyond waits.
AT_ONCE = 64


class LinkError(Exception):
    """The link may not start like this; the text is one sentence that names the setting."""

    code, permanent = "edge_link", True


class TooLarge(Exception):
    """An answer that the edge would not take."""

    code, permanent = "too_large", True


async def run_link(settings: "Settings") -> None:
    """Keep the lines up until SIGTERM or SIGINT. Raises LinkError."""
    wanted = settings.edge_link
    key = wanted.signing_key
    if not wanted.urls or key is None:
        raise LinkError("Setting edge_link: urls and key must be given for `careloop edge-link`.")
    here = f"http://127.0.0.1:{settings.port}"
    trust = trusted(wanted.ca)
    connector, untouched = aiohttp.TCPConnector(limit=0), aiohttp.DummyCookieJar()
    async with (
        aiohttp.ClientSession(trace_configs=[stays()]) as outward,
        aiohttp.ClientSession(connector=connector, cookie_jar=untouched, auto_decompress=False) as inward,
    ):
        edge = settings.edge
        desk = Desk(inward, wanted.gateway or here, wanted.web or here, key, paths=edge.paths, max_answer=edge.max_answer)
        lines = [
            asyncio.create_task(Line(outward, url, key, desk, now, trust, max_body=settings.max_body).keep(SystemRandom()))
            for url in wanted.urls
            for _ in range(wanted.connections)
        ]
        heart = asyncio.create_task(beat())
        await stopped()
        for task in (*lines, heart):
            task.cancel()
        await asyncio.gather(*lines, heart, return_exceptions=True)


def stays() -> aiohttp.TraceConfig:
    """For a session that is sent nowhere: an edge that somebody has taken over could lead us on into the hospital's own network, and
    ws_connect, unlike every other call, cannot be told not to follow. Raises EnvelopeError sent_elsewhere out of such a call."""

    async def stop(*_: object) -> None:
        raise EnvelopeError("sent_elsewhere")

    trace = aiohttp.TraceConfig()
    trace.on_request_redirect.append(stop)
    return trace


def now() -> datetime:
    """The machine's clock."""
    return datetime.now(UTC)


def trusted(ca: Path | None) -> ssl.SSLContext:
    """Whom we take for the edge. Raises LinkError."""
    try:
        return ssl.create_default_context(cafile=ca)
    except OSError as err:
        raise LinkError(f"Setting edge_link.ca: {ca} cannot be used.") from err


class Desk:
    """Puts what was asked to the role whose it is. `paths` are what may be asked for, as the edge has them too: an edge that somebody has
    taken over reaches no more than the internet does."""

    def __init__(self, session: aiohttp.ClientSession, gateway: str, web: str, key: Key, *, paths: Sequence[str], max_answer: int) -> None:
        self._session, self._gateway, self._web, self._key = session, gateway.rstrip("/"), web.rstrip("/"), key
        self._paths, self._max = paths, max_answer

    async def answer(self, head: dict[str, Any], body: bytes) -> tuple[dict[str, Any], bytes]:
        """Head and body of the answer; 503 when the role is away."""
        method, path, headers = head["method"], str(head["path"]), [tuple(each) for each in head["headers"]]
        if method not in METHODS or not is_listed(path, self._paths):
            log.error("the edge asks for what nobody may", path=path.partition("?")[0][:200])
            return {"status": 404, "headers": []}, b""
        if "received" in head:
            headers.append((RECEIVED, received(self._key, path, str(head["received"]))))
        base = self._gateway if path.startswith(CALLBACKS) else self._web
        try:
            async with self._session.request(
                method,
                URL(base + path, encoded=True),
                headers=headers,
                data=body or None,
                allow_redirects=False,
                timeout=aiohttp.ClientTimeout(total=PATIENCE),
                skip_auto_headers=("User-Agent", "Accept", "Accept-Encoding", "Content-Type"),
            ) as given:
                content = await _read(given, self._max)
                return {"status": given.status, "headers": list(given.headers.items())}, content
        except TooLarge:
            log.error("answer too large for the edge", path=path.partition("?")[0])
            return {"status": 502, "headers": []}, b""
        except (aiohttp.ClientError, TimeoutError, ValueError) as err:
            log.warning("role does not answer", role="gateway" if base == self._gateway else "web", error=type(err).__name__)
            return {"status": 503, "headers": [["Retry-After", "60"]]}, b""


async def _read(given: aiohttp.ClientResponse, most: int) -> bytes:
    content = bytearray()
    async for piece in given.content.iter_chunked(1 << 16):
        content += piece
        if len(content) > most:
            raise TooLarge
    return bytes(content)


class Line:
    """One line to one edge."""

    def __init__(
        self,
        session: aiohttp.ClientSession,
        url: str,
        key: Key,
        desk: Desk,
        clock: Callable[[], datetime],
        trust: ssl.SSLContext,
        *,
        max_body: int,
    ) -> None:
        self._session, self._url, self._key, self._desk, self._clock = session, url, key, desk, clock
        self._trust, self._max, self._places = trust, max_body + ROOM, asyncio.Semaphore(AT_ONCE)

    async def keep(self, rng: Random) -> None:
        """Dial, and again whenever the line ends, until cancelled."""
        failures = 0
        while True:
            try:
                await self._live()
                failures = 0
            except EnvelopeError as err:
                failures += 1
                log.error("edge not believed", code=err.code, url=self._url)
            except (aiohttp.ClientError, TimeoutError, OSError) as err:
                failures += 1
                status = err.status if isinstance(err, aiohttp.WSServerHandshakeError) else None
                log.warning("edge cannot be reached", url=self._url, error=type(err).__name__, status=status)
            # In step with nobody: an edge that comes back must not meet all lines at once.
            await asyncio.sleep(min(LONGEST_PAUSE, 0.25 * 2 ** min(failures, 8)) * rng.uniform(0.5, 1))

    async def _live(self) -> None:
        nonce = secrets.token_hex(16)
        async with self._session.ws_connect(
            self._url,
            headers={HELLO: hello(self._key, nonce, self._clock())},
            heartbeat=PULSE,
            max_msg_size=self._max,
            ssl=self._trust,
            timeout=aiohttp.ClientWSTimeout(ws_close=2),
        ) as socket:
            first = await socket.receive(timeout=PULSE)
            nonces = nonce, check_welcome(self._key, first.data if first.type == WSMsgType.TEXT else "", nonce)
            sealer = Sealer(self._key, "inner", nonces, self._clock)
            opener = Opener(self._key, "edge", nonces, self._clock, max_bytes=self._max)
            await socket.send_bytes(sealer.seal({"ready": True}))
            log.info("link up", url=self._url)
            answering = set[asyncio.Task[None]]()
            try:
                async for message in socket:
                    if message.type == WSMsgType.ERROR:
                        break
                    if message.type != WSMsgType.BINARY:
                        raise EnvelopeError("bad_form")
                    question = opener.open(message.data)
                    await self._places.acquire()
                    task = asyncio.create_task(self._answer(socket, sealer, *question))
                    answering.add(task)
                    task.add_done_callback(answering.discard)
            finally:
                for task in answering:
                    task.cancel()
        log.info("link down", url=self._url, code=socket.close_code)

    async def _answer(self, socket: aiohttp.ClientWebSocketResponse, sealer: Sealer, head: dict[str, Any], body: bytes) -> None:
        try:
            said, content = await self._desk.answer(head, body)
            if not socket.closed:
                await socket.send_bytes(sealer.seal({"answer": head.get("ask"), **said}, content))
        except ConnectionError:
            # The edge asks again, or has told whoever asked to come back.
            log.info("answer not heard", url=self._url)
        finally:
            self._places.release()
