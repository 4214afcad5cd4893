"""Another server is asked for what has changed: nothing is missed, nothing is taken twice, and nobody leads us elsewhere."""

import json
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from aiohttp import ClientSession, web
from aiohttp.test_utils import TestServer
from sqlalchemy import select

from bot.apply import apply
from bot.fhir.poll import FhirPoller, feeds_to_poll, look, server_of
from bot.fhir.receive import as_bytes
from bot.fhir.source import read_fhir
from bot.intake.applying import FeedApplier
from bot.intake.feeds import as_feed
from bot.intake.readers import VERSION, read_message
from integrations.event import Identifier
from integrations.fhir.client import Address, FhirServer
from integrations.fhir.document import FhirError, parse
from integrations.fhir.write import instant
from records.database import Database
from records.feed import LANES
from records.schema import Feed, FeedMessage, LabResult, Patient, Team
from tests.bot.fhir.conftest import Hospital
from tests.integrations.fhir.test_read import CHILD

NOON = datetime(2026, 3, 9, 12, tzinfo=UTC)


@dataclass
class OtherServer:
    """A hospital's FHIR server with two resources on a page. `broken` are pages that fail, `leads` what its next link says instead."""

    resources: list[dict[str, Any]] = field(default_factory=list)
    asked: list[str] = field(default_factory=list)
    broken: set[int] = field(default_factory=set)
    leads: str | None = None
    sorts: bool = True
    patients: list[dict[str, Any]] = field(default_factory=list)
    tokens: int = 0
    url: str = ""

    def has(self, number: int, minute: float, version: int = 1) -> None:
        meta = {"versionId": str(version), "lastUpdated": instant(NOON + timedelta(minutes=minute))}
        result = {
            "code": {"text": "CRP"},
            "subject": {"reference": f"Patient/p{number}"},
            "valueQuantity": {"value": number},
            "status": "final",
        }
        self.resources = [each for each in self.resources if each["id"] != f"o{number}"]
        self.resources.append({"resourceType": "Observation", "id": f"o{number}", "meta": meta, **result})

    async def search(self, request: web.Request) -> web.Response:
        self.asked.append(request.path_qs)
        page = int(request.query.get("page", "0"))
        if page in self.broken:
            return web.Response(status=503)
        since = request.query.get("_lastUpdated", "ge0")[2:]
        found = [each for each in self.resources if each["meta"]["lastUpdated"] >= since]
        if self.sorts:
            found.sort(key=lambda each: each["meta"]["lastUpdated"])
        bundle: dict[str, Any] = {
            "resourceType": "Bundle",
            "type": "searchset",
            "entry": [{"resource": each} for each in found[2 * page : 2 * page + 2]],
        }
        if len(found) > 2 * page + 2:
            query = {**request.query, "page": str(page + 1)}
            bundle["link"] = [{"relation": "next", "url": self.leads or str(request.url.with_query(query))}]
        return web.json_response(bundle)

    async def others(self, request: web.Request) -> web.Response:
        found = self.patients if request.match_info["kind"] == "Patient" else []
        return web.json_response({"resourceType": "Bundle", "type": "searchset", "entry": [{"resource": each} for each in found]})

    async def token(self, request: web.Request) -> web.Response:
        self.tokens += 1
        return web.json_response({"access_token": f"t{self.tokens}", "expires_in": 600})


@pytest.fixture
async def other_server() -> AsyncIterator[OtherServer]:
    server = OtherServer()
    app = web.Application()
    app.router.add_get("/fhir/Observation", server.search)
    app.router.add_get("/fhir/moved", lambda request: web.HTTPFound("/fhir/Observation"))
    app.router.add_get("/fhir/{kind}", server.others)
    app.router.add_post("/token", server.token)
    async with TestServer(app) as running:
        server.url = str(running.make_url("/fhir"))
        yield server


@dataclass
class Polling:
    """A feed of the other server, polled when we say so."""

    db: Database
    feed: int
    now: datetime = NOON + timedelta(hours=1)

    async def poll(self) -> None:
        await FhirPoller(self.db, lambda: self.now).run(str(self.feed))

    async def keys(self) -> list[str]:
        async with self.db.transaction() as tx:
            return list(await tx.scalars(select(FeedMessage.key).order_by(FeedMessage.id)))

    async def mark(self) -> dict[str, Any]:
        async with self.db.transaction() as tx:
            return dict((await tx.get_one(Feed, self.feed)).mark)

    async def due(self) -> bool:
        async with self.db.transaction() as tx:
            return bool(await feeds_to_poll(tx, self.now))


