"""Calls to WeChat's API through wechatpy, in threads: shared token, time-out, a few retries, errors by number.

What wechatpy 1.8.18 does badly is kept out of its hands: it never fetches a token (its fetch has no time-out, no lock, and a fixed
address), never retries by itself (it would retry for ever), and never sees a token of ours but for the call at hand.
"""

import asyncio
import random
import threading
from collections.abc import Awaitable, Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta
from typing import Any

import requests
import urllib3.exceptions
from wechatpy import WeChatClient
from wechatpy.exceptions import WeChatClientException

from integrations.wecom.token import TokenStore, token_key
from integrations.weixin.errors import WeixinError, weixin_error

RETRIES = 2  # after the first try


class _NoAnswer(Exception):
    """No usable answer; ``reached`` is False when the request surely never left."""

    def __init__(self, code: str, detail: str, *, reached: bool = True) -> None:
        super().__init__(code, detail)
        self.code, self.detail, self.reached = code, detail, reached


class WeixinClient:
    """One (appid, secret) at WeChat's API.

    ``base_url`` ends before ``/cgi-bin``. ``timeout`` (s) is for one try. ``threads`` calls run at once. All calls raise WeixinError.
    Tokens come from ``stable_token`` and live in ``tokens``, so that one process fetches for all, and none ends another's token.
    """

    def __init__(
        self,
        base_url: str,
        appid: str,
        secret: str,
        tokens: TokenStore,
        clock: Callable[[], datetime],
        *,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
        rng: random.Random | None = None,
        timeout: float = 5.0,
        threads: int = 8,
    ) -> None:
        self._base, self.appid, self._secret = base_url.rstrip("/") + "/", appid, secret
        self._tokens, self._clock, self._sleep = tokens, clock, sleep
        self._rng = rng or random.Random()  # noqa: S311 - spreads retries, guards nothing
        self._key, self._timeout = token_key(appid, secret, "weixin"), timeout
        self._pool = ThreadPoolExecutor(threads, thread_name_prefix="weixin")
        self._own = threading.local()
        self._refused: tuple[datetime, int] | None = None

    def close(self) -> None:
        """Let go of the threads; calls under way end by themselves within the time-out."""
        self._pool.shutdown(wait=False, cancel_futures=True)

    async def post(self, path: str, body: Mapping[str, Any], *, repeatable: bool) -> dict[str, Any]:
        """``POST /<path>`` with JSON; the reply. Not ``repeatable``: what may have been carried out is ``unknown_outcome``."""
        return await self._call("post", path, {}, dict(body), repeatable)

    async def get(self, path: str, **params: str) -> dict[str, Any]:
        """``GET /<path>``; the reply."""
        return await self._call("get", path, params, None, True)

    async def login(self, code: str) -> dict[str, Any]:
        """Who opened the mini program: ``openid`` and, with a bound open platform, ``unionid``. Raises ``login_code``: wrong or used."""
        return await self._whose("sns/jscode2session", js_code=code)

    async def web_login(self, code: str) -> dict[str, Any]:
        """Who opened a page by the account's authorize address: ``openid``. Raises ``login_code``: wrong, used or expired."""
        return await self._whose("sns/oauth2/access_token", code=code)

    async def token(self) -> str:
        """A token that should work now, for whoever looks whether the settings are right."""
        return await self._token(None)

    async def _whose(self, path: str, **code: str) -> dict[str, Any]:
        # By the secret itself. The empty token keeps wechatpy from fetching one of its own.
        params = {"appid": self.appid, "secret": self._secret, **code, "grant_type": "authorization_code", "access_token": ""}
        reply = await self._try("get", path, params, None)
        self._refuse(reply, path)
        if not isinstance(reply.get("openid"), str):
            raise WeixinError("garbage_reply", permanent=False, detail=path)
        return reply

    async def _call(self, method: str, path: str, params: dict[str, str], body: dict[str, Any] | None, repeatable: bool) -> dict[str, Any]:
        token, renewed, doubtful, retries = await self._token(None), False, False, 0
        while True:
            try:
                reply = await self._send(method, path, {**params, "access_token": token}, body)
                self._refuse(reply, path)
                return reply
            except _NoAnswer as none:
                doubtful = doubtful or none.reached
                error = WeixinError(none.code, permanent=False, detail=f"{path}: {none.detail}")
                if doubtful and not repeatable:
                    raise WeixinError("unknown_outcome", permanent=False, detail=error.detail) from None
            except WeixinError as refused:
                error = refused
                if error.code == "token_stale" and not renewed:
                    token, renewed = await self._token(token), True
                    continue
                if error.code == "token_stale":
                    # A fresh token that is refused: the platform, not the token, is the trouble.
                    raise WeixinError("busy", permanent=False, errcode=error.errcode, detail=path) from None
                if error.code != "busy":
                    raise
            if retries >= RETRIES:
                code = "unknown_outcome" if doubtful and body is not None else error.code
                raise WeixinError(code, permanent=False, errcode=error.errcode, detail=error.detail)
            retries += 1
            # 0.5, 1 s, each half to one and a half times, so that workers do not come back together.
            await self._sleep(0.25 * 2**retries * (0.5 + self._rng.random()))

    async def _token(self, stale: str | None) -> str:
        now = self._clock()
        held = await self._tokens.get(self._key, now) if stale is None else None
        return held or await self._tokens.refresh(self._key, stale, lambda: self._fetch(stale), now)

    async def _fetch(self, stale: str | None) -> tuple[str, int]:
        if self._refused and self._clock() < self._refused[0]:
            raise weixin_error(self._refused[1], detail="stable_token: refused a moment ago")
        token, expires_in = await self._ask(False)
        if token == stale:
            # The platform refuses a token that it still hands out: only a forced one helps (20 a day, 30 s apart).
            token, expires_in = await self._ask(True)
        return token, expires_in

    async def _ask(self, force: bool) -> tuple[str, int]:
        body = {"grant_type": "client_credential", "appid": self.appid, "secret": self._secret, "force_refresh": force}
        reply = await self._try("post", "cgi-bin/stable_token", {"access_token": ""}, body)
        errcode = reply.get("errcode") or 0
        if errcode:
            error = weixin_error(errcode, detail="stable_token")
            # 40001 says here that the secret is wrong, not that a token is.
            code = "bad_secret" if error.code == "token_stale" else error.code
            if error.permanent or code == "bad_secret":
                self._refused = (self._clock() + timedelta(minutes=1), errcode)
            raise WeixinError(code, permanent=code == "bad_secret" or error.permanent, errcode=errcode, detail="stable_token")
        token, expires_in = reply.get("access_token"), reply.get("expires_in")
        if not (isinstance(token, str) and token and isinstance(expires_in, int)):
            raise WeixinError("garbage_reply", permanent=False, detail="stable_token")
        return token, expires_in

    async def _try(self, method: str, path: str, params: dict[str, str], body: dict[str, Any] | None) -> dict[str, Any]:
        """A call that is made again when nothing came of it."""
        for attempt in range(RETRIES + 1):
            try:
                reply = await self._send(method, path, params, body)
                if reply.get("errcode") != -1 or attempt == RETRIES:
                    return reply
            except _NoAnswer as none:
                if attempt == RETRIES:
                    raise WeixinError(none.code, permanent=False, detail=f"{path}: {none.detail}") from None
            await self._sleep(0.5 * 2**attempt * (0.5 + self._rng.random()))
        raise AssertionError

    def _refuse(self, reply: Mapping[str, Any], path: str) -> None:
        if reply.get("errcode"):
            raise weixin_error(reply["errcode"], detail=path)

    async def _send(self, method: str, path: str, params: dict[str, str], body: dict[str, Any] | None) -> dict[str, Any]:
        reply = await asyncio.get_running_loop().run_in_executor(self._pool, self._blocking, method, path, params, body)
        if not isinstance(reply, dict) or not isinstance(reply.get("errcode", 0), int):
            raise _NoAnswer("garbage_reply", "not a JSON object")
        return reply

    def _blocking(self, method: str, path: str, params: dict[str, str], body: dict[str, Any] | None) -> Any:
        """In a thread. The thread's own client: requests' sessions are not made to be shared."""
        client = getattr(self._own, "client", None)
        if client is None:
            client = self._own.client = WeChatClient(self.appid, "", timeout=self._timeout, auto_retry=False)
            client.API_BASE_URL = self._base
        given = {} if body is None else {"data": body}
        try:
            return getattr(client, method)(path, params=params, allow_redirects=False, **given)
        # `from None` all along: requests writes the whole address, with the token, into its errors.
        except WeChatClientException as err:
            if err.errcode is None:
                status = err.response.status_code if err.response is not None else 0
                raise _NoAnswer("unreachable" if status >= 500 else "garbage_reply", f"HTTP {status}") from None
            return {"errcode": err.errcode}
        except requests.RequestException as err:
            raise _NoAnswer("unreachable", type(err).__name__, reached=not _never_left(err)) from None
        except (ValueError, TypeError, RecursionError) as err:
            raise _NoAnswer("garbage_reply", type(err).__name__) from None


def _never_left(err: requests.RequestException) -> bool:
    """Whether no connection came about, so that the request cannot have had an effect."""
    if isinstance(err, requests.exceptions.ConnectTimeout | requests.exceptions.SSLError):
        return True
    reason = getattr(err.args[0], "reason", None) if err.args else None
    return isinstance(reason, urllib3.exceptions.NewConnectionError)
