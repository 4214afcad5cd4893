"""What the control handlers share: finding the simulator, reading JSON, answering errors."""

import json
from collections.abc import Awaitable, Callable
from typing import Any

from aiohttp import web

from integrations.wecom.simulator.api import to_json
from integrations.wecom.simulator.errors import ApiError, ControlError
from integrations.wecom.simulator.simulator import Simulator

SIMULATOR = web.AppKey("simulator", Simulator)
__all__ = ["SIMULATOR", "answer_errors", "member_of", "read_object", "sim_of", "text_field", "to_json"]
_REQUIRED = object()


def sim_of(request: web.Request) -> Simulator:
    """The simulator that serves this request, also when it is mounted under a prefix."""
    return request.config_dict[SIMULATOR]


async def read_object(request: web.Request) -> dict[str, Any]:
    """The JSON object in the body; an empty body is an empty object. Raises ControlError 400."""
    raw = await request.read()
    try:
        body = json.loads(raw) if raw else {}
    except ValueError:
        raise ControlError(400, "the body is not JSON") from None
    if not isinstance(body, dict):
        raise ControlError(400, "the body must be a JSON object")
    return body


def member_of(request: web.Request) -> tuple[Simulator, str]:
    """The simulator and the userid in the path; raises ControlError 404 for an unknown member."""
    sim, userid = sim_of(request), request.match_info["userid"]
    if userid not in sim.world.members:
        raise ControlError(404, f"no member {userid}")
    return sim, userid


def text_field(body: dict[str, Any], name: str, default: Any = _REQUIRED) -> str:
    """A string field; raises ControlError 400 if it is no string, or missing without a default."""
    value = body.get(name, default)
    if value is _REQUIRED or not isinstance(value, str):
        raise ControlError(400, f"{name} must be given as a string")
    return value


@web.middleware
async def answer_errors(request: web.Request, handler: Callable[[web.Request], Awaitable[web.StreamResponse]]) -> web.StreamResponse:
    """Turn a refused control call into {"error": sentence} with its HTTP status."""
    try:
        return await handler(request)
    except ControlError as err:
        response = to_json({"error": err.text})
        response.set_status(err.code)
        return response
    except ApiError as err:
        response = to_json({"error": err.text, "errcode": err.code})
        response.set_status(409)
        return response
