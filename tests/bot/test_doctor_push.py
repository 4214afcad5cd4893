"""What `careloop doctor` says about the push channels."""

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import func, select

from bot.app import Core
from bot.clock import Clock
from bot.doctor_push import diagnose_push
from bot.push_settings import OfficialAccountSettings, SmsSettings, TemplateSettings
from bot.settings import Settings, WecomSettings
from records.database import Database
from records.wecom import AccessToken
from tests.bot.channels import Channels
from tests.bot.stage import Stage, open_stage

TASK = "tpl-account-follow-up-reminder-0000000000001"
NOTICE = "tpl-account-follow-up-notice-000000000000002"
KEYWORDS: dict[str, Any] = {"thing1": "title", "time2": "at", "thing3": "hospital"}


@pytest.fixture
async def stage(db: Database, tmp_path: Path) -> AsyncIterator[Stage]:
    async with open_stage(db, None, tmp_path, push=True) as opened:
        yield opened


@pytest.fixture
def channels(stage: Stage) -> Channels:
    assert stage.channels is not None
    return stage.channels


async def said(stage: Stage, channels: Channels, **change: Any) -> dict[str, bool]:
    """What the doctor says with these settings, and whether it is good."""
    given = {**channels.settings(), "wecom": WecomSettings(base_url=stage.simulator_url), **change}
    core = Core(Settings(database_url=stage.db.url, **given), stage.db, stage.clock)
    return {finding.text: finding.ok for finding in await diagnose_push(core)}


def account(channels: Channels, **change: Any) -> OfficialAccountSettings:
    app = channels.weixin.app("official_account")
    given: dict[str, Any] = {
        "appid": app.appid,
        "secret": app.secret,
        "callback_token": "SimulatorToken",
        "base_url": f"{channels.url}/weixin",
        "templates": named("task", TASK),
    }
    return OfficialAccountSettings(**{**given, **change})


def named(name: str, id: str, keywords: dict[str, Any] = KEYWORDS, kind: Any = "template") -> dict[str, TemplateSettings]:
    return {name: TemplateSettings(id=id, kind=kind, keywords=keywords)}


def about(findings: dict[str, bool], words: str) -> bool:
    """Whether the one line with these words is good."""
    found = [text for text in findings if words in text]
    assert len(found) == 1, (words, findings)
    return findings[found[0]]


async def test_all_is_well_and_leaves_one_token_for_each_account(stage: Stage, channels: Channels) -> None:
    findings = await said(stage, channels)
    assert about(findings, "服务号模板“随访任务提醒”") and about(findings, "小程序模板“随访任务提醒”") and about(findings, "短信服务商可用")
    assert all(findings.values())
    assert await said(stage, channels) == findings
    async with stage.db.transaction() as tx:
        assert await tx.scalar(select(func.count()).select_from(AccessToken)) == 2


async def test_channels_that_are_not_used(db: Database) -> None:
    wecom = WecomSettings(corp_id="ww1", secret="s", callback_token="t", agent_id=1)  # type: ignore[arg-type]
    core = Core(Settings(database_url=db.url, wecom=wecom), db, Clock())  # type: ignore[arg-type]
    assert [(finding.ok, finding.text) for finding in await diagnose_push(core)] == [
        (True, "没有设置 official_account.appid，不用服务号推送。"),
        (True, "没有设置 mini_program.appid，不用小程序推送。"),
        (True, "没有设置 sms.url，不用短信推送。"),
    ]


async def test_what_is_wrong_with_an_account(stage: Stage, channels: Channels) -> None:
    mistakes: list[tuple[dict[str, Any], str]] = [
        ({"callback_aes_key": "short"}, "回调设置不对"),
        ({"secret": "wrong"}, "AppSecret 不对"),
        ({"appid": "wxwrong"}, "AppID 不对"),
        ({"base_url": "http://127.0.0.1:1"}, "连不上服务号"),
        ({"templates": named("task", "gone")}, "没有 official_account.templates.task"),
        ({"templates": named("task", TASK, {"thing1": "title"})}, "thing1、thing3、time2"),
        ({"templates": named("visit", TASK)}, "没有名为 task 的模板"),
        ({"templates": named("task", NOTICE, {"thing1": "title", "time2": "at"}, "long_term")}, "类型和 official_account.templates.task"),
    ]
    for change, words in mistakes:
        assert about(await said(stage, channels, official_account=account(channels, **change)), words) is False
    assert about(await said(stage, channels, official_account=account(channels)), "明文模式") is True


async def test_what_the_platform_refuses(stage: Stage, channels: Channels) -> None:
    for errcode, words in ((40164, "IP 白名单"), (48001, "接口权限"), (45009, "调用次数"), (99999, "unknown_errcode（99999）")):
        channels.weixin.faults.add({"path": "template/get_all_private_template", "errcode": errcode})
        assert about(await said(stage, channels), words) is False


async def test_what_is_wrong_with_the_provider(stage: Stage, channels: Channels) -> None:
    given = channels.settings()["sms"].model_dump()
    for change, words in (
        ({"secret": "wrong"}, "不认我们的签名"),
        ({"app_id": "wrong"}, "不认我们的签名"),
        ({"url": "http://127.0.0.1:1/x"}, "连不上短信"),
    ):
        assert about(await said(stage, channels, sms=SmsSettings(**{**given, **change})), words) is False
