"""The pages that a browser is sent to: OAuth inside the WeCom client, and the QR code for everywhere else.

Nobody is signed in to a simulated WeCom, so a page asks as whom to go on; `userid` in the address answers beforehand.
"""

import re
from collections.abc import Awaitable, Callable
from urllib.parse import urlencode

from aiohttp import web

from integrations.wecom.simulator import login_page, tokens
from integrations.wecom.simulator.config import AppConfig
from integrations.wecom.simulator.control_http import sim_of
from integrations.wecom.simulator.errors import ApiError
from integrations.wecom.simulator.simulator import Simulator
from integrations.wecom.simulator.state import Member, OAuthCode

_STATE = re.compile(r"[0-9A-Za-z]{0,128}")
OURS = ("userid", "outsider", "declined")  # what the page adds to the address


def _page(handler: Callable[[web.Request], web.Response]) -> Callable[[web.Request], Awaitable[web.Response]]:
    async def answer(request: web.Request) -> web.Response:
        try:
            return handler(request)
        except ApiError as error:
            return login_page.refuse(error.code, error.text)

    return answer


def authorize(request: web.Request) -> web.Response:
    """`/connect/oauth2/authorize`, inside the WeCom client."""
    query = request.query
    if query.get("response_type") != "code" or query.get("scope") != "snsapi_base":
        raise ApiError(40058, "response_type must be code and scope snsapi_base")
    # Without agentid the code is good for any app of the corp.
    app = _app(sim_of(request), query["agentid"]) if query.get("agentid") else None
    return _sign_in(request, app)


def scan(request: web.Request) -> web.Response:
    """`/wwlogin/sso/login`: the QR code."""
    if request.query.get("login_type") != "CorpApp":
        raise ApiError(40058, "login_type must be CorpApp")
    return _sign_in(request, _app(sim_of(request), request.query.get("agentid", "")), qr=True)


def old_scan(request: web.Request) -> web.Response:
    """`/wwopen/sso/qrConnect`: the older QR code, which also says whose app it was."""
    return _sign_in(request, _app(sim_of(request), request.query.get("agentid", "")), qr=True, appid=request.query.get("appid", ""))


def _app(sim: Simulator, agentid: str) -> AppConfig:
    if not agentid:
        raise ApiError(41011)
    app = sim.apps_by_agentid.get(int(agentid)) if re.fullmatch(r"[0-9]{1,9}", agentid) else None
    if app is None:
        raise ApiError(40056)
    return app


def _sign_in(request: web.Request, app: AppConfig | None, *, qr: bool = False, **more: str) -> web.Response:
    sim, query = sim_of(request), request.query
    if query.get("appid") != sim.config.corp_id:
        raise ApiError(40013)
    target, state = query.get("redirect_uri", ""), query.get("state", "")
    asked = [app] if app else sim.config.apps
    if not login_page.is_trusted(target, [domain for each in asked for domain in login_page.domains_of(each, request.host)]):
        raise ApiError(50001)
    if not _STATE.fullmatch(state):
        raise ApiError(40058, "state must be at most 128 letters and digits")
    if qr and "declined" in query:
        return login_page.back(target, state=state, **more)
    if not ("userid" in query or "outsider" in query):
        words = {"qr": qr, "app": (app or sim.config.apps[0]).name, "departments": _departments(sim)}
        return login_page.show("members.html", query=_kept(request), **words)
    code = OAuthCode(app.agentid if app else None, sim.now)
    if "userid" in query:
        member = sim.world.members.get(query["userid"])
        if member is None:
            raise ApiError(60111)
        code.userid = member.userid
    else:
        code.openid = sim.new_id("o", 28)
    return login_page.back(target, code=tokens.new_oauth_code(sim, code), state=state, **more)


def _kept(request: web.Request) -> str:
    return urlencode([(name, value) for name, value in request.query.items() if name not in OURS])


def _departments(sim: Simulator) -> list[tuple[str, list[Member]]]:
    """Active members under the first of their departments."""
    found: dict[int, list[Member]] = {number: [] for number in sim.world.departments}
    for member in sim.world.members.values():
        if member.active:
            found.setdefault(member.departments[0] if member.departments else 1, []).append(member)
    return [(sim.world.departments.get(number, ("", 0))[0], rows) for number, rows in found.items() if rows]


ROUTES = [
    web.get("/connect/oauth2/authorize", _page(authorize)),
    web.get("/wwlogin/sso/login", _page(scan)),
    web.get("/wwopen/sso/qrConnect", _page(old_scan)),
]
