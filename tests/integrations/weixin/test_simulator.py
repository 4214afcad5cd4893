"""The simulated platform keeps the platform's rules; wechatpy 1.8.18 works against it unchanged."""

import asyncio
from collections.abc import Callable
from typing import Any

import pytest
from wechatpy import WeChatClient
from wechatpy.exceptions import APILimitedException, WeChatClientException

from integrations.push import PushReceipt
from integrations.weixin.event import Agreed, Declined, Followed, Unfollowed
from integrations.weixin.simulator import SimulatorConfig
from tests.integrations.weixin.platform import ZHAO, Platform

Sdk = Callable[..., WeChatClient]
DATA = {"thing1": {"value": "随访任务提醒"}, "time2": {"value": "2026年3月2日 09:00"}, "thing3": {"value": "示范儿童医院"}}
TEMPLATE, NOTICE = "tpl-account-follow-up-reminder-0000000000001", "tpl-account-follow-up-notice-000000000000002"
LONG, ONCE = "tpl-program-follow-up-reminder-0000000000001", "tpl-program-follow-up-once-00000000000000002"
LINK = "https://work.weixin.qq.com/kfid/kfc1"


async def in_thread(call: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
    return await asyncio.to_thread(call, *args, **kwargs)


async def errcode(call: Callable[..., Any], *args: Any, **kwargs: Any) -> int:
    with pytest.raises(WeChatClientException) as failure:
        await in_thread(call, *args, **kwargs)
    return int(failure.value.errcode)


async def test_a_follower_gets_a_template_message_and_the_hospital_its_report(platform: Platform, sdk: Sdk) -> None:
    client, openid = sdk(), await platform.openid()
    assert await errcode(client.message.send_template, openid, TEMPLATE, DATA, url=LINK) == 43004
    await platform.zhao("follow")
    answer = await in_thread(client.message.send_template, openid, TEMPLATE, DATA, url=LINK)
    assert (await in_thread(client.user.get, openid))["unionid"] == ZHAO
    heard = await platform.heard()
    assert heard == [
        Followed(openid, platform.clock.now().replace(microsecond=0)),
        PushReceipt("official_account", str(answer["msgid"]), openid, True, None, heard[1].at),
    ]
    assert [each["body"]["url"] for each in await platform.ledger()] == [LINK]
    assert [each["msgid"] for each in await platform.control(f"people/{ZHAO}/messages")] == [str(answer["msgid"])]


async def test_unfollowing_ends_it(platform: Platform, sdk: Sdk) -> None:
    await platform.zhao("follow")
    await platform.zhao("unfollow")
    assert [type(each) for each in await platform.heard()] == [Followed, Unfollowed]
    openid = await platform.openid()
    assert await errcode(sdk().message.send_template, openid, TEMPLATE, DATA) == 43004
    assert "unionid" not in await in_thread(sdk().user.get, openid)


async def test_who_blocks_messages_is_told_of_in_the_report_only(platform: Platform, sdk: Sdk) -> None:
    await platform.zhao("follow")
    await platform.zhao("block")
    assert (await in_thread(sdk().message.send_template, await platform.openid(), TEMPLATE, DATA))["errcode"] == 0
    report = (await platform.heard())[-1]
    assert isinstance(report, PushReceipt) and report.code == "user_blocked"


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"user_id": "o-nobody-at-all"}, 40003),
        ({"template_id": "tpl-unknown"}, 40037),
        ({"template_id": NOTICE}, 40037),
        ({"data": {**DATA, "thing1": {"value": "字" * 21}}}, 47003),
        ({"data": {**DATA, "time2": {"value": "明天"}}}, 47003),
        ({"data": {"thing1": DATA["thing1"]}}, 47003),
        ({"data": {**DATA, "thing9": {"value": "x"}}}, 47003),
        ({"data": {**DATA, "thing1": "随访"}}, 47003),
        ({"url": "ftp://x"}, 40066),
    ],
)
async def test_what_the_platform_refuses(platform: Platform, sdk: Sdk, change: dict[str, Any], code: int) -> None:
    await platform.zhao("follow")
    given = {"user_id": await platform.openid(), "template_id": TEMPLATE, "data": DATA, "url": LINK, **change}
    assert await errcode(sdk().message.send_template, **given) == code
    assert await platform.ledger() == []


