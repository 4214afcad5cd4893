"""The two ports on the simulated platform: what arrives is harmless, what is refused says why."""

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any
from urllib.parse import quote
from zoneinfo import ZoneInfo

import pytest

from integrations.mini_program.push import MiniProgramPush
from integrations.official_account.push import OfficialAccountPush, client_msg_id
from integrations.push import PushFields, PushPort, PushReceipt, PushRefused
from integrations.weixin.client import WeixinClient
from integrations.weixin.template import Template, Writer
from tests.integrations.weixin.platform import ZHAO, Platform

Connect = Callable[..., WeixinClient]
WRITER = Writer("示范儿童医院", ZoneInfo("Asia/Shanghai"))
LINK = "https://work.weixin.qq.com/kfid/kfc1?enc_scene=ENCx&scene_param=t.812"
FIELDS = PushFields("task", datetime(2026, 3, 2, 1, tzinfo=UTC))
ACCOUNT = {
    "task": Template("tpl-account-follow-up-reminder-0000000000001", "template", {"thing1": "title", "time2": "at", "thing3": "hospital"}),
    "notice": Template("tpl-account-follow-up-notice-000000000000002", "one_time", {"thing1": "title", "time2": "at"}),
    "gone": Template("tpl-that-was-deleted", "template", {"thing1": "title"}),
    "short": Template("tpl-account-follow-up-reminder-0000000000001", "template", {"thing1": "title"}),
}
PROGRAM = {
    "task": Template("tpl-program-follow-up-reminder-0000000000001", "long_term", {"thing1": "title", "time2": "at", "phrase3": "state"}),
    "visit": Template("tpl-program-follow-up-once-00000000000000002", "one_time", {"thing1": "title", "date2": "at"}),
}


@pytest.fixture
def account(connect: Connect) -> OfficialAccountPush:
    return OfficialAccountPush(connect(), ACCOUNT, WRITER)


@pytest.fixture
def program(connect: Connect) -> MiniProgramPush:
    return MiniProgramPush(connect("mini_program"), PROGRAM, WRITER, page="pages/chat/index?kf={link}", state="trial")


async def code_of(
    port: PushPort, address: str, template: str = "task", *, link: str = LINK, fields: PushFields = FIELDS
) -> tuple[str, bool]:
    with pytest.raises(PushRefused) as refused:
        await port.push(address, template, fields, link, "task:812:push")
    assert address not in str(refused.value) and link not in str(refused.value)
    return refused.value.code, refused.value.permanent


async def test_a_follower_is_told_that_there_is_a_task_and_nothing_else(platform: Platform, account: OfficialAccountPush) -> None:
    openid = await platform.openid()
    assert await code_of(account, openid) == ("not_subscribed", True)
    await platform.zhao("follow")
    result = await account.push(openid, "task", FIELDS, LINK, "task:812:push")
    [sent] = await platform.ledger()
    assert sent["body"] == {
        "touser": openid,
        "template_id": ACCOUNT["task"].id,
        "url": LINK,
        "client_msg_id": client_msg_id("task:812:push"),
        "data": {
            "thing1": {"value": "随访任务提醒"},
            "time2": {"value": "2026年3月2日 09:00"},
            "thing3": {"value": "示范儿童医院"},
        },
    }
    report = (await platform.heard())[-1]
    assert isinstance(report, PushReceipt) and (report.message_id, report.delivered) == (result.message_id, True)


async def test_the_same_key_tells_her_once(platform: Platform, account: OfficialAccountPush) -> None:
    await platform.zhao("follow")
    openid = await platform.openid()
    first = await account.push(openid, "task", FIELDS, LINK, "task:812:push")
    assert await account.push(openid, "task", FIELDS, LINK, "task:812:push") == first
    await platform.control("config", repeated_client_msg_id=45065)
    assert (await account.push(openid, "task", FIELDS, LINK, "task:812:push")).repeated
    await account.push(openid, "task", FIELDS, LINK, "task:813:push")
    assert len(await platform.ledger()) == 2


async def test_a_notice_needs_her_agreement(platform: Platform, account: OfficialAccountPush) -> None:
    openid = await platform.openid()
    assert (account.consent_template("task"), account.consent_template("notice")) == (None, ACCOUNT["notice"].id)
    assert await code_of(account, openid, "notice") == ("not_subscribed", True)
    await platform.zhao("answer", account="official_account", template_id=ACCOUNT["notice"].id)
    assert (await account.push(openid, "notice", FIELDS, LINK, "k")).message_id
    assert [each["body"]["page"] for each in await platform.ledger()] == [LINK]


async def test_the_mini_program_opens_the_chat(platform: Platform, program: MiniProgramPush) -> None:
    openid = await platform.openid("mini_program")
    assert program.consent_template("visit") == PROGRAM["visit"].id
    assert await code_of(program, openid) == ("not_subscribed", True)
    await platform.zhao("answer", template_id=PROGRAM["task"].id)
    result = await program.push(openid, "task", FIELDS, LINK, "k")
    [sent] = await platform.ledger()
    body: dict[str, Any] = sent["body"]
    assert body["page"] == f"pages/chat/index?kf={quote(LINK, safe='')}"
    assert (body["miniprogram_state"], body["lang"], body["data"]["phrase3"]) == ("trial", "zh_CN", {"value": "待完成"})
    report = (await platform.heard())[-1]
    assert isinstance(report, PushReceipt) and (report.channel, report.message_id) == ("mini_program", result.message_id)


async def test_what_is_refused_before_it_is_sent(platform: Platform, account: OfficialAccountPush, program: MiniProgramPush) -> None:
    await platform.zhao("follow")
    openid = await platform.openid()
    for port in (account, program):
        assert await code_of(port, "张三妈妈") == ("bad_address", True)
        assert await code_of(port, openid, "unknown") == ("bad_template", True)
        assert await code_of(port, openid, link="http://hospital.example") == ("bad_link", True)
        assert await code_of(port, openid, fields=PushFields("化疗第8天", FIELDS.at)) == ("bad_title", True)
        with pytest.raises(PushRefused, match="bad_template"):
            port.consent_template("unknown")
    assert await platform.rejected() == {} and await platform.ledger() == []


async def test_what_the_platform_refuses(platform: Platform, account: OfficialAccountPush) -> None:
    await platform.zhao("follow")
    openid = await platform.openid()
    assert await code_of(account, "o-somebody-elses-openid-1234") == ("bad_address", True)
    assert await code_of(account, openid, "gone") == ("bad_template", True)
    assert await code_of(account, openid, "short") == ("bad_field", True)
    await platform.control("config", day_quota=0)
    assert await code_of(account, openid) == ("over_quota", False)


async def test_a_lost_answer_of_the_mini_program_is_not_repeated(platform: Platform, program: MiniProgramPush) -> None:
    await platform.zhao("answer", template_id=PROGRAM["task"].id)
    await platform.control("faults", path="message/subscribe/send", drop=True, after=True)
    assert await code_of(program, await platform.openid("mini_program")) == ("unknown_outcome", False)
    assert len(await platform.ledger()) == 1


async def test_a_followers_unionid(platform: Platform, account: OfficialAccountPush) -> None:
    openid = await platform.openid()
    assert await account.unionid(openid) is None
    await platform.zhao("follow")
    assert await account.unionid(openid) == ZHAO
