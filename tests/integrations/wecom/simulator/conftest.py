"""A simulated corp on a random port, an app that receives its callbacks, and families who write."""

import base64
import random
from collections.abc import AsyncIterator, Callable
from datetime import UTC, datetime
from typing import Any

import aiohttp
import pytest
import xmltodict
from aiohttp import web
from aiohttp.test_utils import TestServer
from wechatpy.crypto.base import WeChatCipher
from wechatpy.enterprise.crypto import WeChatCrypto

from integrations.wecom.simulator import SimClock, SimulatorConfig, create_app, demo_config
from integrations.wecom.simulator.control_http import SIMULATOR

ACCOUNT = "wkSimulatedChildrensHospital01"
START = datetime(2026, 3, 2, 1, 0, tzinfo=UTC)


class Receiver:
    """The customer's server: opens every callback with wechatpy and keeps what it said."""

    def __init__(self) -> None:
        self.events: list[dict[str, Any]] = []
        self.queries: list[dict[str, str]] = []
        self.paddings: list[int] = []
        self.answer: Callable[[], web.Response] = lambda: web.Response(text="success")
        self.crypto: WeChatCrypto | None = None

    async def handle(self, request: web.Request) -> web.Response:
        query = request.query
        if request.method == "GET":
            return web.Response(
                text=self.crypto.check_signature(query["msg_signature"], query["timestamp"], query["nonce"], query["echostr"])
            )
        raw = await request.text()
        xml = self.crypto.decrypt_message(raw, query["msg_signature"], query["timestamp"], query["nonce"])
        self.events.append(xmltodict.parse(xml)["xml"])
        self.queries.append(dict(query))
        envelope = base64.b64decode(xmltodict.parse(raw)["xml"]["Encrypt"])
        self.paddings.append(WeChatCipher(self.crypto.key).decrypt(envelope)[-1])
        return self.answer()

    def of(self, event: str) -> list[dict[str, Any]]:
        return [e for e in self.events if e.get("Event") == event]


class Family:
    """One customer at the account."""

    def __init__(self, corp: "Corp", external_userid: str) -> None:
        self.corp, self.id = corp, external_userid

    async def does(self, act: str, /, **body: Any) -> dict[str, Any]:
        return await self.corp.control("POST", f"chats/{ACCOUNT}/{self.id}/{act}", body)

    async def says(self, content: str, **more: Any) -> str:
        return (await self.does("say", msgtype="text", text={"content": content, **more}))["msgid"]

    async def chat(self) -> dict[str, Any]:
        return await self.corp.control("GET", f"chats/{ACCOUNT}/{self.id}")

    async def hears(self, content: str, *, errcode: int = 0, **more: Any) -> dict[str, Any]:
        body = {"touser": self.id, "open_kfid": ACCOUNT, "msgtype": "text", "text": {"content": content}, **more}
        return await self.corp.call("kf/send_msg", body, errcode=errcode)

    async def moved_to(self, state: int, userid: str | None = None, *, errcode: int = 0) -> dict[str, Any]:
        body = {"open_kfid": ACCOUNT, "external_userid": self.id, "service_state": state}
        return await self.corp.call("kf/service_state/trans", {**body, **({"servicer_userid": userid} if userid else {})}, errcode=errcode)

    async def state(self) -> int:
        body = {"open_kfid": ACCOUNT, "external_userid": self.id}
        return (await self.corp.call("kf/service_state/get", body))["service_state"]

    async def nurse(self, userid: str, act: str, **more: Any) -> dict[str, Any]:
        return await self.does("servicer", userid=userid, act=act, **more)


