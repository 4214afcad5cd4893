"""Tokens, who a follower is, who opened the mini program, which templates there are."""

import secrets
from typing import Any

from integrations.weixin.simulator.config import AppConfig
from integrations.weixin.simulator.errors import ApiError
from integrations.weixin.simulator.simulator import Simulator
from integrations.weixin.simulator.state import Token, openid_of

CODE_SECONDS = 300
FORCED_A_DAY, FORCED_APART = 20, 30
# When a new token is made the old one goes on for five minutes, so that nobody stumbles.
OVERLAP = 300


def app_of(sim: Simulator, appid: Any, secret: Any) -> AppConfig:
    """The account of that id and secret."""
    app = sim.apps.get(appid)
    if app is None:
        raise ApiError(40013)
    if secret != app.secret:
        raise ApiError(40125)
    return app


def token(sim: Simulator, query: dict[str, str]) -> dict[str, Any]:
    """`cgi-bin/token`: every call makes a new token, and the one before it ends in five minutes."""
    if query.get("grant_type") != "client_credential":
        raise ApiError(40002)
    app = app_of(sim, query.get("appid"), query.get("secret"))
    for held in sim.world.tokens.values():
        if held.appid == app.appid and not held.stable:
            held.until = min(held.until, sim.now + OVERLAP)
    return _new(sim, app, stable=False)


def stable_token(sim: Simulator, body: dict[str, Any]) -> dict[str, Any]:
    """`cgi-bin/stable_token`: the same token until five minutes before its end; forced: a new one, and the old one ends at once."""
    if body.get("grant_type") != "client_credential":
        raise ApiError(40002)
    app = app_of(sim, body.get("appid"), body.get("secret"))
    stable = [(name, held) for name, held in sim.world.tokens.items() if held.appid == app.appid and held.stable and held.until > sim.now]
    if body.get("force_refresh") is True:
        recent = [at for at in sim.world.forced.get(app.appid, []) if sim.now - at < 86400]
        if not recent or (len(recent) < FORCED_A_DAY and sim.now - recent[-1] >= FORCED_APART):
            sim.world.forced[app.appid] = [*recent, sim.now]
            for name, _ in stable:
                del sim.world.tokens[name]
            return _new(sim, app, stable=True)
    for name, held in stable:
        if held.until - sim.now > OVERLAP:
            return {"access_token": name, "expires_in": int(held.until - sim.now)}
    return _new(sim, app, stable=True)


def _new(sim: Simulator, app: AppConfig, *, stable: bool) -> dict[str, Any]:
    name = "99_" + secrets.token_urlsafe(96)
    sim.world.tokens = {key: held for key, held in sim.world.tokens.items() if held.until > sim.now}
    sim.world.tokens[name] = Token(app.appid, sim.now + sim.switches.token_seconds, stable)
    return {"access_token": name, "expires_in": sim.switches.token_seconds}


def caller(sim: Simulator, access_token: str | None) -> AppConfig:
    """The account whose token this is."""
    if not access_token:
        raise ApiError(41001)
    held = sim.world.tokens.get(access_token)
    if held is None:
        raise ApiError(40001)
    if held.until <= sim.now:
        raise ApiError(42001)
    return sim.apps[held.appid]


def user_info(sim: Simulator, app: AppConfig, query: dict[str, str]) -> dict[str, Any]:
    """`cgi-bin/user/info`: a follower with his unionid; of others only that they do not follow."""
    if app.kind != "official_account":
        raise ApiError(48001)
    openid = query.get("openid", "")
    person = sim.person_at(app, openid)
    if person is None:
        raise ApiError(40003)
    since = sim.world.followers.get(openid)
    if since is None:
        return {"subscribe": 0, "openid": openid}
    return {"subscribe": 1, "openid": openid, "language": "zh_CN", "subscribe_time": int(since), "unionid": person.unionid, "remark": ""}


def followers(sim: Simulator, app: AppConfig, query: dict[str, str]) -> dict[str, Any]:
    """`cgi-bin/user/get`: the followers' openids, 10,000 a page."""
    if app.kind != "official_account":
        raise ApiError(48001)
    everyone = sorted(sim.world.followers)
    after = query.get("next_openid", "")
    page = [each for each in everyone if each > after][:10_000]
    data = {"data": {"openid": page}} if page else {}
    return {"total": len(everyone), "count": len(page), **data, "next_openid": page[-1] if page else ""}


def code_to_session(sim: Simulator, query: dict[str, str]) -> dict[str, Any]:
    """`sns/jscode2session`: whose login code this is; once, within five minutes."""
    app = app_of(sim, query.get("appid"), query.get("secret"))
    if query.get("grant_type") != "authorization_code":
        raise ApiError(40002)
    held = sim.world.codes.get(query.get("js_code", ""))
    if held is None or held[0] != app.appid or sim.now - held[2] > CODE_SECONDS:
        raise ApiError(40029)
    if held[3]:
        raise ApiError(40163)
    held[3] = True
    return {"openid": openid_of(app.appid, held[1]), "session_key": secrets.token_urlsafe(16), "unionid": held[1]}


def private_templates(sim: Simulator, app: AppConfig) -> dict[str, Any]:
    """`cgi-bin/template/get_all_private_template`: the template messages of an official account."""
    if app.kind != "official_account":
        raise ApiError(48001)
    rows = [each for each in app.templates if each.kind == "template"]
    return {
        "template_list": [
            {"template_id": each.id, "title": each.title, "content": "\n".join(f"{{{{{word}.DATA}}}}" for word in each.keywords)}
            for each in rows
        ]
    }


def subscription_templates(sim: Simulator, app: AppConfig) -> dict[str, Any]:
    """`wxaapi/newtmpl/gettemplate`: the subscription templates; type 2 for one message, 3 for good."""
    rows = [each for each in app.templates if each.kind != "template"]
    return {
        "data": [
            {
                "priTmplId": each.id,
                "title": each.title,
                "content": "\n".join(f"{{{{{word}.DATA}}}}" for word in each.keywords),
                "type": 2 if each.kind == "one_time" else 3,
            }
            for each in rows
        ]
    }