async def test_one_agreement_is_one_notice(platform: Platform, sdk: Sdk) -> None:
    client, openid = sdk(), await platform.openid()
    data = {name: DATA[name] for name in ("thing1", "time2")}
    assert await errcode(client.message.send_subscribe_message, openid, NOTICE, data, page=LINK) == 43101
    await platform.zhao("answer", account="official_account", template_id=NOTICE)
    assert (await in_thread(client.message.send_subscribe_message, openid, NOTICE, data, page=LINK))["msgid"]
    assert await errcode(client.message.send_subscribe_message, openid, NOTICE, data, page=LINK) == 43101
    heard = await platform.heard()
    assert heard[0] == Agreed(openid, NOTICE, heard[0].at) and isinstance(heard[1], PushReceipt) and heard[1].delivered


async def test_the_mini_program_asks_first_too(platform: Platform, sdk: Sdk) -> None:
    client, openid = sdk("mini_program"), await platform.openid("mini_program")
    data = {"thing1": {"value": "复诊安排提醒"}, "date2": {"value": "2026年3月9日"}}
    assert await errcode(client.wxa.send_subscribe_message, openid, ONCE, data) == 43101
    await platform.zhao("answer", template_id=ONCE, answer="reject")
    assert await errcode(client.wxa.send_subscribe_message, openid, ONCE, data) == 43101
    for _ in range(2):
        await platform.zhao("answer", template_id=ONCE)
    for _ in range(2):
        assert (await in_thread(client.wxa.send_subscribe_message, openid, ONCE, data, page="pages/chat/index?kf=1"))["errcode"] == 0
    assert await errcode(client.wxa.send_subscribe_message, openid, ONCE, data) == 43101
    assert await errcode(client.wxa.send_subscribe_message, openid, ONCE, data, page="pages/secret") == 41030
    assert [type(each) for each in await platform.heard()][:3] == [Declined, Agreed, Agreed]


async def test_a_long_term_agreement_lasts_until_it_is_switched_off(platform: Platform, sdk: Sdk) -> None:
    client, openid = sdk("mini_program"), await platform.openid("mini_program")
    data = {"thing1": DATA["thing1"], "time2": DATA["time2"], "phrase3": {"value": "待完成"}}
    await platform.zhao("answer", template_id=LONG)
    for _ in range(5):
        await in_thread(client.wxa.send_subscribe_message, openid, LONG, data)
    assert await errcode(client.wxa.send_subscribe_message, openid, LONG, data) == 40038
    await platform.control("clock", advance=86400)
    client = sdk("mini_program")
    await in_thread(client.wxa.send_subscribe_message, openid, LONG, data)
    await platform.zhao("switch_off", template_id=LONG)
    assert await errcode(client.wxa.send_subscribe_message, openid, LONG, data) == 43101
    assert isinstance((await platform.heard())[-1], Declined)


async def test_the_days_quota(platform: Platform, sdk: Sdk) -> None:
    await platform.zhao("follow")
    await platform.control("config", day_quota=2)
    client, openid = sdk(), await platform.openid()
    for _ in range(2):
        await in_thread(client.message.send_template, openid, TEMPLATE, DATA)
    with pytest.raises(APILimitedException) as failure:
        await in_thread(client.message.send_template, openid, TEMPLATE, DATA)
    assert failure.value.errcode == 45009
    # 09:00 at the platform: its day is over in fifteen hours.
    await platform.control("clock", advance=15 * 3600)
    assert (await in_thread(sdk().message.send_template, openid, TEMPLATE, DATA))["errcode"] == 0


