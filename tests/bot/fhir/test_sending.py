"""What programs send arrives whole or not at all, and only with patients whom they may see."""

import json
from datetime import timedelta
from pathlib import Path
from typing import Any

from sqlalchemy import func, select, update

from bot.fhir.receive import TABLES
from records.schema import Condition, Feed, FeedMessage, LabResult, LinkProposal, Observation, Patient
from tests.bot.fhir.conftest import Hospital
from tests.integrations.fhir.test_read import CHILD, transaction
from tests.integrations.fhir.valid import check
from tests.named import named

NEWBORN: dict[str, Any] = {
    **CHILD,
    "identifier": [{"system": "http://his.example/mrn", "value": "N1"}],
    "name": [{"text": "孙小宝"}],
}
HAEMOGLOBIN: dict[str, Any] = {
    "resourceType": "Observation", "id": "o1", "status": "final", "code": {"coding": [{"system": "http://loinc.org", "code": "718-7"}]},
    "subject": {"reference": "urn:uuid:c1"}, "valueQuantity": {"value": 98, "code": "g/L"},
    "effectiveDateTime": "2026-03-09T09:00:00+08:00",
}  # fmt: skip


async def send(
    hospital: Hospital, document: dict[str, Any], *, status: int = 200, path: str = "/", method: str = "POST", **more: Any
) -> Any:
    """Send a document; the answer, which is valid whatever it is."""
    response = await hospital.ask(method, path, json=document, **more)
    body = await response.json()
    assert response.status == status, body
    if body["resourceType"] != "Bundle":
        check(body)
    return body


async def count(hospital: Hospital, table: Any, *where: Any) -> int:
    async with hospital.db.transaction() as tx:
        return int(await tx.scalar(select(func.count()).select_from(table).where(*where)) or 0)


async def born(hospital: Hospital, name: str) -> int:
    async with hospital.db.transaction() as tx:
        return len(await named(tx, Patient, name))


async def feed_state(hospital: Hospital, who: str = "portal") -> list[str]:
    async with hospital.db.transaction() as tx:
        rows = select(FeedMessage.state).join(Feed).where(Feed.name == f"feed-{who}").order_by(FeedMessage.id)
        return list(await tx.scalars(rows))


async def test_a_public_bundle_is_taken_whole_and_twice_is_once(hospital: Hospital, shared: Path) -> None:
    document = json.loads((shared / "data/fhir/bundles/synthea_r4_1484a42d.json").read_text("utf-8"))
    async with hospital.db.transaction() as tx:
        await tx.execute(update(Feed).values(settings={"team": "新生儿随访组", "releases": True, "identifiers": {"MR": "record-number"}}))
    for _ in range(2):
        hospital.now[0] += timedelta(minutes=1)
        answered = await send(hospital, document)
        assert len(answered["entry"]) == len(document["entry"])
        assert {each["response"]["status"] for each in answered["entry"]} == {"201 Created", "202 Accepted"}
        (patient,) = (each["response"]["location"] for each in answered["entry"] if "/Patient/" in each["response"].get("location", ""))
        patient = patient.rpartition("/fhir")[2]
        shown = await hospital.get(f"{patient}/$everything")
        check(shown)
        kinds = [each["resource"]["resourceType"] for each in shown["entry"]]
        # 48 observations, of which three are blood pressures of two values each.
        assert {kind: kinds.count(kind) for kind in sorted(set(kinds))} == {
            "Condition": 1, "Encounter": 3, "Immunization": 4, "Observation": 51, "Patient": 1,
        }  # fmt: skip
    assert await feed_state(hospital) == ["applied", "applied"]


async def test_one_bad_entry_takes_the_whole_transaction_back(hospital: Hospital) -> None:
    for bad in ({**HAEMOGLOBIN, "code": {}}, {**HAEMOGLOBIN, "subject": {"reference": "Patient/stranger"}}):
        refused = await send(hospital, transaction(NEWBORN, bad), status=422)
        assert refused["issue"][0]["code"] in ("required", "not-found")
        assert await born(hospital, "孙小宝") == 0
    assert await count(hospital, Observation) == 4


