"""The machine-facing edges as docs/openapi.yml describes them: every route is there, and schemathesis finds no failure and no answer that
is not described. Longer with CARELOOP_LONG."""

import asyncio
import os
from collections.abc import AsyncIterator, Iterator
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import aiohttp
import pytest
import requests
import schemathesis
import yaml
from aiohttp import web
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis.errors import Unsatisfiable
from schemathesis import GenerationMode
from schemathesis.checks import CHECKS, load_all_checks

from bot.app import Core, add_content_pages, add_sandbox
from bot.clock import Clock
from bot.fhir.clients import add_client
from bot.fhir.kinds import kinds
from bot.health import Readiness, add_health_routes
from bot.intake.feeds import add_feed, hash_token
from bot.private import free_port, listening
from bot.serve import add_inner
from bot.settings import Settings
from bot.web import gateway_app
from integrations.fhir.read import READERS
from plans.reach.route import Channels
from records.database import Database
from records.staff import Team

SPEC = yaml.safe_load((Path(__file__).parent.parent.parent / "docs" / "openapi.yml").read_text("utf-8"))
# Pages for people, and what stands in for the platforms. Of the addresses that families' phones reach, those of programs are described.
PAGES = ("/console", "/static", "/sandbox", "/h5/")
LONG = "CARELOOP_LONG" in os.environ
EXAMPLES = 300 if LONG else 3
TOKEN = "a-token-of-the-lis"


@dataclass
class Edges:
    """The whole service on one port, with a feed and a program that are let in."""

    app: web.Application
    url: str
    secret: str

    def operations(self) -> Iterator[tuple[str, str]]:
        """Every method and address that is served, by the names of its parts."""
        for route in self.app.router.routes():
            if route.resource is not None and route.method != "HEAD":
                yield route.method.lower(), route.resource.canonical


@pytest.fixture
async def edges(db: Database, tmp_path: Path) -> AsyncIterator[Edges]:
    port = free_port()
    core = Core(Settings(port=port, data_dir=tmp_path), db, Clock())
    now = datetime.now(UTC)
    async with db.transaction() as tx:
        tx.add(Team(name="新生儿随访组"))
        await tx.flush()
        feed = await add_feed(tx, "lis", "hl7", {}, now=now)
        feed.token_hash = hash_token(TOKEN)
        secret = await add_client(tx, "portal", name="portal", teams=["新生儿随访组"], scopes=["system/*.*"], feed="portal", now=now)
    async with aiohttp.ClientSession() as session:
        app = gateway_app(core)
        add_content_pages(app, core)
        add_health_routes(app, {"database": db.ready}, Readiness({"database": db.ready}))
        add_inner(app, core, Channels())
        add_sandbox(app, core, session)
        async with listening(app, port):
            yield Edges(app, f"http://127.0.0.1:{port}", secret)


async def test_every_route_is_described_and_every_description_is_a_route(edges: Edges) -> None:
    served = set(edges.operations())
    described = {(method, path) for path, methods in SPEC["paths"].items() for method in methods}
    assert described - served == set()
    assert {each for each in served if not each[1].startswith(PAGES)} - described == set()
    # What a phone's page or program asks in JSON is described although its address lies among the pages.
    assert {path for _, path in described if path.startswith("/h5/")} == {"/h5/mini/config", "/h5/mini/login", "/h5/content/{token}/{what}"}


def test_the_description_names_every_resource_type() -> None:
    assert SPEC["components"]["schemas"]["Kind"]["enum"] == sorted({*kinds(), *READERS})


async def test_no_request_that_a_machine_makes_up_is_a_failure_of_ours(edges: Edges) -> None:
    await asyncio.to_thread(attack, edges)


def attack(edges: Edges) -> None:
    """Every operation with what its description allows and with what it does not, by whoever is let in."""
    load_all_checks()
    names = ("not_a_server_error", "status_code_conformance", "content_type_conformance", "response_schema_conformance")
    checks = CHECKS.get_by_names(names)
    form = {"grant_type": "client_credentials", "client_id": "portal", "client_secret": edges.secret}
    token = requests.post(f"{edges.url}/fhir/token", data=form, timeout=10).json()["access_token"]
    schema = schemathesis.openapi.from_dict(SPEC)
    with requests.Session() as session:

        def try_it(case: schemathesis.Case) -> None:
            bearer = TOKEN if case.operation.path.startswith("/intake") else token
            response = case.call(base_url=edges.url, session=session, headers={"Authorization": f"Bearer {bearer}"}, timeout=20)
            case.validate_response(response, checks=checks)

        for result in schema.get_all_operations():
            operation = result.ok()
            known: dict[str, Any] = {"path_parameters": {"feed": "lis"}} if operation.path.startswith("/intake") else {}
            for mode in (GenerationMode.POSITIVE, GenerationMode.NEGATIVE):
                phases = tuple(Phase) if LONG else (Phase.explicit, Phase.generate)
                bounds = settings(
                    max_examples=EXAMPLES, deadline=None, database=None, phases=phases, suppress_health_check=list(HealthCheck)
                )
                # Where there is nothing to get wrong, nothing is wrong.
                with suppress(Unsatisfiable):
                    bounds(given(operation.as_strategy(generation_mode=mode, **known))(try_it))()
