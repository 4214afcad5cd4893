"""Who gets in: tokens, scopes, limits; and what everybody is told."""

import asyncio
import base64
from contextlib import AsyncExitStack
from datetime import timedelta
from zoneinfo import ZoneInfo

import pytest
from sqlalchemy import select

from bot.fhir.clients import ClientError, add_client, describe_clients, revoke_client
from bot.fhir.entrance import AT_ONCE, Caller, Entrance
from bot.fhir.refusal import FhirRefusal
from bot.fhir.scope import allows, granted
from bot.fhir.secret import hash_secret, is_secret
from bot.limiter import REMEMBERED, Limiter
from bot.settings import FhirSettings
from records.database import Database
from records.schema import FhirToken
from tests.bot.fhir.conftest import NOW, OURS, Hospital
from tests.integrations.fhir.valid import check


async def test_a_token_opens_the_door_for_its_minutes(hospital: Hospital) -> None:
    response = await hospital.token()
    told = await response.json()
    assert (response.status, told["token_type"], told["expires_in"], told["scope"]) == (200, "Bearer", 600, "system/*.*")
    assert response.headers["Cache-Control"] == "no-store"
    await hospital.get("/Patient")
    async with hospital.db.transaction() as tx:
        assert told["access_token"] not in {row.token_hash for row in await tx.scalars(select(FhirToken))}
    hospital.now[0] += timedelta(minutes=10)
    refused = await hospital.get("/Patient", status=401)
    check(refused)
    assert refused["issue"][0]["code"] == "login"


async def test_a_secret_may_come_as_basic_too(hospital: Hospital) -> None:
    header = "Basic " + base64.b64encode(f"portal:{hospital.secrets['portal']}".encode()).decode()
    response = await hospital.http.post("/fhir/token", data={"grant_type": "client_credentials"}, headers={"Authorization": header})
    assert response.status == 200


@pytest.mark.parametrize(
    ("form", "status", "error"),
    [
        ({"client_secret": "x" * 43}, 401, "invalid_client"), ({"client_id": "nobody"}, 401, "invalid_client"),
        ({"client_id": "' or 1=1 --"}, 401, "invalid_client"), ({"client_id": "a\0b"}, 401, "invalid_client"),
        ({"client_secret": ""}, 401, "invalid_client"), ({"client_secret": "x" * 5000}, 401, "invalid_client"),
        ({"grant_type": "password"}, 400, "unsupported_grant_type"), ({"scope": "user/*.read"}, 400, "invalid_scope"),
        ({"scope": "a" * 9000}, 400, "invalid_request"),
    ],
)  # fmt: skip
async def test_no_token_for_strangers(hospital: Hospital, form: dict[str, str], status: int, error: str) -> None:
    given = {"grant_type": "client_credentials", "client_id": "portal", "client_secret": hospital.secrets["portal"], **form}
    response = await hospital.http.post("/fhir/token", data=given)
    assert (response.status, await response.json()) == (status, {"error": error})
    assert (await hospital.http.post("/fhir/token", json=given)).status == 400
    doubled = "grant_type=client_credentials&client_id=portal&client_id=oncology&client_secret=x"
    headers = {"Content-Type": "application/x-www-form-urlencoded"}
    assert (await hospital.http.post("/fhir/token", data=doubled, headers=headers)).status == 400


async def test_who_guesses_secrets_must_wait(hospital: Hospital) -> None:
    tries = [(await hospital.token("portal", client_secret=f"guess-{n}")).status for n in range(11)]
    assert tries == [401] * 10 + [429]
    # Its right secret must wait too, another program need not.
    assert (await hospital.token("portal")).status == 429
    assert (await hospital.token("oncology")).status == 200
    hospital.now[0] += timedelta(minutes=1)
    assert (await hospital.token("portal")).status == 200


async def test_a_program_reads_what_its_scopes_say(hospital: Hospital) -> None:
    await hospital.get("/Observation", who="weights")
    refused = await hospital.get("/Patient", who="weights", status=403)
    check(refused)
    await hospital.get(f"/Patient/cl-{hospital.child}/$everything", who="weights", status=403)
    response = await hospital.token("portal", scope="system/Task.read system/Flag.read launch")
    assert (await response.json())["scope"] == "system/Task.read system/Flag.read"


async def test_a_program_that_is_shut_out_is_out_at_once(hospital: Hospital) -> None:
    await hospital.get("/Patient")
    async with hospital.db.transaction() as tx:
        await revoke_client(tx, "portal", now=NOW)
    await hospital.get("/Patient", status=401)
    assert (await hospital.token()).status == 401
    async with hospital.db.transaction() as tx:
        assert "portal  portal  revoked 2026-03-09" in await describe_clients(tx)
        # Let in again it has a new secret.
        await add_client(tx, "portal", name="门户", teams=[OURS], scopes=["system/*.read"], feed=None, now=NOW)
    assert (await hospital.token()).status == 401


