"""The FHIR edge at /fhir, in the web and serve roles, never in the gateway: whoever asks is known, bounded, and answered in FHIR."""

import asyncio
from collections.abc import Awaitable, Callable
from datetime import datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import structlog
from aiohttp import web
from sqlalchemy.exc import DBAPIError

from bot import metrics
from bot.fhir.capability import capability, smart_configuration
from bot.fhir.entrance import JSON_MEDIA, MEDIA, Entrance, answer
from bot.fhir.reading import Reading
from bot.fhir.refusal import FhirRefusal
from bot.fhir.sending import Sending
from bot.fhir.token import TokenDesk
from bot.settings import FhirSettings
from integrations.fhir.document import FhirError
from records.database import Database

log = structlog.get_logger(__name__)

ANY_MEDIA = frozenset({*JSON_MEDIA, "*/*", "application/*", "text/html"})
# What says that somebody tries what he may not.
LOGGED = (401, 403, 413, 429)
METHODS = ("GET", "HEAD", "POST", "PUT", "DELETE", "PATCH", "OPTIONS")

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


class Edge:
    """The edge; one in a process."""

    def __init__(self, db: Database, clock: Callable[[], datetime], zone: ZoneInfo, settings: FhirSettings) -> None:
        self._entrance, self._settings = Entrance(db, clock, zone, settings), settings
        self._desk = TokenDesk(db, clock, lasts=timedelta(minutes=settings.token_minutes))

    def app(self) -> web.Application:
        """To be hung below /fhir."""
        reading, sending = Reading(self._entrance), Sending(self._entrance)
        app = web.Application(middlewares=[self._guard])
        app.router.add_get("/metadata", self._metadata)
        app.router.add_get("/.well-known/smart-configuration", self._smart)
        app.router.add_post("/token", self._desk.answer)
        for root in ("", "/"):
            app.router.add_post(root, sending.bundle)
        app.router.add_get("/Patient/{id}/$everything", reading.everything)
        app.router.add_post("/{kind}/_search", reading.search)
        app.router.add_post("/{kind}", sending.create)
        app.router.add_put("/{kind}/{id}", sending.update)
        app.router.add_get("/{kind}/{id}", reading.read)
        app.router.add_get("/{kind}", reading.search)
        return app

    async def _guard_inner(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        _check_accept(request)
        async with asyncio.timeout(self._settings.deadline):
            return await handler(request)

    @property
    def _guard(self) -> Any:
        @web.middleware
        async def guard(request: web.Request, handler: Handler) -> web.StreamResponse:
            try:
                response = await self._guard_inner(request, handler)
                code = "ok"
            except FhirRefusal as err:
                code, response = err.code, _refused(err)
            except FhirError as err:
                code, response = err.code, _refused(FhirRefusal(err.code, path=err.path))
            except web.HTTPException as err:
                known = {404: "no_such_type", 405: "not_allowed"}.get(err.status, "not_supported")
                code, response = known, _refused(FhirRefusal(known), allow=err.headers.get("Allow"))
            except TimeoutError:
                code, response = "timeout", _refused(FhirRefusal("timeout", headers={"Retry-After": "30"}))
            except web.RequestPayloadError:
                code, response = "not_json", _refused(FhirRefusal("not_json"))
            except (DBAPIError, OSError) as err:
                log.error("FHIR request failed", error=type(err).__name__)
                code, response = "later", _refused(FhirRefusal("later", headers={"Retry-After": "30"}))
            except Exception as err:
                log.error("FHIR request failed", error=type(err).__name__, code=getattr(err, "code", None))
                code, response = "failed", _refused(FhirRefusal("failed"))
            if response.status in LOGGED:
                log.warning("FHIR request refused", code=code, status=response.status, remote=request.remote)
            metrics.FHIR.labels(request.method if request.method in METHODS else "other", code).inc()
            return response

        return guard

    async def _metadata(self, request: web.Request) -> web.StreamResponse:
        return answer(capability(self._entrance.base(request)))

    async def _smart(self, request: web.Request) -> web.StreamResponse:
        return web.json_response(smart_configuration(self._entrance.base(request)))


def _refused(refusal: FhirRefusal, allow: str | None = None) -> web.Response:
    headers = {**refusal.headers, **({"Allow": allow} if allow else {})}
    return answer(refusal.outcome, status=refusal.status, headers=headers)


def _check_accept(request: web.Request) -> None:
    wanted = request.query.get("_format")
    accepted = [wanted] if wanted is not None else request.headers.get("Accept", "*/*").split(",")
    names = {each.split(";")[0].strip().lower().replace("fhir json", MEDIA) for each in accepted}
    if not names & (ANY_MEDIA | {"json", ""}):
        raise FhirRefusal("not_acceptable", path="_format" if wanted is not None else "")
