"""A provider reached by one signed POST of JSON (docs/push.md says what it is asked and what it answers)."""

import asyncio
import hashlib
import json
import random
from collections.abc import Awaitable, Callable
from datetime import datetime
from typing import Any
from urllib.parse import urlsplit

import aiohttp

from integrations.push import PushRefused
from integrations.sms.number import mobile
from integrations.sms.port import Accepted, Text
from integrations.sms.signature import NONCE, SIGNATURE, TIME, sign

MAX_REPLY = 64 << 10
RETRIES = 2  # after the first try; the request id makes a repeat harmless

# What the provider's `code` means to us, and whether the same text can ever go out.
CODES: dict[str, tuple[str, bool]] = {
    "bad_phone": ("bad_address", True),
    "opted_out": ("opted_out", True),
    "bad_signature": ("bad_secret", True),
    "bad_app": ("bad_secret", True),
    "not_granted": ("not_granted", True),
    "no_balance": ("not_granted", False),
    "bad_sign_name": ("bad_template", True),
    "bad_template": ("bad_template", True),
    "bad_variable": ("bad_field", True),
    "content_refused": ("content_refused", True),
    "over_quota": ("over_quota", False),
    "rate_limited": ("rate_limited", False),
    "busy": ("busy", False),
}
_LATER = {"over_quota": 3600.0, "rate_limited": 60.0}


class HttpSmsProvider:
    """An SmsProvider. ``url`` is posted to; ``timeout`` (s) is for one try."""

    def __init__(
        self,
        session: aiohttp.ClientSession,
        url: str,
        app_id: str,
        secret: str,
        clock: Callable[[], datetime],
        *,
        rng: random.Random,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
        timeout: float = 5.0,
    ) -> None:
        self._session, self._url, self._app_id, self._secret, self._clock = session, url, app_id, secret, clock
        self._rng, self._sleep = rng, sleep
        self._path = urlsplit(url).path or "/"
        self._timeout = aiohttp.ClientTimeout(total=timeout)

    async def send(self, text: Text, key: str) -> Accepted:
        """See SmsProvider."""
        body = json.dumps(
            {
                "app_id": self._app_id,
                "request_id": request_id(key),
                "phone": mobile(text.phone),
                "sign_name": text.sign,
                "template_id": text.template,
                "variables": dict(text.variables),
            },
            ensure_ascii=False,
        ).encode()
        for attempt in range(RETRIES + 1):
            try:
                return _read(await self._post(body))
            except PushRefused as refused:
                if refused.code not in ("busy", "unreachable", "unknown_outcome") or attempt == RETRIES:
                    raise
            await self._sleep(0.5 * 2**attempt * (0.5 + self._rng.random()))
        raise AssertionError

    async def check(self) -> None:
        """Ask whether application and signature are right, sending nothing: a text without a number must be ``bad_phone``.

        Raises PushRefused for anything else.
        """
        body = json.dumps({"app_id": self._app_id, "request_id": request_id("check"), "phone": "", "sign_name": "", "template_id": ""})
        try:
            _read(await self._post(body.encode()))
        except PushRefused as refused:
            if refused.code == "bad_address":
                return
            raise
        raise PushRefused("garbage_reply", permanent=False, detail="a text without a number was taken")

    async def _post(self, body: bytes) -> dict[str, Any]:
        timestamp, nonce = str(int(self._clock().timestamp())), f"{self._rng.getrandbits(128):032x}"
        signed = sign(self._secret, method="POST", path=self._path, timestamp=timestamp, nonce=nonce, body=body)
        headers = {"Content-Type": "application/json; charset=utf-8", TIME: timestamp, NONCE: nonce, SIGNATURE: signed}
        try:
            async with self._session.post(self._url, data=body, headers=headers, timeout=self._timeout, allow_redirects=False) as answer:
                if answer.status >= 500:
                    raise PushRefused("busy", permanent=False, detail=f"HTTP {answer.status}")
                raw = await answer.content.read(MAX_REPLY)
                status = answer.status
        except (aiohttp.ClientConnectorError, aiohttp.ConnectionTimeoutError) as err:
            raise PushRefused("unreachable", permanent=False, detail=type(err).__name__) from None
        except (aiohttp.ClientError, TimeoutError) as err:
            raise PushRefused("unknown_outcome", permanent=False, detail=type(err).__name__) from None
        try:
            reply = json.loads(raw)
        except (ValueError, RecursionError):
            reply = None
        if not isinstance(reply, dict) or not isinstance(reply.get("code"), str):
            # The same text again under the same id is harmless, so nothing is lost by trying later.
            raise PushRefused("garbage_reply", permanent=False, detail=f"HTTP {status}")
        return reply


def _read(reply: dict[str, Any]) -> Accepted:
    if reply["code"] == "ok":
        message_id = reply.get("message_id")
        if not isinstance(message_id, str) or not message_id:
            raise PushRefused("garbage_reply", permanent=False, detail="no message_id")
        return Accepted(message_id, repeated=reply.get("repeated") is True)
    code, permanent = CODES.get(reply["code"], ("unknown_errcode", True))
    raise PushRefused(code, permanent=permanent, retry_after=_LATER.get(code), detail=f"provider says {reply['code'][:40]!r}")


def request_id(key: str) -> str:
    """The provider's name for our key: 32 hex digits."""
    return hashlib.sha256(key.encode()).hexdigest()[:32]