@pytest.mark.parametrize(
    ("given", "why"),
    [
        ({"client_id": "a b"}, "client id"), ({"teams": []}, "at least one team"), ({"teams": ["无此组"]}, "no team"),
        ({"scopes": ["all"]}, "no scope"), ({"scopes": ["system/*.write"], "feed": None}, "needs a feed"),
    ],
)  # fmt: skip
async def test_a_program_is_not_let_in_by_half(hospital: Hospital, given: dict[str, object], why: str) -> None:
    asked = {"client_id": "new", "name": "新", "teams": [OURS], "scopes": ["system/*.read"], "feed": "x", **given}
    async with hospital.db.transaction() as tx:
        with pytest.raises(ClientError, match=why):
            await add_client(tx, now=NOW, **asked)  # type: ignore[arg-type]


async def test_everybody_may_know_what_the_server_can(hospital: Hospital) -> None:
    told = await hospital.get("/metadata", who=None)
    check(told)
    assert {"Patient", "Observation", "Task", "Group"} <= {each["type"] for each in told["rest"][0]["resource"]}
    smart = await (await hospital.http.get("/fhir/.well-known/smart-configuration")).json()
    assert smart["token_endpoint"].endswith("/fhir/token")
    for path in ("/Patient", "/Patient/cl-1", "/Patient/cl-1/$everything", "/Nonsense"):
        response = await hospital.ask("GET", path, who=None)
        assert response.status == 401 and response.headers["WWW-Authenticate"].startswith("Bearer")
    await hospital.get("/Patient", who=None, headers={"Authorization": "Bearer " + "x" * 4000}, status=401)


async def test_errors_are_outcomes_too(hospital: Hospital) -> None:
    for method, path, status, headers in (
        ("GET", "/Nonsense", 404, {}), ("GET", "/Patient/..%2f..%2fetc", 404, {}), ("DELETE", "/Patient/cl-1", 405, {}),
        ("GET", "/Patient?_format=xml", 406, {}), ("GET", "/Patient", 406, {"Accept": "application/fhir+xml"}),
        ("GET", "/a/b/c/d", 404, {}),
    ):  # fmt: skip
        response = await hospital.ask(method, path, headers=headers)
        body = await response.json()
        assert response.status == status, (path, body)
        check(body)


def test_scopes_cover_each_other() -> None:
    assert allows(["system/*.read"], "Patient", "read") and not allows(["system/*.read"], "Patient", "write")
    assert not allows(["system/Task.read", "user/*.read", "system/*.cruds"], "Patient", "read")
    assert granted(["system/*.read"], []) == ["system/*.read"]
    assert granted(["system/*.read"], ["system/Task.read", "system/Task.write"]) == ["system/Task.read"]
    assert granted(["system/Task.read"], ["system/*.*"]) == ["system/Task.read"]


def test_a_secret_is_known_by_its_hash_alone() -> None:
    hashed = hash_secret("s3cret")
    assert hashed.startswith("$argon2id$") and "s3cret" not in hashed
    assert is_secret("s3cret", hashed)
    assert not is_secret("S3cret", hashed) and not is_secret("s3cret", None) and not is_secret("s3cret", "rubbish")


def test_names_without_end_cost_no_memory() -> None:
    limiter = Limiter(1)
    assert limiter.may("portal", NOW) and not limiter.may("portal", NOW)
    for number in range(REMEMBERED + 10):
        limiter.may(str(number), NOW)
    assert len(limiter._tries) == REMEMBERED


async def test_nobody_takes_all_connections(db: Database) -> None:
    entrance = Entrance(db, lambda: NOW, ZoneInfo("Asia/Shanghai"), FhirSettings())
    greedy, other = Caller(1, "greedy", (), None), Caller(2, "other", (), None)
    async with AsyncExitStack() as held:
        for _ in range(AT_ONCE):
            await held.enter_async_context(entrance.working(greedy))
        with pytest.raises(FhirRefusal, match="too_often"):
            await held.enter_async_context(entrance.working(greedy))
        # WeCom's callbacks find a connection all the same, and another program waits for a place.
        async with db.transaction():
            waiting = asyncio.create_task(held.enter_async_context(entrance.working(other)))
            await asyncio.sleep(0)
            assert not waiting.done()
            waiting.cancel()
            await asyncio.gather(waiting, return_exceptions=True)
    async with entrance.working(greedy), entrance.working(other):
        pass
