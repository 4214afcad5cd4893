"""Signing in and out: by WeCom (inside its client, or by QR), or with a local account's password and second factor."""

import hmac
import secrets
from urllib.parse import urlencode

import structlog
from aiohttp import web
from sqlalchemy import select

from console.desk import BASE, DESK, SEAT, Desk
from console.form import words
from console.page import ANYBODY, NOBODY, get, open_sections, post, render
from console.password import Passwords, TooBusy, sign_in
from console.session import begin_session, end_session
from integrations.authorize import in_wecom
from records.staff import Staff

log = structlog.get_logger(__name__)

COOKIE, STATE = "careloop_staff", "careloop_sign_in"
# WeCom's own time for a code is 5 min; somebody who looks for his phone may take longer.
STATE_SECONDS = 600
PASSWORDS = web.AppKey("passwords", Passwords)


async def show(request: web.Request) -> web.StreamResponse:
    """The page; who is signed in already goes on."""
    if SEAT in request:
        return web.Response(status=303, headers={"Location": _onward(request.query.get("next", ""))})
    return _page(request)


async def home(request: web.Request) -> web.StreamResponse:
    """The first page that he may open."""
    mine = open_sections(request[SEAT])
    if not mine:
        return render(request, "console/nothing.html")
    return web.Response(status=303, headers={"Location": f"{BASE}{mine[0].path}"})


async def by_password(request: web.Request) -> web.StreamResponse:
    """Login, password and six-digit code."""
    desk, form = request.app[DESK], await request.post()
    login, code, onward = words(form, "login", 1000), words(form, "code", 1000), words(form, "next")
    # Of a password every sign counts.
    password = str(form.get("password", ""))[:1000]
    now = desk.clock()
    try:
        checked = await request.app[PASSWORDS].check(desk.db, login, password)
    except TooBusy:
        log.warning("too many passwords wait to be checked")
        return _page(request, wrong="busy", login=login, onward=onward, status=429)
    async with desk.db.transaction() as tx:
        staff = await sign_in(tx, checked, password, code, now)
        token = await begin_session(tx, staff, "password", _agent(request), now) if staff is not None else None
    if token is None:
        return _page(request, wrong="wrong", login=login, onward=onward, status=401)
    return _signed_in(desk, token, onward)


async def to_wecom(request: web.Request) -> web.StreamResponse:
    """Send the browser to WeCom. What it brings back must come to the browser that left: the state is in its cookie too."""
    desk = request.app[DESK]
    if desk.wecom is None:
        raise web.HTTPNotFound
    # WeCom takes letters and digits alone.
    state = secrets.token_hex(24)
    inside = in_wecom(_agent(request))
    back = f"{_origin(request, desk)}{BASE}/sign-in/wecom/back?{urlencode({'next': request.query.get('next', '')})}"
    response = web.Response(status=303, headers={"Location": desk.wecom.address(redirect_uri=back, state=state, inside=inside)})
    # Lax, because WeCom's page sends the browser back from another site.
    response.set_cookie(STATE, state, max_age=STATE_SECONDS, path=f"{BASE}/sign-in", httponly=True, secure=desk.secure, samesite="Lax")
    return response


async def from_wecom(request: web.Request) -> web.StreamResponse:
    """WeCom sends the browser back with a code."""
    desk, now = request.app[DESK], request.app[DESK].clock()
    if desk.wecom is None:
        raise web.HTTPNotFound
    kept, given = request.cookies.get(STATE, ""), request.query.get("state", "")
    onward = request.query.get("next", "")
    if not kept or not hmac.compare_digest(kept.encode(), given.encode()):
        return _page(request, wrong="state", onward=onward, status=400)
    try:
        userid = await desk.wecom.userid(request.query.get("code", "")[:512])
    except Exception as err:
        log.error("wecom sign-in failed", error=type(err).__name__, code=getattr(err, "code", None))
        return _page(request, wrong="wecom_down", onward=onward, status=502)
    async with desk.db.transaction() as tx:
        staff = await tx.scalar(select(Staff).where(Staff.userid == userid, Staff.active)) if userid else None
        token = await begin_session(tx, staff, "wecom", _agent(request), now) if staff is not None else None
    if token is None:
        return _page(request, wrong="stranger" if userid else "code", onward=onward, status=403)
    response = _signed_in(desk, token, onward)
    response.del_cookie(STATE, path=f"{BASE}/sign-in")
    return response


async def sign_out(request: web.Request) -> web.StreamResponse:
    """Over."""
    desk, seat = request.app[DESK], request[SEAT]
    async with desk.db.transaction() as tx:
        await end_session(tx, seat.token, desk.clock())
    response = web.Response(status=303, headers={"Location": f"{BASE}/sign-in"})
    response.del_cookie(COOKIE, path="/")
    return response


def _page(request: web.Request, *, wrong: str = "", login: str = "", onward: str | None = None, status: int = 200) -> web.Response:
    desk = request.app[DESK]
    onward = request.query.get("next", "") if onward is None else onward
    return render(request, "console/sign_in.html", status=status, wrong=wrong, login=login, onward=onward, by_wecom=desk.wecom is not None)


def _signed_in(desk: Desk, token: str, onward: str) -> web.Response:
    response = web.Response(status=303, headers={"Location": _onward(onward)})
    response.set_cookie(COOKIE, token, path="/", httponly=True, secure=desk.secure, samesite="Lax")
    return response


def _onward(wanted: str) -> str:
    """Where to go on to: a page of ours, and no other site."""
    ours = wanted.startswith(f"{BASE}/") and not any(sign in wanted for sign in ("\\", "\r", "\n", "//", "/.."))
    return wanted if ours else BASE


def _origin(request: web.Request, desk: Desk) -> str:
    return f"{'https' if desk.secure else request.scheme}://{request.host}"


def _agent(request: web.Request) -> str:
    return request.headers.get("User-Agent", "")


ROUTES = (
    get("", home, ANYBODY),
    get("/", home, ANYBODY),
    get("/sign-in", show, NOBODY),
    post("/sign-in", by_password, NOBODY),
    get("/sign-in/wecom", to_wecom, NOBODY),
    get("/sign-in/wecom/back", from_wecom, NOBODY),
    post("/sign-out", sign_out, ANYBODY),
)
