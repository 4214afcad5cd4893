"""The simulated platform on a random port, a mother whose telephone it is, and the hospital's server that hears its events."""

from typing import Any

import aiohttp
from aiohttp import web

from integrations.wecom.simulator import SimClock
from integrations.weixin.callback import WeixinCallback
from integrations.weixin.event import WeixinEvent, read_events
from integrations.weixin.simulator import SIMULATOR, AppConfig

ZHAO = "u-zhao"


class Hospital:
    """Hears the events, as the service does."""

    def __init__(self) -> None:
        self.heard: list[WeixinEvent] = []
        self.refuse = 0
        self.openers: dict[str, WeixinCallback] = {}
        self.clock: SimClock | None = None

    async def handle(self, request: web.Request) -> web.Response:
        opener = self.openers[request.match_info["account"]]
        if request.method == "GET":
            return web.Response(text=opener.verify_url(request.query))
        if self.refuse:
            self.refuse -= 1
            return web.Response(status=503)
        assert self.clock is not None
        fields = opener.open(request.query, await request.read(), self.clock.now())
        self.heard += read_events(request.match_info["account"], fields)  # type: ignore[arg-type]
        return web.Response(text="success")


class Platform:
    """The simulator under test."""

    def __init__(self, url: str, app: web.Application, clock: SimClock, http: aiohttp.ClientSession, hospital: Hospital) -> None:
        self.url, self.clock, self.http, self.hospital = url, clock, http, hospital
        self.sim = app[SIMULATOR]

    def app(self, kind: str = "official_account") -> AppConfig:
        return self.sim.app(kind)

    async def control(self, path: str, body: dict[str, Any] | None = None, /, *, status: int = 200, **fields: Any) -> Any:
        method = "GET" if body is None and not fields else "POST"
        async with self.http.request(method, f"{self.url}/sim/{path}", json=body or fields or None) as reply:
            assert reply.status == status, await reply.text()
            return await reply.json()

    async def zhao(self, act: str, **fields: Any) -> Any:
        """The mother does something."""
        return await self.control(act, {"unionid": ZHAO, **fields})

    async def openid(self, kind: str = "official_account") -> str:
        people = (await self.control("state"))["people"]
        return str(next(each for each in people if each["unionid"] == ZHAO)["openids"][kind])

    async def ledger(self) -> list[dict[str, Any]]:
        sent: list[dict[str, Any]] = (await self.control("ledger"))["sent"]
        return sent

    async def rejected(self) -> dict[tuple[str, int], int]:
        return {(each["path"], each["errcode"]): each["count"] for each in (await self.control("ledger"))["rejected"]}

    async def heard(self) -> list[WeixinEvent]:
        await self.sim.callbacks.idle()
        return self.hospital.heard
