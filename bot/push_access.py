"""The accounts that this installation pushes by: as the settings say, or the simulator's in the sandbox."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import datetime
from random import SystemRandom
from typing import TYPE_CHECKING

import aiohttp

from bot.push import PushPorts
from integrations.push import Channel, PushPort
from integrations.sms.push import SmsTemplate
from integrations.wecom.token import TokenStore
from integrations.weixin.template import Template, Writer

if TYPE_CHECKING:
    from bot.push_settings import WeixinSettings
    from bot.settings import Settings
    from integrations.weixin.client import WeixinClient

WEIXIN_PREFIX, SMS_PREFIX = "/sandbox/weixin", "/sandbox/sms"
SMS_CALLBACK = "/sms/callback"
PAGE = "pages/chat/index?kf={link}"


@dataclass(frozen=True)
class WeixinAccess:
    """One account at mp.weixin.qq.com as this process reaches it."""

    base_url: str
    appid: str
    secret: str
    callback_token: str
    callback_aes_key: str
    templates: Mapping[str, Template]


@dataclass(frozen=True)
class SmsAccess:
    """The SMS provider as this process reaches it."""

    url: str
    app_id: str
    secret: str
    sign: str
    longest_link: int
    templates: Mapping[str, SmsTemplate]


@dataclass(frozen=True)
class PushAccess:
    """What is configured; None for a channel that is not."""

    official_account: WeixinAccess | None = None
    mini_program: WeixinAccess | None = None
    sms: SmsAccess | None = None
    page: str = PAGE


def push_access(settings: "Settings") -> PushAccess:
    """How to reach the channels. In the sandbox the simulator that `serve` runs on our own port stands in for those without settings."""
    demo = _demo(settings) if settings.sandbox else PushAccess()
    sms = settings.sms
    own_sms = None
    if sms.url:
        templates = {name: SmsTemplate(each.id, each.variables) for name, each in sms.templates.items()}
        own_sms = SmsAccess(sms.url, sms.app_id, sms.secret.get_secret_value(), sms.sign, sms.longest_link, templates)
    return PushAccess(
        _weixin(settings.official_account) or demo.official_account,
        _weixin(settings.mini_program) or demo.mini_program,
        own_sms or demo.sms,
        settings.mini_program.page,
    )


def _weixin(settings: "WeixinSettings") -> WeixinAccess | None:
    if settings.appid is None:
        return None
    return WeixinAccess(
        settings.base_url,
        settings.appid,
        settings.secret.get_secret_value(),
        settings.callback_token.get_secret_value(),
        settings.callback_aes_key.get_secret_value(),
        {name: each.registered() for name, each in settings.templates.items()},
    )


def _demo(settings: "Settings") -> PushAccess:
    """The demo accounts, with the keywords that their templates were registered with; both where `official_account.base_url` says."""
    from integrations.sms.simulator import SmsConfig
    from integrations.weixin.simulator.config import demo_config

    given = settings.official_account
    base = given.base_url if "base_url" in given.model_fields_set else f"http://127.0.0.1:{settings.port}{WEIXIN_PREFIX}"
    found = {}
    for app in demo_config("http://localhost").apps:
        assert app.callback is not None  # noqa: S101 - it was just asked for
        registered = {each.kind: each.id for each in app.templates}
        if app.kind == "official_account":
            templates = {"task": Template(registered["template"], "template", {"thing1": "title", "time2": "at", "thing3": "hospital"})}
        else:
            templates = {"task": Template(registered["long_term"], "long_term", {"thing1": "title", "time2": "at", "phrase3": "state"})}
        found[app.kind] = WeixinAccess(base, app.appid, app.secret, app.callback.token, app.callback.encoding_aes_key, templates)
    sms, template = SmsConfig(), SmsTemplate("SMS_1001", {"title": "title", "time": "at", "link": "link"})
    texts = SmsAccess(
        f"http://127.0.0.1:{settings.port}{SMS_PREFIX}/v1/messages",
        sms.app_id,
        sms.secret,
        sms.sign_name,
        sms.longest_variable,
        {"task": template},
    )
    return PushAccess(found["official_account"], found["mini_program"], texts)


@asynccontextmanager
async def open_ports(
    access: PushAccess,
    settings: "Settings",
    tokens: TokenStore,
    clock: Callable[[], datetime],
    *,
    sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
) -> AsyncIterator[PushPorts]:
    """The channels, open; `tokens` is shared with the other processes."""
    from integrations.mini_program.push import MiniProgramPush
    from integrations.official_account.push import OfficialAccountPush
    from integrations.sms.http import HttpSmsProvider
    from integrations.sms.push import SmsPush

    ports: dict[Channel, PushPort] = {}
    # A hospital's full name may be longer than a keyword takes; the settings have been checked, the sandbox's are ours.
    writer, clients = Writer(settings.hospital[:20], settings.tz), list["WeixinClient"]()
    async with aiohttp.ClientSession() as session:
        unionid = login = None
        if access.official_account is not None:
            account = access.official_account
            clients.append(weixin_client(account, tokens, clock, sleep=sleep))
            official = OfficialAccountPush(clients[-1], account.templates, writer)
            ports["official_account"], unionid = official, official.unionid
        if access.mini_program is not None:
            program = access.mini_program
            clients.append(weixin_client(program, tokens, clock, sleep=sleep))
            ports["mini_program"] = MiniProgramPush(
                clients[-1], program.templates, writer, page=access.page, state=settings.mini_program.state
            )
            login = clients[-1].login
        if access.sms is not None:
            sms = access.sms
            provider = HttpSmsProvider(session, sms.url, sms.app_id, sms.secret, clock, rng=SystemRandom(), sleep=sleep)
            ports["sms"] = SmsPush(
                provider, sms.templates, sign=sms.sign, hospital=settings.hospital, zone=settings.tz, longest_link=sms.longest_link
            )
        try:
            yield PushPorts(ports, unionid, login)
        finally:
            for client in clients:
                client.close()


def weixin_client(
    access: WeixinAccess, tokens: TokenStore, clock: Callable[[], datetime], *, sleep: Callable[[float], Awaitable[None]] = asyncio.sleep
) -> "WeixinClient":
    """A client of the account. wechatpy and requests are imported here, by whoever pushes."""
    from integrations.weixin.client import WeixinClient

    return WeixinClient(access.base_url, access.appid, access.secret, tokens, clock, sleep=sleep, rng=SystemRandom())