async def test_of_a_batch_the_good_entries_stay(hospital: Hospital) -> None:
    batch = {**transaction(NEWBORN, {**HAEMOGLOBIN, "code": {}}, HAEMOGLOBIN | {"id": "o2"}), "type": "batch"}
    batch["entry"].append({"request": {"method": "DELETE", "url": "Patient/1"}})
    answered = await send(hospital, batch)
    assert [each["response"]["status"][:3] for each in answered["entry"]] == ["201", "422", "201", "400"]
    assert answered["entry"][1]["response"]["outcome"]["issue"][0]["expression"] == ["Bundle.entry[1].resource.code"]
    assert await born(hospital, "孙小宝") == 1


async def test_a_patient_of_another_department_cannot_be_written_about(hospital: Hospital, other: str) -> None:
    weight = {**HAEMOGLOBIN, "subject": {"reference": f"Patient/{other}"}}
    mrn = {"identifiers": {"http://his.example/mrn": "record-number"}}
    async with hospital.db.transaction() as tx:
        await tx.execute(update(Feed).values(settings=mrn))
    by_number = {**HAEMOGLOBIN, "subject": {"identifier": {"system": "http://his.example/mrn", "value": "B1"}}}
    nobody = {**HAEMOGLOBIN, "subject": {"reference": "Patient/cl-99999"}}
    answers = [await send(hospital, each, status=422, path="/Observation") for each in (weight, by_number, nobody)]
    assert answers[0] == answers[1] == answers[2]
    assert await count(hospital, LabResult, LabResult.source.like("feed-%")) == 0
    # Its own department's program may.
    await send(hospital, by_number, status=201, path="/Observation", who="oncology")


async def test_a_senders_own_ids_last_and_corrections_find_their_row(hospital: Hospital) -> None:
    await send(hospital, {**NEWBORN, "id": "p1"}, path="/Patient/p1", method="PUT")
    result = {**HAEMOGLOBIN, "subject": {"reference": "Patient/p1"}}
    for value, status, hour in ((98, "final", 10), (108, "corrected", 20)):
        value_given = {"valueQuantity": {"value": value, "code": "g/L"}}
        changed = {**result, **value_given, "status": status, "issued": f"2026-03-09T{hour}:00:00Z"}
        await send(hospital, changed, path="/Observation/o1", method="PUT")
    async with hospital.db.transaction() as tx:
        (row,) = await tx.scalars(select(LabResult).where(LabResult.source == "feed-portal"))
    assert (row.value, row.source_id) == (108.0, "Observation/o1")


async def test_our_own_ids_lead_to_our_patients(hospital: Hospital, child: str) -> None:
    weight = {
        "resourceType": "Observation", "status": "final", "code": {"coding": [{"system": "http://loinc.org", "code": "29463-7"}]},
        "subject": {"reference": f"Patient/{child}"}, "valueQuantity": {"value": 3300, "code": "g"},
        "effectiveDateTime": "2026-03-09T15:00:00+08:00",
    }  # fmt: skip
    response = await hospital.ask("POST", "/Observation", json=weight)
    assert response.status == 201
    shown = await hospital.get(response.headers["Location"].rpartition("/fhir")[2])
    assert shown["subject"]["reference"] == f"Patient/{child}"
    assert shown["valueQuantity"] == {"value": 3.3, "unit": "kg", "system": "http://unitsofmeasure.org", "code": "kg"}
    assert {one["value"] for one in (await hospital.get(f"/Patient/{child}"))["identifier"]} == {"A1", "IDA1", "CA1"}


async def test_who_may_not_write_writes_nothing(hospital: Hospital) -> None:
    await send(hospital, NEWBORN, status=403, path="/Patient", who="weights")
    await send(hospital, transaction(NEWBORN), status=403, who="weights")
    answered = await send(hospital, {**transaction(NEWBORN), "type": "batch"}, who="weights")
    assert answered["entry"][0]["response"]["status"] == "403 Forbidden"
    async with hospital.db.transaction() as tx:
        await tx.execute(update(Feed).values(active=False))
    await send(hospital, NEWBORN, status=403, path="/Patient")
    assert await count(hospital, Patient) == 2


