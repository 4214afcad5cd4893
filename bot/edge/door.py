"""The public side of the edge: what is let in, how much of it, and what is said while the inner side is away."""

import html
import ipaddress
from collections import OrderedDict
from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from string import Template
from typing import Any

import structlog
from aiohttp import web

from bot.edge.gauges import ASKED
from bot.edge.inner import Answer, Inner, InnerAway
from bot.edge.listed import METHODS, is_listed
from bot.edge.settings import EdgeSettings
from bot.edge.shelf import Shelf, ShelfFull
from bot.sound import sound_headers
from integrations.callback_error import CallbackError
from integrations.wecom.limits import TokenBucket
from integrations.wecom.signed import check_sealed

log = structlog.get_logger(__name__)

AWAY = Path(__file__).parent / "away.html"
# Of one connection, or said anew by the next one; and what only the link may say.
ONE_HOP = {
    "connection", "keep-alive", "proxy-authenticate", "proxy-authorization", "proxy-connection", "te", "trailer", "transfer-encoding",
    "upgrade", "content-length", "expect", "host", "date", "server", "forwarded", "x-real-ip",
}  # fmt: skip
OURS = ("x-forwarded-", "x-careloop-")
# Addresses whose pace is remembered; who has been silent longest is forgotten first.
MOST_ADDRESSES = 20_000


class Door:
    """Answers the internet."""

    def __init__(
        self,
        settings: EdgeSettings,
        inner: Inner,
        shelf: Shelf,
        clock: Callable[[], datetime],
        *,
        hospital: str,
        phone: str,
        max_body: int,
    ) -> None:
        """`hospital` and the emergency `phone` stand on the page that is shown while the inner side is away."""
        self._settings, self._inner, self._shelf, self._clock, self._max = settings, inner, shelf, clock, max_body
        self._tokens = settings.tokens
        self._away = Template(AWAY.read_text("utf-8")).substitute(hospital=html.escape(hospital), phone=html.escape(phone))
        self._paces: OrderedDict[str, TokenBucket] = OrderedDict()
        self._asking = 0

    def app(self) -> web.Application:
        """Everything is one route: what is not on the list is not found."""
        app = web.Application(client_max_size=self._max, middlewares=[sound_headers])
        app.router.add_route("*", "/{path:.*}", self._counted)
        return app

    async def _counted(self, request: web.Request) -> web.StreamResponse:
        answer, outcome = await self._answer(request)
        ASKED.labels(outcome).inc()
        return answer

    async def _answer(self, request: web.Request) -> tuple[web.StreamResponse, str]:
        if not is_listed(request.raw_path, self._settings.paths):
            return _code("not_found", 404), "not_found"
        if request.method not in METHODS:
            return _code("method_not_allowed", 405), "not_found"
        token, address = self._tokens.get(request.path), self._address(request)
        if not self._may(address, sealed=token is not None and request.method == "POST"):
            return _code("too_many", 429), "too_many"
        if (request.content_length or 0) > self._max:
            return _code("too_large", 413), "too_large"
        try:
            body = await request.read()
        except web.HTTPRequestEntityTooLarge:
            return _code("too_large", 413), "too_large"
        except web.RequestPayloadError:
            return _code("bad_body", 400), "bad_body"
        if token is not None and request.method == "POST":
            return await self._keep(request, token, body, address)
        return await self._pass_on(request, body, address)

    async def _keep(self, request: web.Request, token: str, body: bytes, address: str) -> tuple[web.StreamResponse, str]:
        """A callback: checked by its signature alone, durable before it is acknowledged."""
        now = self._clock()
        try:
            check_sealed(token, request.query, body, now)
            await self._shelf.put(request.raw_path, request.headers.get("Content-Type", "text/xml"), now.isoformat(), body)
        except CallbackError as err:
            # Whoever guesses signatures is slowed down like anybody else.
            self._may(address, sealed=False)
            log.warning("callback refused", code=err.code, remote=address)
            return _code(err.code, err.status), err.code
        except (ShelfFull, OSError) as err:
            log.error("callback not kept", error=type(err).__name__)
            return _code("unavailable", 503), "unavailable"
        return web.Response(text="success"), "kept"

    async def _pass_on(self, request: web.Request, body: bytes, address: str) -> tuple[web.StreamResponse, str]:
        if self._asking >= self._settings.at_once:
            return self._sorry(request), "busy"
        self._asking += 1
        headers = [(name, value) for name, value in request.headers.items() if _goes_on(name)]
        headers += [("Host", request.host), ("X-Forwarded-For", address), ("X-Forwarded-Proto", "https")]
        head = {"method": request.method, "path": request.raw_path, "headers": headers}
        try:
            answer = await self._inner.ask(head, body, deadline=self._settings.deadline)
        except InnerAway:
            return self._sorry(request), "away"
        finally:
            self._asking -= 1
        if answer.status == 503 and not answer.body:
            # The line is there, and behind it the role that would have answered is not.
            return self._sorry(request), "away"
        return _response(answer), "answered"

    def _sorry(self, request: web.Request) -> web.StreamResponse:
        headers = {"Cache-Control": "no-store", "Retry-After": "60"}
        if "text/html" in request.headers.get("Accept", ""):
            return web.Response(status=503, text=self._away, content_type="text/html", headers=headers)
        return _code("away", 503, headers)

    def _address(self, request: web.Request) -> str:
        """Whoever asks, as the last of our own proxies saw him."""
        address = request.remote or ""
        hops = [hop.strip() for line in request.headers.getall("X-Forwarded-For", []) for hop in line.split(",")]
        if 0 < self._settings.proxies <= len(hops):
            address = hops[-self._settings.proxies]
        try:
            known = ipaddress.ip_address(address)
        except ValueError:
            return request.remote or ""
        # One household has a whole /64 of IPv6.
        return str(ipaddress.ip_network(f"{known}/64", strict=False).network_address) if known.version == 6 else str(known)

    def _may(self, address: str, *, sealed: bool) -> bool:
        """Whether this address may ask once more. The platform's callbacks come from few addresses and many at once: a signature is their
        entrance, and they count only when it is wrong."""
        bucket = self._paces.pop(address, None) or TokenBucket(self._settings.per_second, self._settings.burst)
        self._paces[address] = bucket
        if len(self._paces) > MOST_ADDRESSES:
            self._paces.popitem(last=False)
        if not sealed:
            return bucket.try_take(self._clock())
        allowed = bucket.try_take(self._clock())
        bucket.level += allowed
        return allowed


def _goes_on(name: str) -> bool:
    lower = name.lower()
    return lower not in ONE_HOP and not lower.startswith(OURS)


def _response(answer: Answer) -> web.Response:
    response = web.Response(status=answer.status, body=answer.body or None)
    response.headers.popall("Content-Type", None)
    for name, value in answer.headers:
        if _goes_on(name):
            response.headers.add(name, value)
    return response


def _code(code: str, status: int, headers: dict[str, Any] | None = None) -> web.Response:
    return web.json_response({"code": code}, status=status, headers=headers)
