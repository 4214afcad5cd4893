"""Calls to WeCom's server: token, limits, retries, errors (doc:91039, doc:90313)."""

import asyncio
import json
import random
from collections.abc import Awaitable, Callable, Mapping
from datetime import datetime, timedelta
from typing import Any

import aiohttp

from integrations.wecom.errors import MEANINGS, WecomError, bad_request, wecom_error
from integrations.wecom.limits import Blocks, Limiter, Pace, member_limiter
from integrations.wecom.token import TokenStore, token_key
from integrations.wecom.transport import Call, File, Media, NoAnswerError, Transport

RETRIES = 3  # after the first try; WeCom's own advice for -1

# A second run of these does something a second time (another message, another task, an unlawful state change), unless the named
# field gives WeCom the means to refuse or swallow the copy.
NOT_REPEATABLE: dict[str, str | None] = {
    "kf/send_msg": "msgid",
    "kf/send_msg_on_event": "msgid",
    "kf/account/add": None,
    "kf/service_state/trans": None,
    "message/send": "enable_duplicate_check",
    "message/update_template_card": None,
    "externalcontact/send_welcome_msg": None,
    "externalcontact/add_msg_template": None,
    "externalcontact/remind_groupmsg_send": None,
}


class WecomClient:
    """One (corp, secret) at one WeCom server.

    ``base_url`` ends before ``/cgi-bin``. ``timeout`` (s) is for one try, six times that for a file; no try begins later than
    ``patience`` (s) after the call. All calls raise WecomError.
    The token travels in the query string only; an error never carries a URL, since that would carry the token into a log.
    """

    def __init__(
        self,
        session: aiohttp.ClientSession,
        base_url: str,
        corp_id: str,
        secret: str,
        tokens: TokenStore,
        clock: Callable[[], datetime],
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
        rng: random.Random | None = None,
        timeout: float = 5.0,
        patience: float = 20.0,
        limiter: Limiter | None = None,
        pace: Pace | None = None,
    ) -> None:
        self._transport = Transport(session, base_url, timeout)
        self._corp_id, self._secret, self.tokens, self.clock = corp_id, secret, tokens, clock
        self._key, self._sleep = token_key(corp_id, secret), sleep
        self._rng = rng or random.Random()  # noqa: S311 - spreads retries, guards nothing
        self._limiter, self._members, self._blocks = limiter or Limiter(), member_limiter(), Blocks()
        self._patience, self._pace = timedelta(seconds=patience), pace
        self._refused: tuple[datetime, int] | None = None

    def ticket_key(self, kind: str) -> str:
        """The token store's key for another short-lived secret of this app, such as a JS ticket."""
        return token_key(self._corp_id, self._secret, kind)

    async def get(self, path: str, **params: str | int) -> dict[str, Any]:
        """``GET /cgi-bin/<path>``; the reply, whose ``errcode`` is 0."""
        reply = await self._call(Call("GET", path, {name: str(value) for name, value in params.items()}))
        return _json_reply(reply)

    async def post(self, path: str, body: Mapping[str, Any], *, repeat: bool = False, bulk: bool = False) -> dict[str, Any]:
        """``POST /cgi-bin/<path>`` with JSON in raw UTF-8; the reply, whose ``errcode`` is 0.

        A send without an identity (``msgid``, duplicate check) whose outcome is not known raises ``unknown_outcome``: the caller
        decides. With one, it is tried again; a refusal of the copy is ``duplicate_message`` or, when the reason leaves doubt,
        ``unknown_outcome``. ``repeat`` says that an earlier call with this identity ended so.
        ``bulk`` calls leave some of the limit that all processes share to the others.
        """
        identity = NOT_REPEATABLE.get(path)
        has_id = identity is not None and bool(body.get(identity))
        try:
            raw = json.dumps(body, ensure_ascii=False, allow_nan=False).encode()
        except ValueError as err:
            raise bad_request(f"{path}: the body cannot be written as JSON in UTF-8") from err
        call = Call("POST", path, body=raw, repeatable=path not in NOT_REPEATABLE or has_id, has_id=has_id)
        return _json_reply(await self._call(call, doubtful=repeat, bulk=bulk))

    async def upload(self, path: str, file: File, **params: str | int) -> dict[str, Any]:
        """``POST /cgi-bin/<path>`` with ``file`` as the multipart field ``media``; the reply, whose ``errcode`` is 0."""
        return _json_reply(await self._call(Call("POST", path, {name: str(value) for name, value in params.items()}, file=file)))

    async def download(self, media_id: str) -> Media:
        """A temporary media file. Raises ``media_gone`` after its 3 days and ``too_large`` above 20 MB."""
        media = await self._call(Call("GET", "media/get", {"media_id": media_id}, binary=True))
        if not isinstance(media, Media):
            raise WecomError("garbage_reply", detail="media/get")
        return media

    async def pace_members(self, agentid: int, userids: list[str]) -> None:
        """Wait until one more application message to each member cannot be dropped silently."""
        await self._pause(self._members.longest((f"{agentid}:{userid}" for userid in userids), self.clock()))

    async def _call(self, call: Call, *, doubtful: bool = False, bulk: bool = False) -> dict[str, Any] | Media:
        """Retry table: stale token once; -1, 45033 and (when repeatable) no usable answer up to RETRIES times; all else never."""
        started, renewed, tried, retries = self.clock(), False, doubtful, 0
        token = await self._token(None)
        while True:
            if self._pace is not None and self._pace.keeps(call.path):
                await self._pace.take(call.path, bulk=bulk)
            else:
                await self._pause(self._limiter.delay(call.path, self.clock()))
            try:
                reply = await self._transport.send(call, {"access_token": token})
            except NoAnswerError as err:
                doubtful = doubtful or err.reached
                tried = tried or err.reached
                if doubtful and not call.repeatable:
                    raise WecomError("unknown_outcome", detail=f"{call.path}: {err.detail}") from None
                if not self._may_retry(retries, started):
                    code = "unknown_outcome" if doubtful and call.path in NOT_REPEATABLE else err.code
                    raise WecomError(code, detail=f"{call.path}: {err.detail}") from None
                retries += 1
                await self._back_off(retries)
                continue
            errcode = 0 if isinstance(reply, Media) else reply["errcode"]
            if errcode == 0:
                return reply
            error = self._error(call, errcode, tried=tried, doubtful=doubtful)
            tried = True
            if error.code == "token_stale" and not renewed:
                try:
                    token, renewed = await self._token(token), True
                except WecomError as err:
                    raise self._settled(call, err, doubtful) from None
            elif error.code in ("busy", "concurrency") and self._may_retry(retries, started):
                retries += 1
                await self._back_off(retries)
            else:
                raise self._settled(call, error, doubtful)

    def _error(self, call: Call, errcode: int, *, tried: bool = False, doubtful: bool = False) -> WecomError:
        # WeCom's table has no number for a repeated msgid: a refusal of a repeat that no rule explains is read as that.
        listed = MEANINGS.get(errcode)
        if call.has_id and ((tried and listed is None) or (doubtful and listed is not None and listed.code == "bad_request")):
            return WecomError("duplicate_message", errcode=errcode, permanent=True, detail=call.path)
        pause = self._blocks.hit(call.path, self.clock()) if errcode == 45009 else None
        return wecom_error(errcode, detail=call.path, retry_after=pause)

    def _settled(self, call: Call, error: WecomError, doubtful: bool) -> WecomError:
        # The lost first try may have been carried out (and may be what filled the quota): a refusal now does not tell.
        if doubtful and call.path in NOT_REPEATABLE and error.code != "duplicate_message":
            return WecomError("unknown_outcome", errcode=error.errcode, retry_after=error.retry_after, detail=call.path)
        return error

    async def _token(self, stale: str | None) -> str:
        now = self.clock()
        held = await self.tokens.get(self._key, now) if stale is None else None
        return held or await self.tokens.refresh(self._key, stale, self._fetch_token, now)

    async def _fetch_token(self) -> tuple[str, int]:
        if self._refused and self.clock() < self._refused[0]:
            raise wecom_error(self._refused[1], detail="gettoken: refused a moment ago")
        call, started, retries = Call("GET", "gettoken"), self.clock(), 0
        while True:
            try:
                reply = _json_reply(await self._transport.send(call, {"corpid": self._corp_id, "corpsecret": self._secret}))
            except NoAnswerError as err:
                error = WecomError(err.code, detail=f"gettoken: {err.detail}")
            else:
                token, expires_in = reply.get("access_token"), reply.get("expires_in")
                if reply["errcode"] == 0 and isinstance(token, str) and token and isinstance(expires_in, int):
                    return token, expires_in
                error = self._error(call, reply["errcode"]) if reply["errcode"] else WecomError("garbage_reply", detail="gettoken")
                if error.code == "bad_secret":
                    # About 2000 failed calls in an hour block gettoken for an hour: one a minute is far from it.
                    self._refused = (self.clock() + timedelta(minutes=1), reply["errcode"])
                if error.code not in ("busy", "concurrency", "garbage_reply"):
                    raise error
            if not self._may_retry(retries, started):
                raise error
            retries += 1
            await self._back_off(retries)

    def _may_retry(self, retries: int, started: datetime) -> bool:
        return retries < RETRIES and self.clock() - started < self._patience

    async def _back_off(self, retry: int) -> None:
        # 0.5, 1, 2 s, each half to one and a half times, so that workers do not come back together.
        await self._sleep(0.25 * 2**retry * (0.5 + self._rng.random()))

    async def _pause(self, seconds: float) -> None:
        if seconds > 0:
            await self._sleep(seconds)


def _json_reply(reply: dict[str, Any] | Media) -> dict[str, Any]:
    if isinstance(reply, Media):
        raise WecomError("garbage_reply")
    return reply
