"""What programs of other systems read: valid R4, complete, and of their own departments alone."""

import json
from datetime import timedelta
from typing import Any
from urllib.parse import urlsplit

from sqlalchemy import select, update

from bot.fhir.codes import CARE_PLAN, COMMUNICATION, ENCOUNTER, FLAG, RESPONSE, TASK, id_of
from bot.fhir.kinds import kinds
from plans.enrolment import PLAN_MOVES
from plans.merge import merge
from plans.task import TASK_MOVES
from records.encounter import ENCOUNTER_STATES
from records.flag import FLAG_MOVES
from records.questionnaire import RESPONSE_MOVES
from records.schema import Observation, Outbound, Patient, ReadAudit, Tag
from tests.bot.fhir.conftest import NOW, Hospital
from tests.integrations.fhir.valid import check

# How many of each kind a child of these tests has; a result that was not released is none.
OF_EACH = {
    "Patient": 1, "Observation": 4, "Condition": 1, "Encounter": 1, "Immunization": 1, "MedicationRequest": 1, "ServiceRequest": 1,
    "Appointment": 1, "DocumentReference": 1, "CarePlan": 1, "Task": 2,
    "QuestionnaireResponse": 1, "Flag": 1, "Communication": 1, "Group": 2,
}  # fmt: skip


async def test_everything_that_is_shown_is_valid_and_stands_under_its_own_address(hospital: Hospital) -> None:
    for kind, count in OF_EACH.items():
        found = await hospital.get(f"/{kind}")
        check(found)
        assert len(found["entry"]) == count, kind
        for each in found["entry"]:
            alone = await hospital.get(f"/{kind}/{each['resource']['id']}")
            check(alone)
            assert each["fullUrl"].endswith(f"/fhir/{kind}/{alone['id']}")
            assert kind == "Group" or alone == each["resource"]
    assert set(OF_EACH) == set(kinds())


async def test_a_child_of_another_department_looks_like_none(hospital: Hospital, child: str, other: str) -> None:
    for kind in OF_EACH:
        mine, theirs = await hospital.ids(f"/{kind}"), await hospital.ids(f"/{kind}", who="oncology")
        assert len(theirs) == OF_EACH[kind] and not set(mine) & set(theirs)
        for strange in theirs:
            refused = await hospital.get(f"/{kind}/{strange}", status=404)
            nothing = await hospital.get(f"/{kind}/cl-999999999", status=404)
            check(refused)
            assert refused == nothing
        if "patient" in kinds()[kind].parameters:
            assert await hospital.ids(f"/{kind}?patient={other}") == []
            assert len(await hospital.ids(f"/{kind}?patient=Patient/{child}")) == OF_EACH[kind]
    await hospital.get(f"/Patient/{other}/$everything", status=404)
    assert await hospital.ids("/Patient?identifier=B1") == []
    assert (await hospital.get("/Patient?_summary=count"))["total"] == 1


async def test_every_read_leaves_the_programs_name(hospital: Hospital, child: str, other: str) -> None:
    await hospital.get("/Observation")
    await hospital.get(f"/Patient/{child}")
    await hospital.get("/Group/" + (await hospital.ids("/Group"))[0])
    await hospital.get(f"/Patient/{other}", status=404)
    async with hospital.db.transaction() as tx:
        audits = list(await tx.scalars(select(ReadAudit).order_by(ReadAudit.id)))
    assert [(one.patient_id, one.why) for one in audits] == [
        (hospital.child, f"fhir:{kind}") for kind in ("Observation", "Patient", "Group")
    ]
    assert {(one.staff_id, one.client_id is not None) for one in audits} == {(None, True)}


async def test_everything_about_one_child(hospital: Hospital, child: str) -> None:
    found = await hospital.get(f"/Patient/{child}/$everything")
    check(found)
    kinds_found = [each["resource"]["resourceType"] for each in found["entry"]]
    assert {kind: kinds_found.count(kind) for kind in OF_EACH if kind != "Group"} == {k: n for k, n in OF_EACH.items() if k != "Group"}
    assert "赵小满" in json.dumps(found, ensure_ascii=False) and "钱小雨" not in json.dumps(found, ensure_ascii=False)


