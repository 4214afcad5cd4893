"""The simulated platform, our client, and wechatpy as it comes."""

import random
from collections.abc import AsyncIterator, Callable, Iterator
from datetime import UTC, datetime

import aiohttp
import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer
from requests.adapters import HTTPAdapter
from wechatpy import WeChatClient

from integrations.wecom.simulator import SimClock
from integrations.wecom.token import MemoryTokenStore
from integrations.weixin.callback import WeixinCallback
from integrations.weixin.client import WeixinClient
from integrations.weixin.simulator import SimulatorConfig, create_app, demo_config
from tests.integrations.weixin.platform import ZHAO, Hospital, Platform

REAL_HOST = "https://api.weixin.qq.com"
START = datetime(2026, 3, 2, 1, 0, tzinfo=UTC)


@pytest.fixture
async def hospital() -> AsyncIterator[tuple[Hospital, str]]:
    there = Hospital()
    app = web.Application()
    app.router.add_route("*", "/weixin/{account}/callback", there.handle)
    async with TestServer(app) as server:
        yield there, str(server.make_url("/weixin"))


@pytest.fixture
def config(hospital: tuple[Hospital, str]) -> SimulatorConfig:
    given = demo_config(hospital[1])
    given.switches.callback_retry_delay = 0.0
    return given


@pytest.fixture
async def platform(hospital: tuple[Hospital, str], config: SimulatorConfig) -> AsyncIterator[Platform]:
    clock = SimClock()
    clock.set(START)
    hospital[0].clock = clock
    for app in config.apps:
        assert app.callback is not None
        hospital[0].openers[app.kind] = WeixinCallback(app.callback.token, app.callback.encoding_aes_key, app.appid)
    simulator = create_app(config, clock=clock, rng=random.Random(7))
    async with TestServer(simulator) as server, aiohttp.ClientSession() as http:
        there = Platform(str(server.make_url("")).rstrip("/"), simulator, clock, http, hospital[0])
        await there.control("people", unionid=ZHAO, name="赵女士")
        yield there


async def no_sleep(seconds: float) -> None:
    """Retries need not wait in a test."""


@pytest.fixture
def connect(platform: Platform) -> Iterator[Callable[..., WeixinClient]]:
    """Makes clients of an account; a store may be shared between them."""
    made: list[WeixinClient] = []

    def make(
        kind: str = "official_account", *, tokens: MemoryTokenStore | None = None, secret: str | None = None, **more: float
    ) -> WeixinClient:
        app = platform.app(kind)
        client = WeixinClient(
            platform.url,
            app.appid,
            secret or app.secret,
            tokens or MemoryTokenStore(),
            platform.clock.now,
            sleep=no_sleep,
            rng=random.Random(1),
            **more,  # type: ignore[arg-type]
        )
        made.append(client)
        return client

    yield make
    for client in made:
        client.close()


class Elsewhere(HTTPAdapter):
    """Sends what is meant for WeChat to another base URL, as a proxy or an entry in the hosts file would."""

    def __init__(self, base: str) -> None:
        super().__init__()
        self.base = base

    def send(self, request, **options):  # type: ignore[no-untyped-def]
        request.url = request.url.replace(REAL_HOST, self.base)
        return super().send(request, **options)


@pytest.fixture
def sdk(platform: Platform) -> Callable[[str], WeChatClient]:
    """wechatpy 1.8.18 as it comes, for an account."""

    def make(kind: str = "official_account") -> WeChatClient:
        app = platform.app(kind)
        client = WeChatClient(app.appid, app.secret, timeout=10, auto_retry=False)
        client._http.mount(REAL_HOST, Elsewhere(platform.url))
        return client

    return make
