"""What is wrong with the channels that reach a family outside the chat, in words."""

from functools import cache
from pathlib import Path
from random import SystemRandom
from typing import Any

import aiohttp
import yaml

from bot.app import Core
from bot.doctor_finding import Finding
from bot.push_access import PushAccess, SmsAccess, WeixinAccess, push_access, weixin_client
from bot.tokens import DatabaseTokenStore
from integrations.callback_error import CallbackError
from integrations.push import PushRefused
from integrations.sms.http import HttpSmsProvider
from integrations.weixin.callback import WeixinCallback
from integrations.weixin.registered import differences, registered


@cache
def _texts() -> dict[str, Any]:
    loaded: dict[str, Any] = yaml.safe_load(Path(__file__).with_name("doctor_push.yml").read_text("utf-8"))
    return loaded


def _say(key: str, **values: object) -> str:
    return str(_texts()[key]).format(**values)


async def diagnose_push(parts: Core) -> list[Finding]:
    """Look at the channels' settings and ask each platform about them. Nothing is sent to a family."""
    access = push_access(parts.settings)
    findings = []
    for name, account in (("official_account", access.official_account), ("mini_program", access.mini_program)):
        findings += await _weixin(parts, name, account)
    return findings + await _sms(parts, access.sms) + _task(access)


async def _weixin(parts: Core, name: str, account: WeixinAccess | None) -> list[Finding]:
    channel = _texts()["channels"][name]
    if account is None:
        return [Finding(True, _say("not_used", channel=channel, setting=f"{name}.appid"))]
    findings = [_callback(name, channel, account)]
    client = weixin_client(account, DatabaseTokenStore(parts.db), parts.clock)
    try:
        there = await registered(client, frozenset(template.kind for template in account.templates.values()))
    except PushRefused as refused:
        return [*findings, Finding(False, _refused(refused, name, channel, account.base_url))]
    finally:
        client.close()
    for label, template in account.templates.items():
        wrong = differences(template, there.get(template.id))
        values = {
            "channel": channel,
            "setting": f"{name}.templates.{label}",
            "title": there[template.id].title if template.id in there else "",
            "keywords": "、".join(sorted(there[template.id].keywords)) if template.id in there else "",
        }
        findings.append(Finding(wrong is None, _say("template" if wrong is None else f"template_{wrong}", **values)))
    return findings


def _callback(name: str, channel: str, account: WeixinAccess) -> Finding:
    try:
        WeixinCallback(account.callback_token, account.callback_aes_key, account.appid)
    except CallbackError as err:
        return Finding(False, _say("bad_callback", channel=channel, setting=name, detail=err.detail))
    return Finding(True, _say("callback" if account.callback_aes_key else "plain_callback", channel=channel, setting=name))


async def _sms(parts: Core, sms: SmsAccess | None) -> list[Finding]:
    channel = _texts()["channels"]["sms"]
    if sms is None:
        return [Finding(True, _say("not_used", channel=channel, setting="sms.url"))]
    async with aiohttp.ClientSession() as session:
        provider = HttpSmsProvider(session, sms.url, sms.app_id, sms.secret, parts.clock, rng=SystemRandom())
        try:
            await provider.check()
        except PushRefused as refused:
            return [Finding(False, _refused(refused, "sms", channel, sms.url))]
    return [Finding(True, _say("sms", channel=channel, url=sms.url))]


def _task(access: PushAccess) -> list[Finding]:
    """Follow-ups are announced with the template `task`: a channel without one is never used for them."""
    accounts = {"official_account": access.official_account, "mini_program": access.mini_program, "sms": access.sms}
    return [
        Finding(False, _say("no_task", channel=_texts()["channels"][name], setting=f"{name}.templates.task"))
        for name, account in accounts.items()
        if account is not None and "task" not in account.templates
    ]


def _refused(refused: PushRefused, name: str, channel: str, url: str) -> str:
    known = _texts()["errors"]
    text = known.get(refused.errcode) or known.get(f"{name}_{refused.code}") or known.get(refused.code) or known["other"]
    return str(text).format(channel=channel, setting=name, url=url, code=refused.code, errcode=refused.errcode)
