"""Events to the accounts' callback addresses: plain or encrypted, three tries, 5 s each."""

import asyncio
import hashlib
import logging
import random
from collections import deque

import aiohttp
from wechatpy.crypto import WeChatCrypto

from integrations.weixin.simulator.config import AppConfig, CallbackTarget, Switches

logger = logging.getLogger(__name__)
TRIES = 3
AT_ONCE = 64


class Callbacks:
    """Sends events in background tasks; `log` holds what became of the last thousand tries."""

    def __init__(self, switches: Switches, rng: random.Random) -> None:
        self.log: deque[tuple[str, str]] = deque(maxlen=1000)
        self._switches, self._rng = switches, rng
        self._tasks: set[asyncio.Task[None]] = set()
        self._places = asyncio.Semaphore(AT_ONCE)
        self._http: aiohttp.ClientSession | None = None

    async def start(self) -> None:
        """Open the HTTP client."""
        self._http = aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=AT_ONCE))

    async def stop(self) -> None:
        """Drop what is under way and close the HTTP client."""
        for task in list(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        if self._http:
            await self._http.close()
            self._http = None

    async def idle(self) -> None:
        """Wait until nothing is under way."""
        while self._tasks:
            await asyncio.gather(*self._tasks, return_exceptions=True)

    def post(self, app: AppConfig, openid: str, event: str, xml: str, now: float) -> None:
        """Send one event; nothing happens if the account has no callback address."""
        if app.callback is None or self._http is None:
            return
        task = asyncio.get_running_loop().create_task(self._deliver(app, app.callback, openid, event, xml, str(int(now))))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def verify(self, target: CallbackTarget, now: float) -> bool:
        """The address check (GET with echostr) that the console makes; True if the answer is right."""
        echo = str(self._rng.randrange(10**18, 10**19))
        query = {**self._signed(target, str(int(now))), "echostr": echo}
        if self._http is None:
            return False
        try:
            async with self._http.get(target.url, params=query, timeout=self._timeout()) as reply:
                return reply.status == 200 and await reply.read() == echo.encode()
        except (aiohttp.ClientError, TimeoutError):
            return False

    async def _deliver(self, app: AppConfig, target: CallbackTarget, openid: str, event: str, xml: str, timestamp: str) -> None:
        for number in range(TRIES):
            if number:
                await asyncio.sleep(self._switches.callback_retry_delay)
            async with self._places:
                outcome = await self._try(app, target, openid, xml, timestamp)
            self.log.append((event, outcome))
            if outcome == "200":
                return
        logger.warning("event %s for %s given up: %s", event, app.appid, outcome)

    async def _try(self, app: AppConfig, target: CallbackTarget, openid: str, xml: str, timestamp: str) -> str:
        query, body = {**self._signed(target, timestamp), "openid": openid}, xml
        if target.encoding_aes_key:
            crypto = WeChatCrypto(target.token, target.encoding_aes_key, app.appid)
            body = crypto.encrypt_message(xml, query["nonce"], timestamp)
            signature = body.split("<MsgSignature><![CDATA[")[1].split("]]>")[0]
            encrypted = body.split("<Encrypt><![CDATA[")[1].split("]]>")[0]
            body = f"<xml><ToUserName><![CDATA[{app.username}]]></ToUserName><Encrypt><![CDATA[{encrypted}]]></Encrypt></xml>"
            query |= {"encrypt_type": "aes", "msg_signature": signature}
        if self._http is None:
            return "stopped"
        try:
            headers = {"Content-Type": "text/xml"}
            async with self._http.post(target.url, params=query, data=body.encode(), headers=headers, timeout=self._timeout()) as reply:
                await reply.read()
                return str(reply.status)
        except TimeoutError:
            return "timeout"
        except aiohttp.ClientError as err:
            return type(err).__name__

    def _signed(self, target: CallbackTarget, timestamp: str) -> dict[str, str]:
        nonce = str(self._rng.randrange(10**9, 10**10))
        joined = "".join(sorted((target.token, timestamp, nonce))).encode()
        return {"signature": hashlib.sha1(joined, usedforsecurity=False).hexdigest(), "timestamp": timestamp, "nonce": nonce}

    def _timeout(self) -> aiohttp.ClientTimeout:
        return aiohttp.ClientTimeout(total=self._switches.callback_timeout)