async def test_equal_client_msg_ids_are_sent_once_in_ten_minutes(platform: Platform, sdk: Sdk) -> None:
    await platform.zhao("follow")
    client = sdk()
    body = {"touser": await platform.openid(), "template_id": TEMPLATE, "data": DATA, "client_msg_id": "k1"}
    first = await in_thread(client.post, "message/template/send", data=body)
    again = await in_thread(client.post, "message/template/send", data=body)
    assert first["msgid"] == again["msgid"] and len(await platform.ledger()) == 1
    await platform.control("config", repeated_client_msg_id=45065)
    assert await errcode(client.post, "message/template/send", data=body) == 45065
    await platform.control("clock", advance=601)
    assert (await in_thread(client.post, "message/template/send", data=body))["msgid"] != first["msgid"]


async def test_an_ordinary_token_ends_five_minutes_after_the_next_and_a_stable_one_stays(platform: Platform, sdk: Sdk) -> None:
    first, second = sdk(), sdk()
    old, new = await in_thread(lambda: first.access_token), await in_thread(lambda: second.access_token)
    assert old != new
    openid = await platform.openid()
    assert (await in_thread(first.user.get, openid))["subscribe"] == 0
    await platform.control("clock", advance=301)
    assert await errcode(first.user.get, openid) == 42001
    assert (await in_thread(second.user.get, openid))["subscribe"] == 0


async def test_tokens_end_and_can_be_revoked(platform: Platform, sdk: Sdk) -> None:
    client, openid = sdk(), await platform.openid()
    await in_thread(client.user.get, openid)
    await platform.control("tokens/revoke", {"all": True})
    assert await errcode(client.user.get, openid) == 40001


@pytest.mark.parametrize("broken", ["secret", "appid", "ip"])
async def test_who_may_call(platform: Platform, sdk: Sdk, broken: str) -> None:
    client = sdk()
    if broken == "ip":
        await platform.control("config", ip_allow_list=["10.0.0.1"])
    else:
        setattr(client, broken, "wrong")
    assert await errcode(lambda: client.access_token) == {"secret": 40125, "appid": 40013, "ip": 40164}[broken]


async def test_a_login_code_is_good_once(platform: Platform, sdk: Sdk) -> None:
    client, code = sdk("mini_program"), (await platform.zhao("login"))["code"]
    session = await in_thread(client.wxa.code_to_session, code)
    assert (session["openid"], session["unionid"]) == (await platform.openid("mini_program"), ZHAO)
    assert await errcode(client.wxa.code_to_session, code) == 40163
    late = (await platform.zhao("login"))["code"]
    await platform.control("clock", advance=301)
    assert await errcode(client.wxa.code_to_session, late) == 40029


async def test_reports_are_tried_three_times_and_can_be_held(platform: Platform, sdk: Sdk) -> None:
    await platform.zhao("follow")
    await platform.heard()
    platform.hospital.refuse = 2
    await in_thread(sdk().message.send_template, await platform.openid(), TEMPLATE, DATA)
    assert len(await platform.heard()) == 2
    await platform.control("config", hold_reports=True)
    await in_thread(sdk().message.send_template, await platform.openid(), TEMPLATE, DATA)
    assert len(await platform.heard()) == 2
    await platform.control("config", hold_reports=False)
    assert len(await platform.heard()) == 3


async def test_the_address_check(platform: Platform) -> None:
    assert await platform.control("callbacks/verify", account="official_account") == {"ok": True}
    assert await platform.control("callbacks/verify", account="mini_program") == {"ok": True}


@pytest.fixture
def plain(config: SimulatorConfig) -> SimulatorConfig:
    for app in config.apps:
        assert app.callback is not None
        app.callback.encoding_aes_key = ""
    return config


async def test_events_can_come_in_plain_mode(plain: SimulatorConfig, platform: Platform) -> None:
    await platform.zhao("follow")
    assert [type(each) for each in await platform.heard()] == [Followed]


async def test_control_calls_that_cannot_be_done(platform: Platform) -> None:
    await platform.control("people", unionid=ZHAO, status=409)
    await platform.control("follow", unionid="u-nobody", status=404)
    await platform.control("unfollow", unionid=ZHAO, status=409)
    await platform.control("answer", unionid=ZHAO, template_id="tpl-unknown", status=404)
    await platform.control("answer", unionid=ZHAO, template_id=ONCE, answer="perhaps", status=400)
    await platform.control("faults", {"path": "*"}, status=400)
    await platform.control("config", day_quota=-1, status=400)
