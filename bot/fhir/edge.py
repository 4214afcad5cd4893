"""The FHIR edge at /fhir, in the web and serve roles, never in the gateway: whoever asks is known, bounded, and answered in FHIR."""

import asyncio
import json
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from urllib.parse import parse_qsl, urlencode
from zoneinfo import ZoneInfo

import structlog
from aiohttp import web
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncSession

from bot import metrics
from bot.fhir.body import read_body
from bot.fhir.capability import capability, smart_configuration
from bot.fhir.codes import row_of
from bot.fhir.kinds import kinds
from bot.fhir.refusal import FhirRefusal, issue_of
from bot.fhir.scope import allows
from bot.fhir.search import Key, Kind, find, find_of_patient, find_one, read_search
from bot.fhir.secret import hash_token
from bot.fhir.token import TokenDesk
from bot.settings import FhirSettings
from integrations.fhir.document import FhirError
from integrations.fhir.write import Json, bundle, entry, outcome
from records.database import Database
from records.fhir_client import note_reads, token_holder

log = structlog.get_logger(__name__)

MEDIA = "application/fhir+json"
JSON_MEDIA = frozenset({MEDIA, "application/json", "application/json+fhir", "text/json"})
ANY_MEDIA = frozenset({*JSON_MEDIA, "*/*", "application/*", "text/html"})
METHODS = ("GET", "HEAD", "POST", "PUT", "DELETE", "PATCH", "OPTIONS")
# Of one patient in `$everything`, all kinds together.
EVERYTHING = 2_000
# Of one program in this process at once: what is more waits on its side.
AT_ONCE = 8

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


@dataclass(frozen=True)
class Caller:
    """The program behind a request."""

    id: int
    name: str
    scopes: tuple[str, ...]
    feed_id: int | None

    def check(self, kind: str, action: str) -> None:
        """Raises FhirRefusal no_scope where it may not `read` or `write` resources of `kind`."""
        if not allows(self.scopes, kind, action):
            raise FhirRefusal("no_scope", path=kind)


