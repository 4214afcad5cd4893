"""The simulated official account, mini program and SMS provider for a stage, on one port, and what families do there."""

import random
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any

from aiohttp import web

from bot.app import Core, push_ports
from bot.private import listening
from bot.push import PushPorts
from bot.push_settings import OfficialAccountSettings, SmsSettings, SmsTemplateSettings
from integrations.sms.simulator import SMS, SmsConfig, SmsSimulator
from integrations.sms.simulator import create_app as create_sms
from integrations.wecom.simulator import SimClock
from integrations.weixin.simulator import SIMULATOR, create_app, demo_config
from integrations.weixin.simulator.simulator import Simulator
from integrations.weixin.simulator.state import Person, openid_of

LONG = "tpl-program-follow-up-reminder-0000000000001"
ONCE = "tpl-program-follow-up-once-00000000000000002"


class Channels:
    """Two simulators; what a family does in WeChat, by her unionid."""

    def __init__(self, port: int, gateway_port: int, clock: SimClock) -> None:
        gateway, self._port = f"http://127.0.0.1:{gateway_port}", port
        self._sms_config = SmsConfig(callback_url=f"{gateway}/sms/callback")
        weixin = create_app(demo_config(f"{gateway}/weixin"), clock=clock, rng=random.Random(7))
        sms = create_sms(self._sms_config, clock=clock, rng=random.Random(8))
        self.weixin: Simulator = weixin[SIMULATOR]
        self.sms: SmsSimulator = sms[SMS]
        self._app = web.Application()
        self._app.add_subapp("/weixin", weixin)
        self._app.add_subapp("/sms", sms)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._port}"

    def settings(self) -> dict[str, Any]:
        """What a hospital would write into careloop.toml."""
        sms = self._sms_config
        text = SmsTemplateSettings(id="SMS_1001", variables={"title": "title", "time": "at", "link": "link"})
        provider = {"url": f"{self.url}/sms/v1/messages", "app_id": sms.app_id, "secret": sms.secret, "sign": sms.sign_name}
        return {
            "official_account": OfficialAccountSettings(base_url=f"{self.url}/weixin"),
            "sms": SmsSettings(**provider, templates={"task": text}),
        }

    @asynccontextmanager
    async def open(self, core: Core, sleep: Callable[[float], Awaitable[None]]) -> AsyncIterator[PushPorts]:
        async with listening(self._app, self._port), push_ports(core, sleep=sleep) as ports:
            yield ports

    async def idle(self) -> None:
        """Until no report is under way."""
        await self.weixin.callbacks.idle()
        await self.sms.idle()

    def introduce(self, unionid: str) -> None:
        self.weixin.add_person(Person(unionid, unionid))

    def openid(self, unionid: str, account: str = "official_account") -> str:
        return openid_of(self.weixin.app(account).appid, unionid)
