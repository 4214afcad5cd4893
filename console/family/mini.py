"""The mini program signs a carer in: a link for the one whose login code it brings. What else it asks, bot/push_gateway.py answers."""

import structlog
from aiohttp import web

from console.family.desk import FAMILY
from console.page import NOBODY, post
from integrations.callback_error import CallbackError
from integrations.weixin.login import read_code
from plans.family_link import PATH, make_link
from records.patient import Carer
from records.push_address import meet_visitor

log = structlog.get_logger(__name__)


async def login(request: web.Request) -> web.StreamResponse:
    """`{"code"}` → `{"token", "url"}`; else `{"code"}`: bad_code, unknown_family, not_configured, too_many, busy."""
    desk, now = request.app[FAMILY], request.app[FAMILY].clock()
    if desk.weixin is None or not desk.weixin.mini_program:
        return _refused("not_configured", 404)
    try:
        code = read_code(await request.read())
    except CallbackError:
        return _refused("bad_code", 400)
    if not desk.logins.try_take(now):
        return _refused("too_many", 429)
    try:
        who = await desk.weixin.login(code)
    except Exception as err:
        log.warning("the mini program cannot be asked", error=type(err).__name__, code=getattr(err, "code", None))
        return _refused("busy", 503)
    if who is None:
        return _refused("bad_code", 400)
    async with desk.db.transaction() as tx:
        carer_id = await meet_visitor(tx, str(who["openid"]), who.get("unionid"), now)
        carer = await tx.get(Carer, carer_id) if carer_id is not None else None
        if carer is None:
            return _refused("unknown_family", 403)
        token = await make_link(tx, carer, "mini_program", now)
    return web.json_response({"token": token, "url": f"{desk.origin}{PATH}"})


def _refused(code: str, status: int) -> web.Response:
    return web.json_response({"code": code}, status=status)


ROUTES = (post("/mini/login", login, NOBODY),)
