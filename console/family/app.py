"""The family's pages at /h5: who comes in, what each answer carries, and what is said when something goes wrong."""

import structlog
from aiohttp import web
from aiohttp.typedefs import Handler

from console.family import calendar, consent, correct, enter, learn, mini, questionnaire, records, report, trends
from console.family.desk import BASE, FAMILY, VISITOR, FamilyDesk
from console.family.enter import COOKIE, to_enter
from console.family.page import sorry
from console.family.session import visitor_of
from console.fence import guard_answer, route_name
from console.forgery import check_same_site
from console.form import reading_body
from console.page import NOBODY
from records.database import is_unable

log = structlog.get_logger(__name__)

# A form of ours is far shorter; what comes without a length meets the limit of the whole server.
MAX_BODY = 64 << 10
FORM = "application/x-www-form-urlencoded"
OPEN = web.AppKey("open", set[str])
AREAS = (enter, mini, calendar, report, trends, learn, records, questionnaire, consent, correct)
ROUTES = tuple(route for area in AREAS for route in area.ROUTES)


def family_app(desk: FamilyDesk) -> web.Application:
    """The application to be mounted at /h5."""
    app = web.Application(middlewares=[guard_answer, _errors, _visitor])
    app[FAMILY], app[OPEN] = desk, set()
    for route in ROUTES:
        added = app.router.add_route(route.method, route.path, route.handler)
        if route.needs == NOBODY and added.resource is not None:
            app[OPEN].add(added.resource.canonical)
    return app


@web.middleware
async def _errors(request: web.Request, handler: Handler) -> web.StreamResponse:
    """The unforeseen is logged once, without the address (it may be a key) and without a word of what was sent."""
    try:
        return await handler(request)
    except web.HTTPException as err:
        if err.status < 400:
            return err
        # Who is known and asks for what is not his: by its number, so that whoever tries many can be found.
        if VISITOR in request:
            log.warning("family page refused", page=route_name(request, BASE), status=err.status, carer=request[VISITOR].carer.id)
        code = {403: "forbidden", 404: "not_found", 413: "too_large", 415: "bad_request"}.get(err.status, "bad_request")
        return sorry(request, code, err.status)
    except ConnectionResetError:
        raise
    except Exception as err:
        if is_unable(err):
            log.error("family page without database", page=route_name(request, BASE), error=type(err).__name__)
            return sorry(request, "away", 503)
        log.exception("family page failed", page=route_name(request, BASE), error=type(err).__name__)
        return sorry(request, "internal", 500)


@web.middleware
async def _visitor(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Let nobody but a carer come to a child's pages, and nothing be done that another site began."""
    desk, token = request.app[FAMILY], request.cookies.get(COOKIE)
    if (request.content_length or 0) > MAX_BODY:
        raise web.HTTPRequestEntityTooLarge(MAX_BODY, request.content_length or 0)
    if request.method not in ("GET", "HEAD"):
        with reading_body():
            await request.post()
    if token:
        async with desk.db.transaction() as tx:
            visitor = await visitor_of(tx, token, desk.clock())
        if visitor is not None:
            request[VISITOR] = visitor
    if request.match_info.http_exception is not None or route_name(request, BASE) in request.app[OPEN]:
        return await handler(request)
    if VISITOR not in request:
        return to_enter(request)
    if request.method not in ("GET", "HEAD"):
        if request.content_type != FORM:
            raise web.HTTPUnsupportedMediaType
        await check_same_site(request, request[VISITOR].csrf)
    return await handler(request)
