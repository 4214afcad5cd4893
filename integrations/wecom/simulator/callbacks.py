"""Encrypted event delivery: time-out, retries, and on demand duplicates, disorder, delay and loss."""

import asyncio
import logging
import random
from collections import deque
from dataclasses import dataclass

import aiohttp
import xmltodict
from wechatpy.enterprise.crypto import WeChatCrypto

from integrations.wecom.simulator.clock import SimClock, iso
from integrations.wecom.simulator.config import AppConfig, CallbackTarget, Switches
from integrations.wecom.simulator.errors import ControlError

logger = logging.getLogger(__name__)
AT_ONCE = 64
REORDER_BATCH = 5
REORDER_WAIT = 0.1  # real seconds: a lone event is not kept longer for company


@dataclass
class CallbackSettings:
    """How delivery misbehaves. `duplicate` extra copies of each event; `reorder` shuffles neighbours; `hold` keeps events
    until it is switched off; `lose` drops that many events."""

    duplicate: int = 0
    reorder: bool = False
    hold: bool = False
    lose: int = 0


@dataclass
class Attempt:
    """One try of one event, for the delivery log."""

    agentid: int
    event: str
    at: float
    outcome: str


class Callbacks:
    """Sends events to the apps' callback addresses in background tasks."""

    def __init__(self, corp_id: str, switches: Switches, clock: SimClock, rng: random.Random) -> None:
        self.settings = CallbackSettings()
        self.log: deque[Attempt] = deque(maxlen=1000)
        self._corp_id, self._switches, self._clock, self._rng = corp_id, switches, clock, rng
        self._waiting: list[tuple[AppConfig, str, str]] = []
        self._tasks: set[asyncio.Task[None]] = set()
        self._places = asyncio.Semaphore(AT_ONCE)
        self._crypto: dict[tuple[str, str], WeChatCrypto] = {}
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

    def post(self, app: AppConfig, event: str, xml: str) -> None:
        """Queue one event for an app; nothing happens if the app has no callback address."""
        if app.callback is None or self._http is None:
            return
        if self.settings.lose > 0:
            self.settings.lose -= 1
            self.log.append(Attempt(app.agentid, event, self._clock.timestamp(), "lost on demand"))
            return
        copies = [(app, event, xml)] * (1 + self.settings.duplicate)
        if self.settings.hold or self.settings.reorder:
            self._waiting.extend(copies)
            if self.settings.reorder and not self.settings.hold:
                self._run(self._flush_soon())
        else:
            self._send(copies)

    def configure(self, order: dict[str, object]) -> None:
        """Change the settings; raises ControlError(400) for an unknown one. Held events go out when `hold` ends."""
        for name, value in order.items():
            current = getattr(self.settings, name, None)
            if current is None or type(value) is not type(current):
                raise ControlError(400, f"unknown or mistyped callback setting {name}")
        for name, value in order.items():
            setattr(self.settings, name, value)
        if not self.settings.hold:
            self._flush()

    async def verify(self, app: AppConfig) -> bool:
        """The address check (GET with echostr) that the admin console makes; True if the answer is right."""
        if app.callback is None or self._http is None:
            raise ControlError(409, "the app has no callback address")
        echo = str(self._rng.randrange(10**18, 10**19))
        query, encrypted = self._seal(app.callback, echo)
        try:
            async with self._http.get(app.callback.url, params={**query, "echostr": encrypted}, timeout=self._timeout()) as reply:
                return reply.status == 200 and await reply.read() == echo.encode()
        except (aiohttp.ClientError, TimeoutError):
            return False

    async def idle(self) -> None:
        """Wait until nothing is under way."""
        while self._tasks:
            await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _flush_soon(self) -> None:
        if len(self._waiting) < REORDER_BATCH:
            await asyncio.sleep(REORDER_WAIT)
        self._flush()

    def _flush(self) -> None:
        if self.settings.reorder:
            self._rng.shuffle(self._waiting)
        batch, self._waiting = self._waiting, []
        self._send(batch)

    def _send(self, batch: list[tuple[AppConfig, str, str]]) -> None:
        for app, event, xml in batch:
            self._run(self._deliver(app, event, xml))

    def _run(self, work: "asyncio._CoroutineLike[None]") -> None:
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _deliver(self, app: AppConfig, event: str, xml: str) -> None:
        tries = 3 if self._switches.retry_mode == "3" else 4
        for number in range(tries):
            if number:
                await asyncio.sleep(self._switches.callback_retry_delay)
            async with self._places:
                outcome = await self._try(app, xml)
            self.log.append(Attempt(app.agentid, event, self._clock.timestamp(), outcome))
            if outcome == "200":
                return
        logger.warning("callback %s for agent %d given up after %d tries: %s", event, app.agentid, tries, outcome)

    async def _try(self, app: AppConfig, xml: str) -> str:
        if app.callback is None or self._http is None:
            return "no address"
        query, encrypted = self._seal(app.callback, xml)
        body = (
            f"<xml><ToUserName><![CDATA[{self._corp_id}]]></ToUserName><AgentID><![CDATA[{app.agentid}]]></AgentID>"
            f"<Encrypt><![CDATA[{encrypted}]]></Encrypt></xml>"
        )
        try:
            async with self._http.post(
                app.callback.url, params=query, data=body.encode(), headers={"Content-Type": "text/xml"}, timeout=self._timeout()
            ) as reply:
                await reply.read()
                return str(reply.status)
        except TimeoutError:
            return "timeout"
        except aiohttp.ClientError as err:
            return type(err).__name__

    def _timeout(self) -> aiohttp.ClientTimeout:
        return aiohttp.ClientTimeout(total=self._switches.callback_timeout)

    def _seal(self, target: CallbackTarget, text: str) -> tuple[dict[str, str], str]:
        keys = (target.token, target.encoding_aes_key)
        crypto = self._crypto.get(keys)
        if crypto is None:
            crypto = self._crypto[keys] = WeChatCrypto(*keys, self._corp_id)
        nonce, timestamp = str(self._rng.randrange(10**9, 10**10)), str(int(self._clock.timestamp()))
        envelope = xmltodict.parse(crypto.encrypt_message(text, nonce, timestamp))["xml"]
        return {"msg_signature": envelope["MsgSignature"], "timestamp": timestamp, "nonce": nonce}, envelope["Encrypt"]

    def recent(self) -> list[dict[str, object]]:
        """The delivery log, oldest first."""
        return [{"agentid": a.agentid, "event": a.event, "at": iso(a.at), "outcome": a.outcome} for a in self.log]
