"""The console at /console: who comes in, what each answer carries, and what is said when something goes wrong."""

from collections.abc import Iterable
from urllib.parse import urlencode

import structlog
from aiohttp import web
from aiohttp.typedefs import Handler
from sqlalchemy.exc import DBAPIError

from console.admin import ROUTES as ADMIN
from console.admin.minors_audit import MINORS_KEPT, shelf_of_audits
from console.cohorts import ROUTES as COHORTS
from console.content_centre import ROUTES as CONTENT
from console.corrections import ROUTES as CORRECTIONS
from console.counted import COUNTS
from console.desk import BASE, DESK, SEAT, Desk
from console.fence import guard_answer, route_name
from console.forgery import check_same_site
from console.form import plain, reading_body
from console.inbox import ROUTES as INBOX
from console.live.stream import PATH as LIVE_PATH
from console.live.stream import ROUTES as LIVE
from console.live.stream import add_live
from console.mass import ROUTES as MASS
from console.page import ANYBODY, BY_ITSELF, NOBODY, WAITING, Route, by_htmx, render, sentences
from console.password import Passwords
from console.patients.routes import ROUTES as PATIENTS
from console.phone import ROUTES as PHONE
from console.plans import ROUTES as PLANS
from console.reports import ROUTES as REPORTS
from console.reports.kept import KEPT_FOR, REPORTS_KEPT, shelf_of_reports
from console.retraining import ROUTES as RETRAINING
from console.retraining.checks import CHECKS
from console.session import seat_of
from console.shelf import Memory, Shelf
from console.sign_in import COOKIE, PASSWORDS
from console.sign_in import ROUTES as SIGN_IN
from console.team import ROUTES as TEAM
from console.tour import ROUTES as TOUR
from console.waiting import ROUTES as WAITING_ROUTES
from console.waiting import waiting
from console.work import ROUTES as WORK
from integrations.authorize import in_wecom
from records.database import is_unable
from records.patient import AccessRefused
from records.refusal import AccessRefusal
from records.role import RightMissing

log = structlog.get_logger(__name__)

ROUTES: tuple[Route, ...] = (
    *SIGN_IN,
    *LIVE,
    *WAITING_ROUTES,
    *WORK,
    *CORRECTIONS,
    *INBOX,
    *PATIENTS,
    *PHONE,
    *COHORTS,
    *CONTENT,
    *MASS,
    *PLANS,
    *REPORTS,
    *RETRAINING,
    *TEAM,
    *TOUR,
    *ADMIN,
)
NEEDS = web.AppKey("needs", dict[web.AbstractRoute, Route])


def console_app(desk: Desk, routes: Iterable[Route] = ROUTES) -> web.Application:
    """The application to be mounted at /console."""
    app = web.Application(middlewares=[guard_answer, _errors, _seat])
    app[DESK] = desk
    app[NEEDS], app[PASSWORDS] = {}, Passwords()
    add_live(app)
    app[REPORTS_KEPT], app[MINORS_KEPT] = shelf_of_reports(desk.db), shelf_of_audits(desk.db)
    app[CHECKS], app[COUNTS] = Shelf(Memory(), kept_for=KEPT_FOR), Shelf(Memory())
    app.on_cleanup.append(_leave_off)
    for route in routes:
        app[NEEDS][app.router.add_route(route.method, route.path, route.handler)] = route
    return app


async def _leave_off(app: web.Application) -> None:
    for shelf in (app[REPORTS_KEPT], app[MINORS_KEPT], app[CHECKS], app[COUNTS]):
        await shelf.close()


