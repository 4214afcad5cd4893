"""网页授权: the page that says who opens a link in WeChat, and the call that turns its code into an openid."""

import secrets
from typing import Any
from urllib.parse import urlencode

from aiohttp import web

from integrations.wecom.simulator import login_page
from integrations.weixin.simulator.accounts import CODE_SECONDS, app_of
from integrations.weixin.simulator.config import AppConfig
from integrations.weixin.simulator.errors import ApiError
from integrations.weixin.simulator.simulator import Simulator
from integrations.weixin.simulator.state import WebCode, openid_of

SCOPES = ("snsapi_base", "snsapi_userinfo")


def authorize(sim: Simulator, request: web.Request) -> web.Response:
    """`/connect/oauth2/authorize`: asks as whom to go on, since nobody is signed in to a simulated WeChat; `openid` in the address
    answers beforehand."""
    query = request.query
    try:
        app = _checked(sim, request)
    except ApiError as error:
        return login_page.refuse(error.code, error.text)
    openid = query.get("openid")
    if openid is None:
        people = [(openid_of(app.appid, each.unionid), each.name) for each in sim.world.people.values()]
        return login_page.show("people.html", query=urlencode(list(query.items())), people=people)
    person = sim.person_at(app, openid)
    if person is None:
        return login_page.refuse(40003, "invalid openid")
    code = f"0{sim.rng.getrandbits(120):030x}"
    sim.world.web_codes[code] = WebCode(app.appid, person.unionid, query["scope"], sim.now)
    return login_page.back(query["redirect_uri"], code=code, state=query.get("state", ""))


def _checked(sim: Simulator, request: web.Request) -> AppConfig:
    query = request.query
    for name, code in (("appid", 10012), ("redirect_uri", 10011), ("scope", 10010)):
        if not query.get(name):
            raise ApiError(code)
    app = sim.apps.get(query["appid"])
    if app is None:
        raise ApiError(40013)
    if app.kind != "official_account":
        raise ApiError(10016)
    if query["scope"] not in SCOPES or query.get("response_type") != "code":
        raise ApiError(10005)
    if not login_page.is_trusted(query["redirect_uri"], login_page.domains_of(app, request.host)):
        raise ApiError(10003)
    return app


def access_token(sim: Simulator, query: dict[str, str]) -> dict[str, Any]:
    """`sns/oauth2/access_token`: whose code this is; once, within five minutes. The unionid only for `snsapi_userinfo`."""
    for name, code in (("appid", 41002), ("secret", 41004), ("code", 41008)):
        if not query.get(name):
            raise ApiError(code)
    app = app_of(sim, query["appid"], query["secret"])
    if query.get("grant_type") != "authorization_code":
        raise ApiError(40002)
    held = sim.world.web_codes.get(query["code"])
    if held is None or held.appid != app.appid:
        raise ApiError(40029)
    if held.used:
        raise ApiError(40163)
    if sim.now - held.at > CODE_SECONDS:
        raise ApiError(42003)
    held.used = True
    return {
        "access_token": "98_" + secrets.token_urlsafe(64),
        "expires_in": 7200,
        "refresh_token": "98_" + secrets.token_urlsafe(64),
        "openid": openid_of(app.appid, held.unionid),
        "scope": held.scope,
        **({"unionid": held.unionid} if held.scope == "snsapi_userinfo" else {}),
    }