class Corp:
    """The simulator under test and its caller."""

    def __init__(self, url: str, app: web.Application, clock: SimClock, receiver: Receiver, http: aiohttp.ClientSession) -> None:
        self.url, self.clock, self.receiver, self.http = url, clock, receiver, http
        self.sim = app[SIMULATOR]
        self.app = self.sim.config.apps[0]
        self.cursor = ""

    async def token(self, secret: str | None = None) -> str:
        query = {"corpid": self.sim.config.corp_id, "corpsecret": secret or self.app.secret}
        async with self.http.get(f"{self.url}/cgi-bin/gettoken", params=query) as reply:
            return (await reply.json())["access_token"]

    async def raw(self, method: str, path: str, **more: Any) -> aiohttp.ClientResponse:
        return await self.http.request(method, f"{self.url}/cgi-bin/{path}", **more)

    async def call(
        self, path: str, body: dict[str, Any] | None = None, *, errcode: int = 0, secret: str | None = None, **query: Any
    ) -> dict[str, Any]:
        params = {"access_token": await self.token(secret), **query}
        async with await self.raw("GET" if body is None else "POST", path, params=params, json=body) as reply:
            assert reply.status == 200
            answer = await reply.json()
        assert answer["errcode"] == errcode, answer
        return answer

    async def control(self, method: str, path: str, body: dict[str, Any] | None = None, *, status: int = 200) -> Any:
        async with self.http.request(method, f"{self.url}/sim/{path}", json=body) as reply:
            assert reply.status == status, await reply.text()
            return await reply.json()

    async def family(self, nickname: str = "果果妈妈") -> Family:
        return Family(self, (await self.control("POST", "customers", {"nickname": nickname}))["external_userid"])

    async def pull(self, **more: Any) -> list[dict[str, Any]]:
        items: list[dict[str, Any]] = []
        while True:
            page = await self.call("kf/sync_msg", {"open_kfid": ACCOUNT, "cursor": self.cursor, **more})
            items += page["msg_list"]
            self.cursor = page["next_cursor"]
            if not page["has_more"]:
                return items

    async def events(self, event_type: str) -> list[dict[str, Any]]:
        return [item["event"] for item in await self.pull() if item["msgtype"] == "event" and item["event"]["event_type"] == event_type]

    async def switch(self, **switches: Any) -> None:
        await self.control("POST", "config", switches)

    async def pass_time(self, seconds: float) -> None:
        await self.control("POST", "clock", {"advance": seconds})

    async def delivered(self) -> list[dict[str, Any]]:
        await self.sim.callbacks.idle()
        return self.receiver.events

    async def upload(self, data: bytes, media_type: str = "image", filename: str = "照片.png", **more: Any) -> dict[str, Any]:
        form = aiohttp.FormData(quote_fields=False)
        form.add_field("media", data, filename=filename, content_type="application/octet-stream")
        params = {"access_token": await self.token(), "type": media_type}
        async with await self.raw("POST", "media/upload", params=params, data=form, **more) as reply:
            return await reply.json(content_type=None)


@pytest.fixture
async def receiver() -> AsyncIterator[tuple[Receiver, str]]:
    inbox = Receiver()
    app = web.Application()
    app.router.add_route("*", "/callback", inbox.handle)
    async with TestServer(app) as server:
        yield inbox, str(server.make_url("/callback"))


@pytest.fixture
def config(receiver: tuple[Receiver, str]) -> SimulatorConfig:
    given = demo_config(receiver[1])
    given.switches.callback_retry_delay = 0.0
    return given


@pytest.fixture
async def corp(receiver: tuple[Receiver, str], config: SimulatorConfig) -> AsyncIterator[Corp]:
    target = config.apps[0].callback
    assert target
    receiver[0].crypto = WeChatCrypto(target.token, target.encoding_aes_key, config.corp_id)
    clock = SimClock()
    clock.set(START)
    app = create_app(config, clock=clock, rng=random.Random(7))
    async with TestServer(app) as server, aiohttp.ClientSession() as http:
        yield Corp(str(server.make_url("")).rstrip("/"), app, clock, receiver[0], http)


PNG = b"\x89PNG\r\n\x1a\n" + bytes(64)


@pytest.fixture
def png() -> bytes:
    return PNG
