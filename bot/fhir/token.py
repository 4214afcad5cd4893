"""POST /fhir/token: OAuth 2.0 client credentials (RFC 6749 §4.4), an opaque token that lasts some minutes."""

import asyncio
import base64
import binascii
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from urllib.parse import parse_qsl, unquote_plus

import structlog
from aiohttp import web
from sqlalchemy import select

from bot.fhir.body import read_body
from bot.fhir.scope import granted
from bot.fhir.secret import hash_token, is_secret, new_secret
from bot.limiter import Limiter
from records.database import Database
from records.fhir_client import FhirClient, FhirToken, end_tokens

log = structlog.get_logger(__name__)

MOST_BYTES = 8 << 10
# Per minute. A program needs one token in ten minutes; many may stand behind one address.
TRIES_OF_CLIENT, TRIES_FROM_ADDRESS = 10, 60
# Each check takes 19 MiB: no more of them at once.
CHECKS = 2


class OAuthRefusal(Exception):
    """No token: RFC 6749 §5.2's error with its status."""

    permanent = True

    def __init__(self, code: str, status: int = 400) -> None:
        super().__init__(code)
        self.code, self.status = code, status


@dataclass(frozen=True)
class Asked:
    """What the program asks with."""

    client_id: str
    secret: str
    scopes: tuple[str, ...]


class TokenDesk:
    """Gives tokens. One in a process, so that tries are counted."""

    def __init__(self, db: Database, clock: Callable[[], datetime], *, lasts: timedelta) -> None:
        self._db, self._clock, self._lasts = db, clock, lasts
        self._of_client, self._from_address = Limiter(TRIES_OF_CLIENT), Limiter(TRIES_FROM_ADDRESS)
        self._checks = asyncio.Semaphore(CHECKS)

    async def answer(self, request: web.Request) -> web.Response:
        """A token, or RFC 6749's error."""
        try:
            body = await self._grant(request)
            return web.json_response(body, headers={"Cache-Control": "no-store", "Pragma": "no-cache"})
        except OAuthRefusal as err:
            log.warning("no FHIR token", code=err.code, remote=request.remote)
            headers = {"Cache-Control": "no-store"}
            if err.status == 401:
                headers["WWW-Authenticate"] = 'Basic realm="careloop"'
            if err.status == 429:
                headers["Retry-After"] = "60"
            return web.json_response({"error": err.code}, status=err.status, headers=headers)

    async def _grant(self, request: web.Request) -> dict[str, Any]:
        now = self._clock()
        if not self._from_address.may(request.remote or "", now):
            raise OAuthRefusal("slow_down", 429)
        asked = await _asked(request)
        # By address too: who guesses elsewhere must not shut the program itself out.
        if not self._of_client.may(f"{request.remote} {asked.client_id}", now):
            raise OAuthRefusal("slow_down", 429)
        async with self._db.transaction() as tx:
            client = await tx.scalar(select(FhirClient).where(FhirClient.client_id == asked.client_id, FhirClient.revoked_at.is_(None)))
        async with self._checks:
            known = await asyncio.to_thread(is_secret, asked.secret, client.secret_hash if client is not None else None)
        if client is None or not known:
            raise OAuthRefusal("invalid_client", 401)
        scopes = granted(client.scopes, asked.scopes)
        if not scopes:
            raise OAuthRefusal("invalid_scope")
        token = new_secret()
        async with self._db.transaction() as tx:
            await end_tokens(tx, client.id, before=now)
            tx.add(FhirToken(token_hash=hash_token(token), client_id=client.id, scopes=scopes, issued_at=now, expires_at=now + self._lasts))
        lasts = int(self._lasts.total_seconds())
        return {"access_token": token, "token_type": "Bearer", "expires_in": lasts, "scope": " ".join(scopes)}


async def _asked(request: web.Request) -> Asked:
    if request.content_type != "application/x-www-form-urlencoded":
        raise OAuthRefusal("invalid_request")
    body = await read_body(request, MOST_BYTES)
    if len(body) > MOST_BYTES:
        raise OAuthRefusal("invalid_request")
    try:
        pairs = parse_qsl(body.decode("ascii"), keep_blank_values=True, max_num_fields=20, errors="strict")
    except ValueError as err:
        raise OAuthRefusal("invalid_request") from err
    form = dict(pairs)
    # A parameter that comes twice is an error (§3.2), and a way to show two checks two values.
    if len(form) != len(pairs):
        raise OAuthRefusal("invalid_request")
    if form.get("grant_type") != "client_credentials":
        raise OAuthRefusal("unsupported_grant_type" if "grant_type" in form else "invalid_request")
    basic = _basic(request.headers.get("Authorization"))
    client_id, secret = basic or (form.get("client_id", ""), form.get("client_secret", ""))
    if not client_id or not secret or "\0" in client_id:
        raise OAuthRefusal("invalid_client", 401)
    return Asked(client_id, secret, tuple(form.get("scope", "").split()[:50]))


def _basic(header: str | None) -> tuple[str, str] | None:
    """Client id and secret of an Authorization header (§2.3.1); None where there is none."""
    if header is None:
        return None
    kind, _, given = header.partition(" ")
    try:
        name, colon, secret = base64.b64decode(given.strip(), validate=True).decode("utf-8").partition(":")
    except (binascii.Error, ValueError) as err:
        raise OAuthRefusal("invalid_client", 401) from err
    if kind.lower() != "basic" or not colon:
        raise OAuthRefusal("invalid_client", 401)
    return unquote_plus(name), unquote_plus(secret)