@pytest.fixture
async def polling(db: Database, other_server: OtherServer) -> Polling:
    async with db.transaction() as tx:
        feed = Feed(name="his", kind="fhir", settings={"server": {"url": other_server.url, "resources": ["Observation"]}}, created_at=NOON)
        tx.add(feed)
        await tx.flush()
        return Polling(db, feed.id)


async def test_what_is_new_is_taken_once(polling: Polling, other_server: OtherServer) -> None:
    for number in range(5):
        other_server.has(number, minute=number)
    assert await polling.due()
    await polling.poll()
    assert await polling.keys() == [f"Observation/o{number}/1" for number in range(5)]
    assert (await polling.mark())["Observation"] == (NOON + timedelta(minutes=4)).isoformat()
    assert not await polling.due()
    polling.now += timedelta(minutes=1)
    assert await polling.due()
    # Written late, behind the mark; and changed after it.
    other_server.has(9, minute=-0.5)
    other_server.has(0, minute=30, version=2)
    await polling.poll()
    assert "_lastUpdated=ge2026-03-09T11%3A59%3A00.000Z" in other_server.asked[-1] or "page=" in other_server.asked[-1]
    assert sorted(await polling.keys()) == sorted([*(f"Observation/o{number}/1" for number in (0, 1, 2, 3, 4, 9)), "Observation/o0/2"])


async def test_a_poll_that_breaks_off_goes_on_where_it_was(polling: Polling, other_server: OtherServer) -> None:
    for number in range(6):
        other_server.has(number, minute=10 * number)
    other_server.broken = {1}
    await polling.poll()
    mark = await polling.mark()
    assert mark["Observation"] == (NOON + timedelta(minutes=10)).isoformat() and (mark["_failures"], mark["failed"]) == (1, "http_503")
    assert await polling.keys() == ["Observation/o0/1", "Observation/o1/1"]
    # Later and later, an hour at most.
    other_server.broken = {0}
    for failures in range(2, 9):
        await polling.poll()
        mark = await polling.mark()
        pause = datetime.fromisoformat(mark["_next_at"]) - polling.now
        assert mark["_failures"] == failures and pause == min(timedelta(minutes=2**failures), timedelta(hours=1))
    other_server.broken = set()
    await polling.poll()
    assert await polling.keys() == [f"Observation/o{number}/1" for number in range(6)]
    assert (await polling.mark())["_failures"] == 0


async def test_a_server_that_does_not_sort_loses_nothing(polling: Polling, other_server: OtherServer) -> None:
    other_server.sorts = False
    for number, minute in enumerate((50, 40, 3, 2, 1)):
        other_server.has(number, minute=minute)
    other_server.broken = {1}
    await polling.poll()
    assert "Observation" not in await polling.mark()
    other_server.broken = set()
    await polling.poll()
    assert len(await polling.keys()) == 5
    assert (await polling.mark())["Observation"] == (NOON + timedelta(minutes=50)).isoformat()


async def test_a_clock_that_is_ahead_does_not_blind_us(polling: Polling, other_server: OtherServer) -> None:
    other_server.has(1, minute=60 * 24 * 365 * 50)
    await polling.poll()
    assert (await polling.mark())["Observation"] == polling.now.isoformat()


@pytest.mark.parametrize(
    "leads",
    [
        "http://169.254.169.254/latest/meta-data",
        "https://127.0.0.1/fhir/Observation",
        "//evil.example/fhir",
        "file:///etc/passwd",
        "http://[",
        "/admin",
    ],
)
async def test_nobody_leads_us_elsewhere(polling: Polling, other_server: OtherServer, leads: str) -> None:
    for number in range(5):
        other_server.has(number, minute=number)
    other_server.leads = leads
    await polling.poll()
    assert len(other_server.asked) == 1 and (await polling.mark())["_failures"] == 1
    assert len(await polling.keys()) == 2


async def test_pages_without_end_come_to_one(other_server: OtherServer) -> None:
    for number in range(5):
        other_server.has(number, minute=number)
    other_server.leads = f"{other_server.url}/Observation?_sort=_lastUpdated&_count=100"
    async with ClientSession() as session:
        server = FhirServer(session, Address(other_server.url), lambda: NOON)
        with pytest.raises(FhirError, match="endless"):
            [page async for page in server.changed_since("Observation", None)]
        # A redirect is no page, wherever it leads.
        with pytest.raises(FhirError, match="http_302"):
            [page async for page in server.changed_since("moved", None)]
        for address in ("ftp://his.example", "http://", "his.example/fhir"):
            with pytest.raises(FhirError, match="bad_address"):
                FhirServer(session, Address(address), lambda: NOON)


