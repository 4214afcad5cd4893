"""The machine-facing edges as docs/openapi.yml describes them: every route is there, and schemathesis finds no failure and no answer that
is not described. Longer with CARELOOP_LONG."""

import asyncio
import os
from collections.abc import AsyncIterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
import requests
import schemathesis
import yaml
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis.errors import Unsatisfiable
from schemathesis import GenerationMode
from schemathesis.checks import CHECKS, load_all_checks

from bot.fhir.kinds import kinds
from integrations.fhir.read import READERS
from records.database import Database
from tests.bot.whole_service import FEED_TOKEN, Edges, whole_service

SPEC = yaml.safe_load((Path(__file__).parent.parent.parent / "docs" / "openapi.yml").read_text("utf-8"))
# Pages for people, and what stands in for the platforms. Of the addresses that families' phones reach, those of programs are described.
PAGES = ("/console", "/static", "/sandbox", "/h5/")
LONG = "CARELOOP_LONG" in os.environ
EXAMPLES = 100 if LONG else 3


@pytest.fixture
async def edges(db: Database, tmp_path: Path) -> AsyncIterator[Edges]:
    async with whole_service(db, tmp_path) as found:
        yield found


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
            bearer = FEED_TOKEN if case.operation.path.startswith("/intake") else token
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