async def test_a_note_is_shown_by_title_and_day_never_by_its_text(hospital: Hospital, child: str) -> None:
    found = await hospital.get("/DocumentReference")
    (note,) = [each["resource"] for each in found["entry"]]
    assert (note["description"], note["docStatus"], note["context"]["encounter"][0]["reference"]) == ("出院小结", "final", "Encounter/cl-1")
    attachment = note["content"][0]["attachment"]
    assert set(attachment) == {"contentType", "title", "size", "hash", "creation"} and attachment["size"] == len("诊断：川崎病".encode())
    assert "川崎病" not in json.dumps(await hospital.get(f"/Patient/{child}/$everything"), ensure_ascii=False)


async def test_a_patient_with_his_numbers(hospital: Hospital, child: str) -> None:
    patient = await hospital.get(f"/Patient/{child}")
    assert [(one["system"], one["value"]) for one in patient["identifier"]] == [
        ("urn:careloop:id:record-number", "A1"), ("urn:oid:2.16.156.10011.1.3", "IDA1"), ("http://his.example/card", "CA1"),
    ]  # fmt: skip
    assert (patient["gender"], patient["birthDate"], patient["name"][0]["text"]) == ("female", "2026-03-01", "赵小满")


FOUND = """
1 Patient?identifier=A1
1 Patient?identifier=urn:careloop:id:record-number|A1
1 Patient?identifier=urn:oid:2.16.156.10011.1.3|IDA1
0 Patient?identifier=urn:oid:2.16.156.10011.1.3|A1
1 Patient?identifier=http://his.example/card|CA1
0 Patient?identifier=http://his.example/%25|CA1
1 Patient?name=赵
0 Patient?name=%25
0 Patient?name=小满
1 Patient?birthdate=2026-03
0 Patient?birthdate=gt2026-03-01
1 Patient?birthdate=ge2026-03-01&gender=female
0 Patient?gender=male
1 Observation?code=http://loinc.org|29463-7
1 Observation?code=29463-7
1 Observation?code=weight
1 Observation?code=urn:careloop:observation|cough
2 Observation?code=weight,718-7
0 Observation?code=1-8
2 Observation?category=laboratory
1 Observation?category=vital-signs
1 Observation?category=survey
3 Observation?date=2026-03-08
1 Observation?date=ge2026-03-09T08:00:00Z
3 Observation?date=lt2026-03-09
1 Observation?date=ge2026-03-09T16:00:00+08:00
0 Observation?date=gt2026-03-09T08:00:00Z
3 Observation?date=ge2026-03-08&date=le2026-03-08
0 Observation?status=preliminary
1 Task?status=completed
1 Task?status=requested
1 Task?business-status=done
2 Task?code=weight
1 CarePlan?status=active
0 CarePlan?status=revoked
1 Flag?status=active&category=urgent
0 Flag?status=inactive
1 Communication?status=completed
1 QuestionnaireResponse?questionnaire=urn:careloop:questionnaire:pain|1
1 Condition?code=P07.3
1 Condition?code=http://hl7.org/fhir/sid/icd-10|P07.3
0 Condition?clinical-status=inactive
1 Group?code=preterm-A1
0 Group?code=preterm-B1
1 Immunization?vaccine-code=08
1 Encounter?class=IMP
1 MedicationRequest?status=active
1 ServiceRequest?status=active&authored=2026-03-08
1 Appointment?date=ge2026-03-10&actor=Patient/cl-1
0 Appointment?status=cancelled
1 DocumentReference?type=CY&date=2026-03-08
1 DocumentReference?status=current
0 DocumentReference?status=superseded
1 Patient?_lastUpdated=ge2020
0 Patient?_lastUpdated=lt2020
0 Patient?_id=cl-x,7,'
2 Task?based-on=CarePlan/cl-1
4 Observation?subject:Patient=Patient/cl-1
4 Observation?subject=http://elsewhere/fhir/Patient/cl-1
0 Observation?subject=Group/cl-1
"""