@web.middleware
async def _errors(request: web.Request, handler: Handler) -> web.StreamResponse:
    """A refusal is noted and looks like what is not there; the unforeseen is logged once, without a word of what was sent."""
    try:
        return await handler(request)
    except AccessRefused as err:
        await _note_refusal(request, err.code, str(err))
        return sorry(request, "not_found", 404)
    except RightMissing as err:
        await _note_refusal(request, err.code, str(err))
        return sorry(request, "no_right", 403)
    except web.HTTPNotFound:
        return sorry(request, "not_found", 404)
    except web.HTTPRequestEntityTooLarge:
        return sorry(request, "too_large", 413)
    except web.HTTPException as err:
        return err if err.status < 400 else sorry(request, "bad_request", err.status)
    except ConnectionResetError:
        raise
    except Exception as err:
        if is_unable(err):
            log.error("page without database", path=route_name(request, BASE), error=type(err).__name__)
            return sorry(request, "away", 503)
        log.exception("page failed", path=route_name(request, BASE), error=type(err).__name__)
        return sorry(request, "internal", 500)


@web.middleware
async def _seat(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Let nobody but staff with the right come to what the route needs, and nothing be done that another site began."""
    desk, token = request.app[DESK], request.cookies.get(COOKIE)
    # Who is signed in hears that something is not there; what is there and is not listed is for nobody.
    absent = request.match_info.http_exception is not None
    route = None if absent else request.app[NEEDS].get(request.match_info.route)
    if route is None and not absent:
        raise web.HTTPForbidden
    needs = route.needs if route is not None else ANYBODY
    # A NUL names nothing: the database keeps none.
    if "%00" in request.path_qs:
        raise web.HTTPBadRequest
    if token:
        # The line on which pages hear of changes cannot say that nobody asked for it.
        by_hand = BY_ITSELF not in request.headers and route_name(request, BASE) != LIVE_PATH
        async with desk.db.transaction() as tx:
            seat = await seat_of(tx, token, desk.clock(), by_hand=by_hand)
            # A whole page shows the navigation; a part does not.
            if seat is not None and not by_htmx(request):
                request[WAITING] = await waiting(tx, seat)
        if seat is not None:
            request[SEAT] = seat
    if needs != NOBODY and SEAT not in request:
        return _to_sign_in(request)
    if request.method not in ("GET", "HEAD"):
        if route is None or not route.streams:
            with reading_body():
                await request.post()
        await check_same_site(request, request[SEAT].csrf if SEAT in request else None)
    if route is not None and needs not in (NOBODY, ANYBODY):
        request[SEAT].rights.check(needs, whole=route.whole)
    return await handler(request)


def sorry(request: web.Request, code: str, status: int) -> web.Response:
    """A page, or for scripts a line, that says what is wrong. `code` names a sentence of sentences.yml."""
    if by_htmx(request) or "text/html" not in request.headers.get("Accept", ""):
        return web.Response(text=sentences()[code], status=status, content_type="text/plain")
    return render(request, "console/sorry.html", status=status, said=sentences()[code], code=code)


def _to_sign_in(request: web.Request) -> web.Response:
    to_begin = f"{BASE}/sign-in"
    if by_htmx(request):
        return web.Response(status=401, headers={"HX-Redirect": to_begin})
    if request.method != "GET" or "text/html" not in request.headers.get("Accept", "text/html"):
        return web.Response(status=401, text=sentences()["signed_out"], content_type="text/plain")
    # Inside WeCom nobody is asked who he is: WeCom knows, and says so without a page of its own. Who signed out is asked.
    silent = request.app[DESK].wecom is not None and in_wecom(request.headers.get("User-Agent", ""))
    way = f"{to_begin}/wecom" if silent else to_begin
    return web.Response(status=303, headers={"Location": f"{way}?{urlencode({'next': request.path_qs})}"})


async def _note_refusal(request: web.Request, why: str, what: str) -> None:
    desk, seat = request.app[DESK], request.get(SEAT)
    if seat is None:
        return
    row = AccessRefusal(
        staff_id=seat.staff.id, at=desk.clock(), method=request.method, path=request.path[:500], why=why, what=plain(what, 200)
    )
    try:
        async with desk.db.transaction() as tx:
            tx.add(row)
    except (DBAPIError, OSError) as err:
        # It is refused all the same.
        log.error("refusal not noted", path=route_name(request, BASE), error=type(err).__name__)