async def test_wrong_settings_are_named_and_asked_for_nothing(polling: Polling, other_server: OtherServer) -> None:
    async def with_server(**server: Any) -> Feed:
        async with polling.db.transaction() as tx:
            feed = await tx.get_one(Feed, polling.feed)
            feed.settings = {"server": {"url": other_server.url, **server}}
        return feed

    for wrong, place in (
        ({"resources": ["Claim"]}, "server.resources"), ({"credential": "PATH"}, "server.credential"), ({"every": 0}, "server.every"),
        ({"credential": "CARELOOP_WECOM__SECRET"}, "server.credential"),
        ({"credential": "CARELOOP_DATABASE_URL"}, "server.credential"), ({"ur": 1}, "server.ur"),
    ):  # fmt: skip
        feed = await with_server(**wrong)
        with pytest.raises(FhirError, match=f"bad_settings at {place}"):
            server_of(feed)
        await polling.poll()
    assert other_server.asked == [] and (await polling.mark())["_failures"] == 6


async def test_a_look_stores_nothing(polling: Polling, other_server: OtherServer) -> None:
    other_server.has(1, minute=1)
    async with polling.db.transaction() as tx:
        feed = await tx.get_one(Feed, polling.feed)
    assert await look(feed, lambda: polling.now) == [("Observation", "1")]
    other_server.broken = {0}
    assert await look(feed, lambda: polling.now) == [("Observation", "http_503")]
    assert await polling.keys() == []


async def test_a_token_is_got_once_and_anew_when_it_ends(other_server: OtherServer) -> None:
    now = [NOON]
    other_server.has(1, minute=1)
    address = Address(other_server.url, "secret", other_server.url.replace("/fhir", "/token"), "careloop")
    async with ClientSession() as session:
        server = FhirServer(session, address, lambda: now[0])
        for _ in range(3):
            assert [len(page) async for page in server.changed_since("Observation", None)] == [1]
        assert other_server.tokens == 1
        now[0] += timedelta(minutes=10)
        assert [len(page) async for page in server.changed_since("Observation", None)] == [1]
        assert other_server.tokens == 2


async def test_our_own_edge_can_be_polled(hospital: Hospital) -> None:
    async with ClientSession() as session:
        address = Address(
            str(hospital.http.make_url("/fhir")), hospital.secrets["portal"], str(hospital.http.make_url("/fhir/token")), "portal"
        )
        server = FhirServer(session, address, lambda: NOON)
        pages = [page async for page in server.changed_since("Observation", None, count=3)]
        assert [len(page) for page in pages] == [3, 1]
        newest = max(datetime.fromisoformat(each["meta"]["lastUpdated"]) for page in pages for each in page)
        later = [page async for page in server.changed_since("Observation", newest + timedelta(seconds=1))]
        assert [each for page in later for each in page] == []


async def test_what_was_polled_comes_into_the_record(polling: Polling, other_server: OtherServer) -> None:
    newborn = {**CHILD, "id": "p1", "meta": {"versionId": "1", "lastUpdated": instant(NOON)}}
    other_server.has(1, minute=1)
    async with polling.db.transaction() as tx:
        tx.add(Team(name="新生儿随访组"))
        (await tx.get_one(Feed, polling.feed)).settings = {"server": {"url": other_server.url}}
    other_server.patients = [newborn]
    await polling.poll()
    zone = ZoneInfo("Asia/Shanghai")
    applier = FeedApplier(polling.db, lambda: polling.now, zone, read=read_message, apply=apply, version=VERSION)
    for lane in range(LANES):
        await applier.run(f"{polling.feed}:{lane}")
    async with polling.db.transaction() as tx:
        assert set(await tx.scalars(select(FeedMessage.state))) == {"applied"}
        (result,) = await tx.scalars(select(LabResult))
        patient = await tx.get_one(Patient, result.patient_id)
    assert (patient.name, result.item, result.value) == ("赵小满", "CRP", 1.0)


async def test_what_was_stored_is_read_as_it_was_written(polling: Polling, other_server: OtherServer) -> None:
    about = b'"resourceType": "Observation", "id": "o1", "code": {"text": "CRP"}, "subject": {"reference": "Patient/p1"}'
    body = b"{" + about + b', "valueQuantity": {"value": 5.10}}'
    stored = as_bytes(parse(body, max_bytes=1000))
    assert json.loads(stored) == json.loads(body) and b"5.10" in stored
    async with polling.db.transaction() as tx:
        feed = as_feed(await tx.get_one(Feed, polling.feed))
    (message,) = read_fhir(feed, stored, NOON, ZoneInfo("Asia/Shanghai"))
    (event,) = message.events
    assert event.person.identifiers == (Identifier("his:fhir:id", "p1"),)
    assert getattr(event, "values", None) == ("5.10",)
    with pytest.raises(FhirError, match="no_code"):
        read_fhir(feed, body.replace(b'"CRP"', b"1"), NOON, ZoneInfo("Asia/Shanghai"))
