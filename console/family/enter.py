"""How a carer comes in: by a link from the chat, or, inside WeChat, because the official account knows whose phone it is."""

import re
import secrets

import structlog
from aiohttp import web

from console.family.desk import BASE, FAMILY, VISITOR
from console.family.page import child_of, render, see_other, sorry
from console.family.session import LASTS, begin_session, end_session
from console.forgery import check_same_site
from console.page import ANYBODY, NOBODY, get, post
from integrations.authorize import in_weixin
from plans.content.link import ADDRESS as CONTENT
from plans.family_link import find_link
from records.chat import latest_chat
from records.push_address import carer_at, know_visitor

log = structlog.get_logger(__name__)

COOKIE, STATE = "careloop_family", "careloop_family_state"
# Pages that may be named before it is known which child they are about. Beside these only a content's page is gone on to.
PAGES = ("today", "calendar", "report", "trends", "learn", "results", "medicines", "questionnaires", "privacy", "more")
_NEXT = re.compile(rf"{BASE}/(?:\d{{1,18}}/)?(?:{'|'.join(PAGES)})|{CONTENT}")
_STATE_LASTS = 300


async def ask(request: web.Request) -> web.StreamResponse:
    """The link was opened. Previews open links too, so a button (pressed by the page's own script) takes it."""
    desk, token = request.app[FAMILY], request.query.get("token", "")
    if not token:
        return see_other("/") if VISITOR in request else to_enter(request)
    async with desk.db.transaction() as tx:
        found = await find_link(tx, token, desk.clock())
        if found.link is not None and VISITOR in request and request[VISITOR].carer.id == found.link.carer_id:
            return _go_on(request.query.get("next"))
        if found.because is not None:
            return _gone(request, found.because)
    return render(request, "enter.html", token=token, next=_harmless(request.query.get("next")))


async def take(request: web.Request) -> web.StreamResponse:
    """The link is taken by this device, which may open the pages from now on."""
    desk, now = request.app[FAMILY], request.app[FAMILY].clock()
    await check_same_site(request, None)
    form = await request.post()
    async with desk.db.transaction() as tx:
        found = await find_link(tx, str(form.get("token", "")), now)
        if found.link is None or found.because is not None:
            if found.link is not None and VISITOR in request and request[VISITOR].carer.id == found.link.carer_id:
                return _go_on(str(form.get("next", "")))
            return _gone(request, found.because or "forged")
        token = await begin_session(tx, found.link.carer_id, found.link.way, request.headers.get("User-Agent", ""), now, found.link)
    return _let_in(request, token, str(form.get("next", "")))


def to_enter(request: web.Request) -> web.StreamResponse:
    """Nobody is known on this device: inside WeChat the official account is asked, elsewhere it is said how to get a link."""
    desk = request.app[FAMILY]
    asked = STATE in request.cookies
    weixin = desk.weixin
    if request.method == "GET" and weixin and weixin.official_account and not asked and in_weixin(request.headers.get("User-Agent", "")):
        state = secrets.token_hex(16)
        response = web.Response(status=303, headers={"Location": weixin.address(f"{desk.origin}{BASE}/back", state)})
        _keep(request, response, STATE, f"{state}:{_harmless(request.path)}", _STATE_LASTS)
        return response
    return _gone(request, "nobody", 401)


async def back(request: web.Request) -> web.StreamResponse:
    """WeChat has sent the phone back: who it is, if the official account's openid is known to be a carer's."""
    desk, now = request.app[FAMILY], request.app[FAMILY].clock()
    state, _, then = request.cookies.get(STATE, "").partition(":")
    given, code = request.query.get("state", ""), request.query.get("code", "")
    if desk.weixin is None or not state or not secrets.compare_digest(state.encode(), given.encode()):
        return _gone(request, "nobody", 401)
    try:
        openid = await desk.weixin.openid(code)
    except Exception as err:
        log.warning("the official account cannot be asked", error=type(err).__name__, code=getattr(err, "code", None))
        return _gone(request, "nobody", 401)
    async with desk.db.transaction() as tx:
        if openid is None:
            return _gone(request, "nobody", 401)
        carer_id = await carer_at(tx, "official_account", openid)
        if carer_id is None:
            # Whose it is, is found out by the unionid; the next visit will know.
            await know_visitor(tx, "official_account", openid, now)
            return _gone(request, "nobody", 401)
        token = await begin_session(tx, carer_id, "official_account", request.headers.get("User-Agent", ""), now)
    return _let_in(request, token, then)


async def home(request: web.Request) -> web.StreamResponse:
    """The child whom the chat is about, else the youngest; `page` where one was asked for."""
    desk, visitor = request.app[FAMILY], request[VISITOR]
    if not visitor.children:
        return sorry(request, "no_child")
    async with desk.db.transaction() as tx:
        chat = await latest_chat(tx, visitor.carer.id)
    child = next((each for each in visitor.children if chat is not None and each.id == chat.patient_id), visitor.children[0])
    return see_other(f"/{child.id}/{request.match_info.get('page', 'today')}")


async def more(request: web.Request) -> web.StreamResponse:
    """Whatever has no tab of its own."""
    return render(request, "more.html", child=child_of(request))


async def leave(request: web.Request) -> web.StreamResponse:
    """This device is done."""
    desk = request.app[FAMILY]
    async with desk.db.transaction() as tx:
        await end_session(tx, request[VISITOR].token, desk.clock())
    response = sorry(request, "left")
    response.del_cookie(COOKIE, path=BASE)
    return response


def _gone(request: web.Request, why: str, status: int | None = None) -> web.Response:
    return sorry(request, why, status or (404 if why == "forged" else 410))


def _let_in(request: web.Request, token: str, then: str) -> web.Response:
    response = _go_on(then)
    _keep(request, response, COOKIE, token, int(LASTS.total_seconds()))
    response.del_cookie(STATE, path=BASE)
    return response


def _go_on(then: str | None) -> web.Response:
    return web.Response(status=303, headers={"Location": _harmless(then) or f"{BASE}/"})


def _harmless(then: str | None) -> str:
    """A page of ours to go on with; empty for any other address."""
    return then if then and _NEXT.fullmatch(then) else ""


def _keep(request: web.Request, response: web.Response, name: str, value: str, seconds: int) -> None:
    secure = request.app[FAMILY].secure
    response.set_cookie(name, value, max_age=seconds, path=BASE, httponly=True, samesite="Lax", secure=secure)


ROUTES = (
    get("/enter", ask, NOBODY),
    post("/enter", take, NOBODY),
    get("/back", back, NOBODY),
    get("/", home, ANYBODY),
    get(f"/{{page:{'|'.join(PAGES)}}}", home, ANYBODY),
    get(r"/{child:\d{1,18}}/more", more, ANYBODY),
    post("/leave", leave, ANYBODY),
)
