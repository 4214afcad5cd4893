"""Texts through the simulated provider."""

import random
from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any
from zoneinfo import ZoneInfo

import aiohttp
import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer

from integrations.push import PushFields, PushReceipt, PushRefused
from integrations.sms.callback import Reports, SmsCallback, read_reports
from integrations.sms.http import HttpSmsProvider
from integrations.sms.push import SmsPush, SmsTemplate
from integrations.sms.simulator import SMS, SmsConfig, SmsSimulator, create_app
from integrations.wecom.simulator import SimClock

PHONE, OTHER = "13800138000", "13900139000"
LINK = "https://work.weixin.qq.com/kfid/kfc1?enc_scene=ENCx&scene_param=t.812"
FIELDS = PushFields("task", datetime(2026, 3, 2, 1, tzinfo=UTC))
TEMPLATES = {
    "task": SmsTemplate("SMS_1001", {"title": "title", "time": "at", "link": "link"}),
    "gone": SmsTemplate("SMS_9", {"title": "title"}),
    "short": SmsTemplate("SMS_1001", {"title": "title"}),
}


@dataclass
class Provider:
    """The simulated provider, and the hospital's server that hears its reports."""

    url: str
    sim: SmsSimulator
    http: aiohttp.ClientSession
    heard: list[Reports]

    def port(self, *, secret: str | None = None, app_id: str | None = None, longest_link: int = 200) -> SmsPush:
        return SmsPush(
            self.client(secret=secret, app_id=app_id),
            TEMPLATES,
            sign="示范儿童医院",
            hospital="示范儿童医院",
            zone=ZoneInfo("Asia/Shanghai"),
            longest_link=longest_link,
        )

    def client(self, *, secret: str | None = None, app_id: str | None = None, timeout: float = 5) -> HttpSmsProvider:
        config = self.sim.config
        return HttpSmsProvider(
            self.http,
            self.url + "/v1/messages",
            app_id or config.app_id,
            secret or config.secret,
            self.sim.clock.now,
            rng=random.Random(1),
            sleep=no_sleep,
            timeout=timeout,
        )

    async def control(self, path: str, /, **body: Any) -> None:
        async with self.http.post(f"{self.url}/sim/{path}", json=body) as reply:
            assert reply.status == 200, await reply.text()


async def no_sleep(seconds: float) -> None:
    """Retries need not wait in a test."""


@pytest.fixture
async def provider() -> AsyncIterator[Provider]:
    clock, heard, config = SimClock(), list[Reports](), SmsConfig()
    clock.set(datetime(2026, 3, 2, 1, tzinfo=UTC))
    callback = SmsCallback(config.secret, "/sms/callback")

    async def hear(request: web.Request) -> web.Response:
        heard.append(read_reports(callback.open(request.headers, await request.read(), clock.now())))
        return web.Response()

    hospital = web.Application()
    hospital.router.add_post("/sms/callback", hear)
    app = create_app(config, clock=clock, rng=random.Random(7))
    async with TestServer(hospital) as server, TestServer(app) as own, aiohttp.ClientSession() as http:
        config.callback_url = str(server.make_url("/sms/callback"))
        yield Provider(str(own.make_url("")).rstrip("/"), app[SMS], http, heard)


async def refused(
    port: SmsPush, phone: str = PHONE, template: str = "task", *, link: str = LINK, fields: PushFields = FIELDS
) -> PushRefused:
    with pytest.raises(PushRefused) as failure:
        await port.push(phone, template, fields, link, "task:812:push")
    assert phone not in str(failure.value)
    return failure.value


async def test_a_text_says_what_to_do_and_when_and_is_reported(provider: Provider) -> None:
    result = await provider.port().push("+86 138 0013 8000", "task", FIELDS, LINK, "task:812:push")
    [sent] = provider.sim.sent
    assert (sent.phone, sent.variables) == (PHONE, {"title": "随访任务提醒", "time": "3月2日 09:00", "link": LINK})
    await provider.sim.idle()
    [receipt] = provider.heard[0].receipts
    assert receipt == PushReceipt("sms", result.message_id, PHONE, True, None, receipt.at)


