"""How a WeCom call is served: faults, address, token, rights, body, handler, and the shape of the answer."""

import asyncio
import inspect
import json
from typing import Any

from aiohttp import web

from integrations.wecom.simulator import (
    agents,
    contacts,
    directory,
    kf_accounts,
    kf_customers,
    kf_messages,
    kf_state,
    mass,
    media,
    messages,
    tags,
    tokens,
)
from integrations.wecom.simulator.config import AppConfig
from integrations.wecom.simulator.errors import ApiError, error_body
from integrations.wecom.simulator.faults import Fault
from integrations.wecom.simulator.simulator import Call, Endpoint, Simulator
from integrations.wecom.simulator.validate import check

ENDPOINTS: dict[str, Endpoint] = {
    **tokens.ENDPOINTS,
    **kf_messages.ENDPOINTS,
    **kf_state.ENDPOINTS,
    **kf_accounts.ENDPOINTS,
    **kf_customers.ENDPOINTS,
    **messages.ENDPOINTS,
    **media.ENDPOINTS,
    **contacts.ENDPOINTS,
    **tags.ENDPOINTS,
    **mass.ENDPOINTS,
    **directory.ENDPOINTS,
    **agents.ENDPOINTS,
}
NO_APP = AppConfig(secret="", agentid=0, name="", rights=frozenset())


async def serve(sim: Simulator, request: web.Request) -> web.StreamResponse:
    """Answer one `/cgi-bin/…` request. Errors are JSON with HTTP status 200, as in the real service."""
    path = request.match_info["path"].strip("/")
    fault = sim.faults.take(path, sim.now)
    if fault and not fault.after and (reply := await _fail(sim, request, path, fault)):
        return reply
    try:
        result = await _answer(sim, request, path)
    except ApiError as error:
        reply = _refuse(sim, request, path, error)
    else:
        reply = result if isinstance(result, web.StreamResponse) else to_json({"errcode": 0, "errmsg": "ok", **result})
    if fault and fault.after:
        return await _fail(sim, request, path, fault) or reply
    return reply


async def _answer(sim: Simulator, request: web.Request, path: str) -> Any:
    endpoint = ENDPOINTS.get(path)
    if endpoint is None:
        raise ApiError(40058, f"unknown path /cgi-bin/{path}")
    if request.method not in endpoint.methods:
        raise ApiError(40058, f"{path} takes {' or '.join(endpoint.methods)}")
    app = _check_caller(sim, request, path, endpoint)
    body: dict[str, Any] = {}
    if endpoint.reads_body:
        body = await _read_body(sim, request)
        check(endpoint.spec, body, strict=sim.switches.strict_fields)
    call = Call(sim, app, path, request.query, body, request.remote or "", request)
    if endpoint.kf_account:
        _check_granted(sim, app, body.get(endpoint.kf_account) or request.query.get(endpoint.kf_account, ""))
    result = endpoint.run(call)
    return await result if inspect.isawaitable(result) else result


def _check_caller(sim: Simulator, request: web.Request, path: str, endpoint: Endpoint) -> AppConfig:
    if not endpoint.with_token:
        return NO_APP
    if sim.switches.ip_allow_list and request.remote not in sim.switches.ip_allow_list:
        raise ApiError(60020)
    app = tokens.check_token(sim, request.query.get("access_token"))
    for limit, seconds in ((sim.switches.api_per_minute, 60.0), (sim.switches.api_per_hour, 3600.0)):
        if not sim.windows.hit(path, limit=limit, seconds=seconds, now=sim.now):
            raise ApiError(45009)
    if endpoint.right and endpoint.right not in app.rights:
        raise ApiError(48002)
    return app


def _check_granted(sim: Simulator, app: AppConfig, open_kfid: str) -> None:
    """95004 for an account that is not there comes before 48007 for one that belongs to another app."""
    sim.account(open_kfid)
    if app.open_kfids is not None and open_kfid not in app.open_kfids:
        raise ApiError(48007)


async def _read_body(sim: Simulator, request: web.Request) -> dict[str, Any]:
    try:
        raw = await request.read()
    except web.HTTPRequestEntityTooLarge:
        raise ApiError(40206) from None
    if not raw and request.method == "GET":
        return {}
    if sim.switches.reject_unicode_escapes and rb"\u" in raw:
        raise ApiError(40033)
    try:
        body = json.loads(raw)
        json.dumps(body, ensure_ascii=False).encode()  # lone surrogates parse, but cannot be stored or sent on
    except (ValueError, RecursionError):
        body = None
    if not isinstance(body, dict):
        raise ApiError(40058, "invalid Request Parameter, Warning: wrong json format. ")
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
    sim.world.rejected_calls[key] = sim.world.rejected_calls.get(key, 0) + 1
    hint = f"{int(sim.now)}{sim.rng.randrange(10**14, 10**15)}"
    return to_json(error_body(error, hint=hint, ip=request.remote or ""))


def to_json(body: Any) -> web.Response:
    """JSON with raw UTF-8, as the platform writes it; half of a character pair, which UTF-8 cannot say, as an escape."""
    raw = json.dumps(body, ensure_ascii=False).encode("utf-8", "surrogatepass")
    try:
        raw.decode("utf-8")
    except UnicodeDecodeError:
        raw = json.dumps(body).encode()
    return web.Response(body=raw, content_type="application/json", charset="utf-8")
