"""How a call is served: faults, address, token, body, handler, and the shape of the answer."""

import asyncio
import json
from typing import Any

from aiohttp import web

from integrations.wecom.simulator.faults import Fault
from integrations.weixin.simulator import accounts, sending, web_login
from integrations.weixin.simulator.errors import ApiError, error_body
from integrations.weixin.simulator.simulator import Simulator

_SENDS = {
    "cgi-bin/" + sending.TEMPLATE: sending.send_template,
    "cgi-bin/" + sending.NOTICE: sending.send_notice,
    "cgi-bin/" + sending.SUBSCRIPTION: sending.send_subscription,
}
_READS = {"cgi-bin/user/info": accounts.user_info, "cgi-bin/user/get": accounts.followers}
_LISTS = {
    "cgi-bin/template/get_all_private_template": accounts.private_templates,
    "wxaapi/newtmpl/gettemplate": accounts.subscription_templates,
}


async def serve(sim: Simulator, request: web.Request) -> web.StreamResponse:
    """Answer one call. Errors are JSON with HTTP status 200, as in the real service."""
    path = request.path[request.path.index("/" + request.match_info["top"] + "/") + 1 :].rstrip("/")
    fault = sim.faults.take(path.removeprefix("cgi-bin/"), sim.now)
    if fault and not fault.after and (reply := await _fail(sim, request, path, fault)):
        return reply
    try:
        answer = to_json({"errcode": 0, "errmsg": "ok", **await _answer(sim, request, path)})
    except ApiError as error:
        answer = _refuse(sim, request, path, error)
    if fault and fault.after:
        return await _fail(sim, request, path, fault) or answer
    return answer


async def _answer(sim: Simulator, request: web.Request, path: str) -> dict[str, Any]:
    query = dict(request.query)
    if sim.switches.ip_allow_list and request.remote not in sim.switches.ip_allow_list:
        raise ApiError(40164, f"ip {request.remote}")
    if path == "cgi-bin/token":
        _only(request, "GET")
        return accounts.token(sim, query)
    if path == "sns/jscode2session":
        _only(request, "GET")
        return accounts.code_to_session(sim, query)
    if path == "sns/oauth2/access_token":
        _only(request, "GET")
        return web_login.access_token(sim, query)
    if path == "cgi-bin/stable_token":
        _only(request, "POST")
        return accounts.stable_token(sim, await _body(request))
    if path in _SENDS:
        _only(request, "POST")
        return _SENDS[path](sim, accounts.caller(sim, query.get("access_token")), await _body(request))
    _only(request, "GET")
    if path in _READS:
        return _READS[path](sim, accounts.caller(sim, query.get("access_token")), query)
    if path in _LISTS:
        return _LISTS[path](sim, accounts.caller(sim, query.get("access_token")))
    raise ApiError(40097, f"unknown path /{path}")


def _only(request: web.Request, method: str) -> None:
    if request.method != method:
        raise ApiError(43001 if method == "GET" else 43002)


async def _body(request: web.Request) -> dict[str, Any]:
    try:
        body = json.loads(await request.read())
        json.dumps(body, ensure_ascii=False).encode()  # lone surrogates parse, but cannot be stored or sent on
    except (ValueError, RecursionError):
        body = None
    if not isinstance(body, dict):
        raise ApiError(47001)
    return body


async def _fail(sim: Simulator, request: web.Request, path: str, fault: Fault) -> web.StreamResponse | None:
    """The answer that a fault orders; None if it only delays."""
    if fault.delay:
        await asyncio.sleep(fault.delay)
    if fault.drop and request.transport is not None:
        request.transport.abort()
        return web.Response()
    if fault.errcode is not None:
        return _refuse(sim, request, path, ApiError(fault.errcode))
    if fault.http_status is not None or fault.body is not None:
        return web.Response(status=fault.http_status or 200, text=fault.body or "", content_type="application/json")
    return None


def _refuse(sim: Simulator, request: web.Request, path: str, error: ApiError) -> web.Response:
    key = f"{path} {error.code}"
    sim.world.rejected[key] = sim.world.rejected.get(key, 0) + 1
    return to_json(error_body(error, rid=f"{int(sim.now):x}-{sim.rng.getrandbits(32):08x}-{sim.rng.getrandbits(32):08x}"))


def to_json(body: Any) -> web.Response:
    """JSON with raw UTF-8, as the platform writes it."""
    return web.Response(text=json.dumps(body, ensure_ascii=False), content_type="application/json")