async def test_what_is_no_message_is_refused_with_its_reason(hospital: Hospital) -> None:
    astray = {"resource": NEWBORN, "request": {"method": "POST", "url": "Group"}}
    posted: dict[str, Any] = {"data": b"{}", "headers": {"Content-Type": "application/fhir+json"}}
    for path, given, status in (
        ("/", {**posted, "data": b"[" * 100_000}, 400), ("/", {**posted, "data": b" " * (1 << 20) + b"{}"}, 413),
        ("/", {**posted, "data": b"{"}, 400), ("/", {"data": b"<Patient/>", "headers": {"Content-Type": "application/fhir+xml"}}, 415),
        ("/Patient", {"json": HAEMOGLOBIN}, 400), ("/Claim", {"json": {"resourceType": "Claim"}}, 404), ("/", {"json": NEWBORN}, 400),
        ("/", {"json": {"resourceType": "Bundle", "type": "searchset"}}, 400),
        ("/", {"json": {"resourceType": "Bundle", "type": "transaction", "entry": [astray]}}, 400),
    ):  # fmt: skip
        response = await hospital.ask("POST", path, **given)
        body = await response.json()
        assert response.status == status, (path, body)
        check(body)
    for path, resource, status, headers in (
        ("/Patient/p2", {**NEWBORN, "id": "p1"}, 400, {}), ("/Patient/cl-1", {**NEWBORN, "id": "cl-1"}, 422, {}),
        ("/Patient/p1", {**NEWBORN, "id": "p1"}, 412, {"If-Match": 'W/"1"'}),
    ):  # fmt: skip
        await send(hospital, resource, status=status, path=path, method="PUT", headers=headers)
    assert await count(hospital, Patient) == 2 and await feed_state(hospital) == []


async def test_test_data_are_tried_and_taken_back(hospital: Hospital) -> None:
    trial = {**NEWBORN, "meta": {"security": [{"code": "HTEST"}]}}
    answered = await send(hospital, transaction(trial))
    assert answered["entry"][0]["response"]["status"] == "202 Accepted"
    assert await count(hospital, Patient) == 2 and await feed_state(hospital) == ["ignored"]
    await send(hospital, transaction({**trial, "identifier": []}), status=422)


async def test_what_a_person_has_to_decide_waits_for_him(hospital: Hospital) -> None:
    async with hospital.db.transaction() as tx:
        await tx.execute(update(Feed).values(settings={"identifiers": {"http://his.example/mrn": "record-number"}}))
    # The record number of 赵小满 with another birth date.
    doubtful = {**NEWBORN, "identifier": [{"system": "http://his.example/mrn", "value": "A1"}], "birthDate": "2019-01-01"}
    problem = {"resourceType": "Condition", "id": "k1", "code": {"text": "早产儿"}, "subject": {"reference": "urn:uuid:c1"}}
    for _ in range(2):
        refused = await send(hospital, transaction(doubtful, problem), status=422)
        assert refused["issue"][0]["details"]["coding"][0]["code"].startswith("conflict_")
    assert await count(hospital, Condition, Condition.source == "feed-portal") == 0
    assert await count(hospital, LinkProposal) == 1 and await feed_state(hospital) == ["dead"]


async def test_a_message_bundle_is_taken_too(hospital: Hospital) -> None:
    header = {"resourceType": "MessageHeader", "id": "h", "eventCoding": {"code": "admit"}}
    told = {**transaction(header, NEWBORN), "type": "message"}
    for each in told["entry"]:
        del each["request"]
    answered = await send(hospital, told)
    assert answered["issue"][0]["severity"] == "information"
    assert await born(hospital, "孙小宝") == 1


def test_rows_that_are_sent_have_addresses_that_are_read() -> None:
    from bot.fhir.kinds import kinds

    assert set(TABLES) <= set(kinds())


async def test_in_a_batch_one_doubt_holds_up_nobody_else(hospital: Hospital) -> None:
    async with hospital.db.transaction() as tx:
        await tx.execute(update(Feed).values(settings={"identifiers": {"http://his.example/mrn": "record-number"}}))
    doubtful = {**NEWBORN, "identifier": [{"system": "http://his.example/mrn", "value": "A1"}], "birthDate": "2019-01-01"}
    theirs = {**HAEMOGLOBIN, "subject": {"identifier": {"system": "http://his.example/mrn", "value": "B1"}}}
    result = {**HAEMOGLOBIN, "id": "o2", "subject": {"identifier": {"system": "http://his.example/mrn", "value": "N1"}}}
    answered = await send(hospital, {**transaction(doubtful, NEWBORN, theirs, result), "type": "batch"})
    assert [each["response"]["status"][:3] for each in answered["entry"]] == ["422", "201", "422", "201"]
    assert await feed_state(hospital) == ["dead", "applied", "applied"]
    assert await count(hospital, LabResult, LabResult.source == "feed-portal") == 1
