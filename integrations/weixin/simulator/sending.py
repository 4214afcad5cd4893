"""The three ways to push, each with its conditions and refusals."""

import hashlib
import json
from typing import Any
from urllib.parse import urlsplit

from integrations.push import PushRefused
from integrations.weixin.field import check_field
from integrations.weixin.simulator.config import AppConfig, TemplateConfig
from integrations.weixin.simulator.errors import ApiError
from integrations.weixin.simulator.simulator import Simulator
from integrations.weixin.simulator.state import Sent

TEMPLATE, NOTICE, SUBSCRIPTION = "message/template/send", "message/subscribe/bizsend", "message/subscribe/send"
REPEAT_SECONDS = 600
_FIELDS = {
    TEMPLATE: {"touser", "template_id", "url", "miniprogram", "client_msg_id", "data", "topcolor", "appid"},
    NOTICE: {"touser", "template_id", "page", "miniprogram", "data"},
    SUBSCRIPTION: {"touser", "template_id", "page", "miniprogram_state", "lang", "data"},
}


def send_template(sim: Simulator, app: AppConfig, body: dict[str, Any]) -> dict[str, Any]:
    """A template message: to followers, 100,000 a day, one of equal client_msg_ids within ten minutes."""
    if app.kind != "official_account":
        raise ApiError(48001)
    openid, template = _checked(sim, app, TEMPLATE, body, ("template",))
    if openid not in sim.world.followers:
        raise ApiError(43004)
    url = body.get("url")
    if url and urlsplit(str(url)).scheme not in ("http", "https"):
        raise ApiError(40066)
    key = _repeat_key(app, body)
    if key and (known := sim.world.client_msg_ids.get(key)) and sim.now - known[0] < REPEAT_SECONDS:
        if sim.switches.repeated_client_msg_id is not None:
            raise ApiError(sim.switches.repeated_client_msg_id)
        return {"msgid": int(known[1])}
    _within_quota(sim, app, TEMPLATE)
    sent = _take(sim, app, TEMPLATE, openid, template, body)
    if key:
        sim.world.client_msg_ids[key] = [sim.now, sent.msgid]
    return {"msgid": sent.msgid}


def send_notice(sim: Simulator, app: AppConfig, body: dict[str, Any]) -> dict[str, Any]:
    """A subscription notice of an official account: to whoever agreed, follower or not."""
    if app.kind != "official_account":
        raise ApiError(48001)
    openid, template = _checked(sim, app, NOTICE, body, ("one_time", "long_term"))
    _within_quota(sim, app, NOTICE)
    _use(sim, openid, template)
    return {"msgid": _take(sim, app, NOTICE, openid, template, body).msgid}


def send_subscription(sim: Simulator, app: AppConfig, body: dict[str, Any]) -> dict[str, Any]:
    """A subscription message of a mini program: one for one agreement, or five a day for a long-term one."""
    if app.kind != "mini_program":
        raise ApiError(48001)
    if body.get("miniprogram_state", "formal") not in ("formal", "trial", "developer"):
        raise ApiError(47003, "miniprogram_state")
    if body.get("lang", "zh_CN") not in ("zh_CN", "en_US", "zh_HK", "zh_TW"):
        raise ApiError(47003, "lang")
    page = str(body.get("page") or "")
    if page and app.pages and page.split("?", 1)[0] not in app.pages:
        raise ApiError(41030)
    openid, template = _checked(sim, app, SUBSCRIPTION, body, ("one_time", "long_term"))
    _within_quota(sim, app, SUBSCRIPTION)
    _use(sim, openid, template)
    return {"msgid": _take(sim, app, SUBSCRIPTION, openid, template, body).msgid}


def _checked(sim: Simulator, app: AppConfig, path: str, body: dict[str, Any], kinds: tuple[str, ...]) -> tuple[str, TemplateConfig]:
    """Recipient and template, after every field has been looked at."""
    if unknown := sorted(body.keys() - _FIELDS[path]):
        raise ApiError(47001, f"unknown field {unknown[0]}")
    openid = body.get("touser")
    if not isinstance(openid, str) or sim.person_at(app, openid) is None:
        raise ApiError(40003)
    template = next((each for each in app.templates if each.id == body.get("template_id") and each.kind in kinds), None)
    if template is None:
        raise ApiError(40037)
    data = body.get("data")
    if not isinstance(data, dict):
        raise ApiError(47001, "data")
    for keyword in template.keywords:
        given = data.get(keyword)
        value = given.get("value") if isinstance(given, dict) else None
        try:
            check_field(keyword, value if isinstance(value, str) else "")
        except PushRefused:
            raise ApiError(47003, f"data.{keyword}.value invalid") from None
    if strange := sorted(data.keys() - set(template.keywords)):
        raise ApiError(47003, f"data.{strange[0]} is not in the template")
    return openid, template


def _within_quota(sim: Simulator, app: AppConfig, path: str) -> None:
    if sim.world.day_counts.get(f"{app.appid} {path} {sim.today()}", 0) >= sim.switches.day_quota:
        raise ApiError(45009)


def _use(sim: Simulator, openid: str, template: TemplateConfig) -> None:
    """Use one message of an agreement, if there is one left. The day's cap is looked at first: it takes nothing."""
    consent = sim.consent(openid, template.id)
    if consent.left is None:
        key = f"{openid} {template.id} {sim.today()}"
        if sim.world.day_counts.get(key, 0) >= sim.switches.long_term_a_day:
            raise ApiError(40038)
        sim.world.day_counts[key] = sim.world.day_counts.get(key, 0) + 1
    elif consent.left < 1:
        raise ApiError(43101)
    else:
        consent.left -= 1


def _take(sim: Simulator, app: AppConfig, path: str, openid: str, template: TemplateConfig, body: dict[str, Any]) -> Sent:
    key = f"{app.appid} {path} {sim.today()}"
    sim.world.day_counts[key] = sim.world.day_counts.get(key, 0) + 1
    status = "failed:user block" if openid in sim.world.blocking else "success"
    sent = Sent(sim.number(), app.appid, path, openid, template.id, sim.now, body, status)
    sim.world.sent.append(sent)
    sim.report(app, sent)
    return sent


def _repeat_key(app: AppConfig, body: dict[str, Any]) -> str | None:
    named = body.get("client_msg_id")
    return hashlib.sha256(json.dumps([app.appid, body["touser"], named]).encode()).hexdigest() if named else None