class Edge:
    """The handlers; one in a process."""

    def __init__(self, db: Database, clock: Callable[[], datetime], zone: ZoneInfo, settings: FhirSettings) -> None:
        self.db, self.clock, self.zone, self.settings = db, clock, zone, settings
        self.desk = TokenDesk(db, clock, lasts=timedelta(minutes=settings.token_minutes))
        self._busy: dict[int, int] = {}

    def app(self) -> web.Application:
        """To be hung below /fhir."""
        app = web.Application(middlewares=[self._guard])
        app.router.add_get("/metadata", self._metadata)
        app.router.add_get("/.well-known/smart-configuration", self._smart)
        app.router.add_post("/token", self.desk.answer)
        app.router.add_get("/Patient/{id}/$everything", self._everything)
        app.router.add_post("/{kind}/_search", self._search)
        app.router.add_get("/{kind}/{id}", self._read)
        app.router.add_get("/{kind}", self._search)
        return app

    async def caller(self, request: web.Request) -> Caller:
        """Who asks. Raises FhirRefusal no_token, bad_token."""
        kind, _, token = request.headers.get("Authorization", "").partition(" ")
        if kind.lower() != "bearer" or not token.strip():
            raise FhirRefusal("no_token", headers={"WWW-Authenticate": 'Bearer realm="careloop"'})
        async with self.db.transaction() as tx:
            held = await token_holder(tx, hash_token(token.strip()), self.clock())
        if held is None:
            raise FhirRefusal("bad_token", headers={"WWW-Authenticate": 'Bearer realm="careloop", error="invalid_token"'})
        client, scopes = held
        return Caller(client.id, client.client_id, tuple(scopes), client.feed_id)

    def base(self, request: web.Request) -> str:
        """Where this edge is seen from outside: as set, else as asked."""
        return (self.settings.base_url or f"{request.url.origin()}/fhir").rstrip("/")

    async def _guard_inner(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        _check_accept(request)
        async with asyncio.timeout(self.settings.deadline):
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
            metrics.FHIR.labels(request.method if request.method in METHODS else "other", code).inc()
            return response

        return guard

    async def _metadata(self, request: web.Request) -> web.StreamResponse:
        return answer(capability(self.base(request)))

    async def _smart(self, request: web.Request) -> web.StreamResponse:
        return web.json_response(smart_configuration(self.base(request)))

    async def _read(self, request: web.Request) -> web.StreamResponse:
        caller, kind = await self.caller(request), kind_named(request)
        caller.check(kind.name, "read")
        async with self.reading(caller) as tx:
            key = await find_one(tx, kind, request.match_info["id"], caller.id)
            resources = await self._shown(tx, kind, [key], caller) if key is not None else []
        if not resources:
            raise FhirRefusal("not_found", path=kind.name)
        tag = f'W/"{resources[0]["meta"]["versionId"]}"'
        if tag in request.headers.get("If-None-Match", ""):
            return web.Response(status=304, headers={"ETag": tag})
        return answer(resources[0], headers={"ETag": tag})

    async def _search(self, request: web.Request) -> web.StreamResponse:
        caller, kind = await self.caller(request), kind_named(request)
        caller.check(kind.name, "read")
        search = read_search(kind, await _query(request), strict=is_strict(request), zone=self.zone)
        async with self.reading(caller) as tx:
            keys, further, total = await find(tx, search, caller.id)
            resources = await self._shown(tx, kind, keys, caller) if keys else []
        base = self.base(request)
        links = {"self": f"{base}/{kind.name}?{urlencode(search.used)}".rstrip("?")}
        if further is not None:
            links["next"] = f"{base}/{kind.name}?{urlencode([*search.used, ('_cursor', further)])}"
        entries = [entry(resource, base, "match") for resource in resources]
        if search.warnings:
            entries.append(entry(outcome(*search.warnings), base, "outcome"))
        return answer(bundle("searchset", entries, links=links, total=total))

    async def _everything(self, request: web.Request) -> web.StreamResponse:
        """All that the program may read of one patient, at most EVERYTHING resources."""
        caller, patients = await self.caller(request), kinds()["Patient"]
        caller.check("Patient", "read")
        base, told = self.base(request), []
        async with self.reading(caller) as tx:
            key = await find_one(tx, patients, request.match_info["id"], caller.id)
            if key is None:
                raise FhirRefusal("not_found", path="Patient")
            told += await self._shown(tx, patients, [key], caller)
            for kind in kinds().values():
                if kind.name in ("Patient", "Group") or not allows(caller.scopes, kind.name, "read") or len(told) > EVERYTHING:
                    continue
                keys = await find_of_patient(tx, kind, key.id, caller.id, limit=EVERYTHING + 1 - len(told))
                told += await self._shown(tx, kind, keys, caller) if keys else []
        entries = [entry(resource, base, "match") for resource in told[:EVERYTHING]]
        if len(told) > EVERYTHING:
            entries.append(entry(outcome(issue_of("incomplete", severity="warning")), base, "outcome"))
        return answer(bundle("searchset", entries, links={"self": f"{base}/Patient/{request.match_info['id']}/$everything"}))

    async def _shown(self, tx: AsyncSession, kind: Kind, keys: Sequence[Key], caller: Caller) -> list[Json]:
        """The resources of these keys; that they were read is written down for every patient whom they name."""
        resources: list[Json] = await kind.show(tx, keys, caller.id)
        named = [key.patient_id for key in keys if key.patient_id is not None]
        for resource in resources if kind.name == "Group" else []:
            members = (row_of(each["entity"]["reference"].removeprefix("Patient/")) for each in resource.get("member", []))
            named += [member[1] for member in members if member is not None]
        note_reads(tx, caller.id, named, now=self.clock(), why=f"fhir:{kind.name}")
        return resources

    def reading(self, caller: Caller) -> Any:
        """A transaction for `caller`, one of at most AT_ONCE; what takes the database longer than the deadline is ended there too."""
        return _Reading(self, caller)


class _Reading:
    def __init__(self, edge: Edge, caller: Caller) -> None:
        self._edge, self._caller = edge, caller
        self._transaction: Any = None

    async def __aenter__(self) -> AsyncSession:
        busy = self._edge._busy
        if busy.get(self._caller.id, 0) >= AT_ONCE:
            raise FhirRefusal("too_often", headers={"Retry-After": "1"})
        busy[self._caller.id] = busy.get(self._caller.id, 0) + 1
        try:
            self._transaction = self._edge.db.transaction()
            tx: AsyncSession = await self._transaction.__aenter__()
            await tx.execute(
                text("select set_config('statement_timeout', :ms, true)"), {"ms": f"{int(self._edge.settings.deadline * 1000)}"}
            )
            return tx
        except BaseException:
            busy[self._caller.id] -= 1
            raise

    async def __aexit__(self, *error: Any) -> None:
        try:
            await self._transaction.__aexit__(*error)
        finally:
            self._edge._busy[self._caller.id] -= 1


def answer(resource: Json, *, status: int = 200, headers: dict[str, str] | None = None) -> web.Response:
    """A resource as a response; nobody between us and the program may keep it."""
    told = {"Cache-Control": "no-store", **(headers or {})}
    body = json.dumps(resource, ensure_ascii=False).encode()
    return web.Response(body=body, status=status, headers=told, content_type=MEDIA, charset="utf-8")


def _refused(refusal: FhirRefusal, allow: str | None = None) -> web.Response:
    headers = {**refusal.headers, **({"Allow": allow} if allow else {})}
    return answer(refusal.outcome, status=refusal.status, headers=headers)


def kind_named(request: web.Request) -> Kind:
    """The resource type of the address. Raises FhirRefusal no_such_type."""
    kind = kinds().get(request.match_info["kind"])
    if kind is None:
        raise FhirRefusal("no_such_type")
    return kind


def is_strict(request: web.Request) -> bool:
    """Whether an unknown parameter is to be refused (FHIR's `Prefer: handling=strict`)."""
    return "handling=strict" in request.headers.get("Prefer", "").replace(" ", "").lower()


def _check_accept(request: web.Request) -> None:
    wanted = request.query.get("_format")
    accepted = [wanted] if wanted is not None else request.headers.get("Accept", "*/*").split(",")
    names = {each.split(";")[0].strip().lower().replace("fhir json", MEDIA) for each in accepted}
    if not names & (ANY_MEDIA | {"json", ""}):
        raise FhirRefusal("not_acceptable", path="_format" if wanted is not None else "")


async def _query(request: web.Request) -> list[tuple[str, str]]:
    """The parameters of the address, and of the form of a POST to `_search`."""
    found = list(request.query.items())
    if request.method == "POST":
        if request.content_type != "application/x-www-form-urlencoded":
            raise FhirRefusal("unsupported_media")
        body = await read_body(request, 64 << 10)
        if len(body) > 64 << 10:
            raise FhirRefusal("too_large")
        try:
            found += parse_qsl(body.decode("utf-8"), keep_blank_values=True, max_num_fields=200)
        except ValueError as err:
            raise FhirRefusal("bad_parameter") from err
    return found