async def test_what_a_search_finds(hospital: Hospital) -> None:
    for line in FOUND.strip().splitlines():
        count, _, query = line.partition(" ")
        assert len(await hospital.ids(f"/{query.replace('+', '%2B')}")) == int(count), query


async def test_pages_hold_every_row_once_in_order_both_ways(hospital: Hospital) -> None:
    async with hospital.db.transaction() as tx:
        for minute in range(9):
            at = NOW - timedelta(minutes=minute // 2)
            tx.add(
                Observation(
                    patient_id=hospital.child,
                    code="weight",
                    value=3.0 + minute,
                    unit="kg",
                    text=f"{minute}",
                    effective_at=at,
                    recorded_at=at,
                )
            )
    for sort in ("_id", "-_id", "date", "-date", "_lastUpdated", "-_lastUpdated"):
        path: str | None = f"/Observation?_count=4&_sort={sort}"
        seen: list[dict[str, Any]] = []
        while path is not None:
            page = await hospital.get(path)
            assert len(page["entry"]) <= 4
            seen += [each["resource"] for each in page["entry"]]
            following = [link["url"] for link in page["link"] if link["relation"] == "next"]
            path = f"{urlsplit(following[0]).path}?{urlsplit(following[0]).query}".removeprefix("/fhir") if following else None
        assert len({one["id"] for one in seen}) == len(seen) == 13
        if sort.endswith("date"):
            times = [one["effectiveDateTime"] for one in seen]
            assert times == sorted(times, reverse=sort.startswith("-"))


async def test_how_many_a_page_may_hold(hospital: Hospital) -> None:
    assert len((await hospital.get("/Observation?_count=999999999"))["entry"]) == 4
    counted = await hospital.get("/Observation?_count=0")
    assert counted["total"] == 4 and "entry" not in counted
    assert (await hospital.get("/Observation?_count=1&_total=accurate"))["total"] == 4
    for wrong in ("-1", "many", "1e3", "9999999999", "", "٣"):
        refused = await hospital.get(f"/Observation?_count={wrong}", status=400)
        assert refused["issue"][0]["expression"] == ["_count"]


async def test_an_unknown_parameter_is_named_and_in_strict_handling_refused(hospital: Hospital) -> None:
    found = await hospital.get("/Observation?colour=blue&code=weight")
    check(found)
    (warning,) = (each["resource"] for each in found["entry"] if each["search"]["mode"] == "outcome")
    assert warning["issue"][0] | {"details": None} == {
        "severity": "warning",
        "code": "not-supported",
        "details": None,
        "expression": ["colour"],
    }
    assert "colour" not in next(link["url"] for link in found["link"] if link["relation"] == "self")
    refused = await hospital.get("/Observation?colour=blue", status=400, headers={"Prefer": "handling=strict"})
    check(refused)


REFUSED = [
    "_include=Observation:patient", "_revinclude=Task:patient", "_include:iterate=x", "patient.name=赵", "_has:Task:patient:code=x",
    "code:text=体重", "subject:Group=cl-1", "date=tomorrow", "date=ap2026", "date=2026-02-30", "date=ge9999-12-31", "_sort=code",
    "_sort=-date,_id",
    "_summary=text", "_cursor=AAAA", "_cursor=WyIyMDI2IiwgIm8iLCAxXQ", "_count=2&_count=3",
    "code=" + "a" * 201, "code=" + ",".join("a" * 60),
    "code=%00", "code=,", "&".join(["code=a"] * 60), "_lastUpdated=x",
]  # fmt: skip


async def test_what_cannot_be_answered_is_refused_with_its_place(hospital: Hospital) -> None:
    for query in REFUSED:
        refused = await hospital.get(f"/Observation?{query}", status=400)
        check(refused)
        assert "expression" in refused["issue"][0], query


async def test_a_search_by_form_finds_the_same(hospital: Hospital) -> None:
    response = await hospital.ask("POST", "/Patient/_search", data={"identifier": "A1"})
    found = await response.json()
    assert response.status == 200 and len(found["entry"]) == 1
    response = await hospital.ask("POST", "/Patient/_search", json={"identifier": "A1"})
    assert response.status == 415


async def test_a_version_changes_with_what_is_shown_and_else_not(hospital: Hospital, child: str) -> None:
    first = await hospital.ask("GET", f"/Patient/{child}")
    tag = first.headers["ETag"]
    assert (await hospital.ask("GET", f"/Patient/{child}", headers={"If-None-Match": tag})).status == 304
    async with hospital.db.transaction() as tx:
        await tx.execute(update(Patient).where(Patient.id == hospital.child).values(name="赵大满"))
    second = await hospital.ask("GET", f"/Patient/{child}", headers={"If-None-Match": tag})
    assert second.status == 200 and second.headers["ETag"] != tag
    assert (await second.json())["meta"]["lastUpdated"] > (await first.json())["meta"]["lastUpdated"]


async def test_a_tag_of_one_department_is_no_group_of_another(hospital: Hospital) -> None:
    (ours,) = await hospital.ids("/Group?code=preterm-A1")
    await hospital.get(f"/Group/{ours}", who="oncology", status=404)
    async with hospital.db.transaction() as tx:
        await tx.execute(update(Tag).values(shared=True))
    shared = await hospital.get(f"/Group/{ours}", who="oncology")
    # The tag is everybody's now; who carries it is not.
    assert shared["quantity"] == 0 and "member" not in shared
    assert [one["entity"]["reference"] for one in (await hospital.get(f"/Group/{ours}"))["member"]] == [f"Patient/cl-{hospital.child}"]


async def test_a_reply_in_the_chat_is_nobodys_communication(hospital: Hospital) -> None:
    # Whom of several children it is about, nobody knows.
    async with hospital.db.transaction() as tx:
        keys = list(await tx.scalars(select(Outbound.key)))
    assert any(key.startswith("reply:") for key in keys)
    (message,) = (each["resource"] for each in (await hospital.get("/Communication"))["entry"])
    assert message["payload"] == [{"contentString": "今天体重多少？"}]


def test_every_state_of_ours_has_a_word_of_theirs() -> None:
    assert set(CARE_PLAN) == set(PLAN_MOVES)
    assert set(TASK) == set(TASK_MOVES)
    assert set(RESPONSE) == set(RESPONSE_MOVES)
    assert set(FLAG) == set(FLAG_MOVES)
    assert set(ENCOUNTER) == set(ENCOUNTER_STATES)
    assert set(COMMUNICATION) == {"queued", "sending", "sent", "failed", "withdrawn"}


async def test_a_merged_patient_is_a_link_to_whom_he_became(hospital: Hospital, child: str) -> None:
    async with hospital.db.transaction() as tx:
        kept = await tx.get_one(Patient, hospital.child)
        twin = Patient(team_id=kept.team_id, record_number="inpatient-number:B7", name="赵小满", birth_date=kept.birth_date)
        tx.add(twin)
        await tx.flush()
        gone = id_of(twin.id)
    assert [each["value"] for each in (await hospital.get(f"/Patient/{gone}")).get("identifier", [])] == []
    async with hospital.db.transaction() as tx:
        await merge(tx, await tx.get_one(Patient, hospital.child), await tx.get_one(Patient, twin.id), now=NOW, by="lin", reason="重复")
    found = await hospital.get(f"/Patient/{gone}")
    check(found)
    link = {"other": {"reference": f"Patient/{child}", "type": "Patient"}, "type": "replaced-by"}
    assert (found["active"], found["link"]) == (False, [link])
    await hospital.get(f"/Patient/{gone}", who="oncology", status=404)