async def test_the_same_key_is_one_text(provider: Provider) -> None:
    port = provider.port()
    first = await port.push(PHONE, "task", FIELDS, LINK, "k")
    again = await port.push(PHONE, "task", FIELDS, LINK, "k")
    assert (again.message_id, again.repeated, len(provider.sim.sent)) == (first.message_id, True, 1)


@pytest.mark.parametrize(
    "order", [{"drop": True, "after": True}, {"http_status": 502}, {"drop": True}, {"http_status": 503, "after": True}]
)
async def test_a_lost_answer_is_asked_for_again(provider: Provider, order: dict[str, Any]) -> None:
    await provider.control("faults", path="v1/messages", times=2, **order)
    assert (await provider.port().push(PHONE, "task", FIELDS, LINK, "k")).message_id
    assert len(provider.sim.sent) == 1


async def test_a_provider_that_never_answers(provider: Provider) -> None:
    await provider.control("faults", path="v1/messages", times=None, drop=True, after=True)
    error = await refused(provider.port())
    assert (error.code, error.permanent, len(provider.sim.sent)) == ("unknown_outcome", False, 1)


@pytest.mark.parametrize("body", ["", "[]", '{"code": 0}', '{"code": "ok"}', "{"])
async def test_an_answer_that_means_nothing(provider: Provider, body: str) -> None:
    await provider.control("faults", path="v1/messages", times=1, body=body)
    error = await refused(provider.port())
    assert (error.code, error.permanent) == ("garbage_reply", False)


async def test_what_is_refused_before_it_is_sent(provider: Provider) -> None:
    port = provider.port(longest_link=60)
    assert (await refused(provider.port(), "010-66551122")).code == "bad_address"
    assert (await refused(port)).code == "bad_link"
    assert (await refused(port, template="unknown")).code == "bad_template"
    assert (await refused(port, link="https://h.cn", fields=PushFields("复查血象", FIELDS.at))).code == "bad_title"
    assert provider.sim.rejected == {}
    assert port.consent_template("task") is None
    with pytest.raises(PushRefused):
        port.consent_template("unknown")


async def test_what_the_provider_refuses(provider: Provider) -> None:
    port = provider.port()
    assert (await refused(port, template="gone")).code == "bad_template"
    assert (await refused(port, template="short")).code == "bad_field"
    assert (await refused(provider.port(secret="wrong"))).code == "bad_secret"
    assert (await refused(provider.port(app_id="wrong"))).code == "bad_secret"
    provider.sim.config.sign_name = "另一家医院"
    assert (await refused(port)).code == "bad_template"
    provider.sim.config.sign_name, provider.sim.config.day_quota = "示范儿童医院", 0
    error = await refused(port)
    assert (error.code, error.permanent, error.retry_after) == ("over_quota", False, 3600.0)
    await provider.control("faults", path="v1/messages", body='{"code": "something_new"}')
    error = await refused(port)
    assert (error.code, error.permanent) == ("unknown_errcode", True)


async def test_who_answers_stop_gets_no_more(provider: Provider) -> None:
    await provider.control("answer", phone=PHONE, text="退订")
    await provider.sim.idle()
    assert [(each.phone, each.stop) for each in provider.heard[0].answers] == [(PHONE, True)]
    error = await refused(provider.port())
    assert (error.code, error.permanent) == ("opted_out", True)
    await provider.port().push(OTHER, "task", FIELDS, LINK, "k")


async def test_a_number_out_of_use_is_reported(provider: Provider) -> None:
    await provider.control("phone", phone=PHONE, dead=True)
    await provider.port().push(PHONE, "task", FIELDS, LINK, "k")
    await provider.sim.idle()
    assert [(each.delivered, each.code) for each in provider.heard[0].receipts] == [(False, "bad_address")]


async def test_the_settings_can_be_checked_without_sending(provider: Provider) -> None:
    await provider.client().check()
    with pytest.raises(PushRefused, match="bad_secret"):
        await provider.client(secret="wrong").check()
    assert provider.sim.sent == []
