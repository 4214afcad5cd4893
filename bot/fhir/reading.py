"""GET: one resource, a search, everything about one patient."""

from collections.abc import Sequence
from urllib.parse import parse_qsl, urlencode

from aiohttp import web
from sqlalchemy.ext.asyncio import AsyncSession

from bot.fhir import shown
from bot.fhir.body import read_body
from bot.fhir.codes import id_of, row_of
from bot.fhir.entrance import Caller, Entrance, answer
from bot.fhir.kinds import kinds
from bot.fhir.refusal import FhirRefusal, issue_of
from bot.fhir.scope import allows
from bot.fhir.search import Key, Kind, find, find_of_patient, find_one, read_search
from integrations.fhir.write import Json, bundle, entry, outcome
from records.fhir_client import note_reads
from records.patient_identifier import replaced_by

# Of one patient in `$everything`, all kinds together.
EVERYTHING = 2_000
MOST_FORM = 64 << 10


class Reading:
    """The handlers of what is read."""

    def __init__(self, entrance: Entrance) -> None:
        self._entrance = entrance

    async def read(self, request: web.Request) -> web.StreamResponse:
        caller, kind = await self._entrance.caller(request), kind_named(request)
        caller.check(kind.name, "read")
        async with self._entrance.working(caller) as tx:
            key = await find_one(tx, kind, request.match_info["id"], caller.id)
            resources = await self._shown(tx, kind, [key], caller) if key is not None else []
            if not resources and kind.name == "Patient":
                resources = await self._replaced(tx, request.match_info["id"], caller)
        if not resources:
            raise FhirRefusal("not_found", path=kind.name)
        tag = f'W/"{resources[0]["meta"]["versionId"]}"'
        if tag in request.headers.get("If-None-Match", ""):
            return web.Response(status=304, headers={"ETag": tag})
        return answer(resources[0], headers={"ETag": tag})

    async def search(self, request: web.Request) -> web.StreamResponse:
        caller, kind = await self._entrance.caller(request), kind_named(request)
        caller.check(kind.name, "read")
        search = read_search(kind, await _query(request), strict=is_strict(request), zone=self._entrance.zone)
        async with self._entrance.working(caller) as tx:
            keys, further, total = await find(tx, search, caller.id)
            resources = await self._shown(tx, kind, keys, caller) if keys else []
        base = self._entrance.base(request)
        links = {"self": f"{base}/{kind.name}?{urlencode(search.used)}".rstrip("?")}
        if further is not None:
            links["next"] = f"{base}/{kind.name}?{urlencode([*search.used, ('_cursor', further)])}"
        entries = [entry(resource, base, "match") for resource in resources]
        if search.warnings:
            entries.append(entry(outcome(*search.warnings), base, "outcome"))
        return answer(bundle("searchset", entries, links=links, total=total))

    async def everything(self, request: web.Request) -> web.StreamResponse:
        """All that the program may read of one patient, at most EVERYTHING resources."""
        caller, patients = await self._entrance.caller(request), kinds()["Patient"]
        caller.check("Patient", "read")
        base, told = self._entrance.base(request), []
        async with self._entrance.working(caller) as tx:
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

    async def _replaced(self, tx: AsyncSession, resource_id: str, caller: Caller) -> list[Json]:
        """A patient who was merged into one whom the program may see: no more than the link to him."""
        found = row_of(resource_id)
        kept = await replaced_by(tx, found[1]) if found is not None and not found[0] else None
        if kept is None or await find_one(tx, kinds()["Patient"], id_of(kept[0]), caller.id) is None:
            return []
        note_reads(tx, caller.id, [kept[0]], now=self._entrance.clock(), why="fhir:Patient")
        return [shown.replaced_patient(resource_id, *kept)]

    async def _shown(self, tx: AsyncSession, kind: Kind, keys: Sequence[Key], caller: Caller) -> list[Json]:
        """The resources of these keys; that they were read is written down for every patient whom they name."""
        resources: list[Json] = await kind.show(tx, keys, caller.id)
        named = [key.patient_id for key in keys if key.patient_id is not None]
        for resource in resources if kind.name == "Group" else []:
            members = (row_of(each["entity"]["reference"].removeprefix("Patient/")) for each in resource.get("member", []))
            named += [member[1] for member in members if member is not None]
        note_reads(tx, caller.id, named, now=self._entrance.clock(), why=f"fhir:{kind.name}")
        return resources


def kind_named(request: web.Request) -> Kind:
    """The resource type of the address. Raises FhirRefusal no_such_type."""
    kind = kinds().get(request.match_info["kind"])
    if kind is None:
        raise FhirRefusal("no_such_type")
    return kind


def is_strict(request: web.Request) -> bool:
    """Whether an unknown parameter is to be refused (FHIR's `Prefer: handling=strict`)."""
    return "handling=strict" in request.headers.get("Prefer", "").replace(" ", "").lower()


async def _query(request: web.Request) -> list[tuple[str, str]]:
    """The parameters of the address, and of the form of a POST to `_search`."""
    found = list(request.query.items())
    if request.method == "POST":
        if request.content_type != "application/x-www-form-urlencoded":
            raise FhirRefusal("unsupported_media")
        body = await read_body(request, MOST_FORM)
        if len(body) > MOST_FORM:
            raise FhirRefusal("too_large")
        try:
            found += parse_qsl(body.decode("utf-8"), keep_blank_values=True, max_num_fields=200)
        except ValueError as err:
            raise FhirRefusal("bad_parameter") from err
    return found
