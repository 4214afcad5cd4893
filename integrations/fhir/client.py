"""Another FHIR server, asked for what has changed there: page by page, never further than its own address."""

import base64
import json
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from urllib.parse import urlencode, urljoin, urlsplit

import aiohttp

from integrations.fhir.bundle import next_link
from integrations.fhir.document import FhirError, items, parse, text
from integrations.fhir.write import instant

# A page of a hundred resources has some 200 kB; with documents inside it may be fifty times that.
MAX_PAGE = 16 << 20
MAX_PAGES = 10_000
MAX_TOKEN = 64 << 10
TIMEOUT = 30.0
# Answers that say "not now": the same request may be right a moment later.
PASSING = frozenset({408, 425, 429, 500, 502, 503, 504})


@dataclass(frozen=True)
class Address:
    """Where the server is, and who we are there: nobody, the bearer of `secret`, or (with a `token_url`) its client `client_id`."""

    base: str
    secret: str = ""
    token_url: str = ""
    client_id: str = ""


class FhirServer:
    """A server at `address`. Raises FhirError (`unreachable`, `http_<status>`, `bad_token`, `elsewhere` …)."""

    def __init__(self, session: aiohttp.ClientSession, address: Address, clock: Callable[[], datetime]) -> None:
        self._session, self._address, self._clock = session, address, clock
        self._base = address.base.rstrip("/") + "/"
        self._token: tuple[str, datetime] | None = None
        scheme, host, _ = _origin(self._base)
        if scheme not in ("http", "https") or not host:
            raise FhirError("bad_address")

    async def changed_since(self, kind: str, mark: datetime | None, *, count: int = 100) -> AsyncIterator[list[dict[str, Any]]]:
        """The resources of `kind` that changed at `mark` or later (None: all), the earliest first, a page at a time."""
        asked = {"_sort": "_lastUpdated", "_count": str(count)}
        if mark is not None:
            asked["_lastUpdated"] = f"ge{instant(mark)}"
        url: str | None = f"{self._base}{kind}?{urlencode(asked)}"
        seen: set[str] = set()
        while url is not None:
            if url in seen or len(seen) >= MAX_PAGES:
                raise FhirError("endless", path="Bundle.link")
            seen.add(url)
            page = await self._get(url)
            if page["resourceType"] != "Bundle" or text(page, "type") != "searchset":
                raise FhirError("not_a_searchset")
            found = [each.get("resource") for each in page_entries(page) if text(each, "search", "mode") in ("match", None)]
            yield [each for each in found if isinstance(each, dict) and each.get("resourceType") == kind]
            url = self._further(url, next_link(page))

    def _further(self, here: str, link: str | None) -> str | None:
        """The next page's address. A server that sends us elsewhere is not followed: what it names may be ours alone to reach."""
        if link is None:
            return None
        try:
            url = urljoin(here, link)
        except ValueError as err:
            raise FhirError("elsewhere", path="Bundle.link") from err
        if _origin(url) != _origin(self._base) or not urlsplit(url).path.startswith(urlsplit(self._base).path.rstrip("/")):
            raise FhirError("elsewhere", path="Bundle.link")
        return url

    async def _get(self, url: str) -> dict[str, Any]:
        headers = {"Accept": "application/fhir+json"}
        if self._address.secret:
            headers["Authorization"] = f"Bearer {await self._bearer()}"
        status, body = await self._send("GET", url, MAX_PAGE, headers=headers)
        if status == 401:
            self._token = None
        if status != 200:
            raise FhirError(f"http_{status}", permanent=status not in PASSING and status != 401)
        return parse(body, max_bytes=MAX_PAGE)

    async def _bearer(self) -> str:
        """Our token, got anew a minute before it ends."""
        if not self._address.token_url:
            return self._address.secret
        now = self._clock()
        if self._token is None or self._token[1] <= now:
            header = base64.b64encode(f"{self._address.client_id}:{self._address.secret}".encode()).decode()
            form = {"grant_type": "client_credentials"}
            status, body = await self._send(
                "POST", self._address.token_url, MAX_TOKEN, headers={"Authorization": f"Basic {header}"}, data=form
            )
            told = _token(body) if status == 200 else None
            if told is None:
                raise FhirError("bad_token", permanent=False)
            self._token = (told[0], now + timedelta(seconds=max(told[1] - 60, 30)))
        return self._token[0]

    async def _send(self, method: str, url: str, most: int, **more: Any) -> tuple[int, bytes]:
        timeout = aiohttp.ClientTimeout(total=TIMEOUT)
        try:
            # A redirect could lead anywhere, with our token.
            async with self._session.request(method, url, allow_redirects=False, timeout=timeout, **more) as response:
                body = bytearray()
                async for piece in response.content.iter_chunked(1 << 16):
                    body += piece
                    if len(body) > most:
                        raise FhirError("too_large")
                return response.status, bytes(body)
        except (aiohttp.ClientError, TimeoutError, OSError, UnicodeError) as err:
            raise FhirError("unreachable", permanent=False) from err


def page_entries(page: dict[str, Any]) -> list[dict[str, Any]]:
    """The entries of a page, however many a server puts on it."""
    given = page.get("entry")
    return [each for each in given if isinstance(each, dict)] if isinstance(given, list) else list(items(page, "entry"))


def _origin(url: str) -> tuple[str, str | None, int | None]:
    try:
        parts = urlsplit(url)
        return parts.scheme, parts.hostname, parts.port or {"http": 80, "https": 443}.get(parts.scheme)
    except ValueError as err:
        raise FhirError("elsewhere", path="Bundle.link") from err


def _token(body: bytes) -> tuple[str, int] | None:
    """Token and seconds of RFC 6749's answer."""
    try:
        told = json.loads(body)
        token, lasts = told["access_token"], int(told.get("expires_in", 60))
    except (ValueError, TypeError, KeyError, RecursionError):
        return None
    fits = isinstance(token, str) and token.isascii() and token.isprintable() and 0 < len(token) < 10_000 and 0 < lasts < 1 << 31
    return (token, lasts) if fits else None
