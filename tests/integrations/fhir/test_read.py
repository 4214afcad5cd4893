"""What hospitals send as FHIR, read into events."""

import json
from dataclasses import replace
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from integrations.event import (
    Booked,
    Diagnosed,
    Event,
    Identifier,
    Observed,
    Ordered,
    PatientMerge,
    PatientUpsert,
    Vaccinated,
    VisitChange,
)
from integrations.fhir.bundle import counts, messages
from integrations.fhir.document import FhirError, parse
from integrations.fhir.person import Source

ZONE = ZoneInfo("Asia/Shanghai")
HIS = Source("his", ZONE, datetime(2026, 3, 9, 1, tzinfo=UTC), {"http://his.example/mrn": "record-number"})
SYNTHEA = ["synthea_r4_1484a42d.json", "synthea_r4_ad2e3fc5.json", "synthea_r4_e4b9259d.json"]

CHILD: dict[str, Any] = {
    "resourceType": "Patient",
    "id": "c1",
    "identifier": [
        {"system": "http://his.example/mrn", "value": "ZY-1"},
        {"system": "urn:oid:2.16.156.10011.1.3", "value": "110105202603010012"},
    ],
    "name": [{"use": "official", "family": "赵", "given": ["小满"]}],
    "gender": "female",
    "birthDate": "2026-03-01",
    "multipleBirthInteger": 2,
    "telecom": [{"system": "phone", "value": "13900000001"}, {"system": "email", "value": "zhao@example.com"}],
}
OF_CHILD = {"subject": {"reference": "Patient/c1"}}


def told(resource: dict[str, Any]) -> list[Event]:
    """The events of one resource that a server gave us."""
    (part,) = messages(resource, HIS)
    if part.error is not None:
        raise part.error
    assert part.message is not None
    return list(part.message.events)


def transaction(*resources: dict[str, Any], **more: Any) -> dict[str, Any]:
    entries = [
        {"fullUrl": f"urn:uuid:{each['id']}", "resource": each, "request": {"method": "POST", "url": each["resourceType"]}}
        for each in resources
    ]
    return {"resourceType": "Bundle", "type": "transaction", "entry": entries, **more}


@pytest.mark.parametrize("name", SYNTHEA)
def test_every_figure_of_the_public_bundles_comes_out(shared: Path, name: str) -> None:
    folder = shared / "data" / "fhir"
    expected = json.loads((folder / "expected.json").read_text("utf-8"))[name]
    document = parse((folder / "bundles" / name).read_bytes(), max_bytes=1 << 20)
    source = Source("synthea", ZONE, HIS.received_at, {"MR": "record-number"})
    (part,) = messages(document, source)
    assert part.message is not None
    events = part.message.events
    assert (document["type"], counts(document)) == (expected["type"], expected["resources"])

    (person,) = (event.person for event in events if isinstance(event, PatientUpsert))
    who = expected["patient"]
    names = {"MR": "record-number"}
    assert person.name == f"{who['given']} {who['family']}"
    assert person.sex == {"male": "M", "female": "F"}[who["gender"]]
    assert (str(person.birth_date), person.phones, person.died_at) == (who["birth_date"], (who["phone"],), who["deceased"])
    assert [(one.system, one.value) for one in person.identifiers] == [
        (names.get(one["type"]) or f"synthea:{one['system']}:{one['type'] or ''}", one["value"]) for one in who["identifiers"]
    ]
    assert {event.person for event in events} == {person}

    active = [[event.code.code, event.code.text] for event in events if isinstance(event, Diagnosed) and event.active]
    assert active == expected["active_conditions"]

    last: dict[str, dict[str, Any]] = {}
    for event in sorted((each for each in events if isinstance(each, Observed)), key=lambda each: each.effective_at or HIS.received_at):
        assert event.effective_at is not None
        entry: dict[str, Any] = {"text": event.code.text, "time": event.effective_at.isoformat()}
        if event.report is not None and event.report.code and "#" in event.key:
            panel = last.get(event.report.code)
            if panel is None or panel["time"] != entry["time"]:
                panel = last[event.report.code] = {"text": event.report.text, "components": [], "time": entry["time"]}
            panel["components"].append({"code": event.code.code, "value": float(event.values[0]), "unit": event.unit})
            continue
        # The file tells a coded value by its words alone.
        entry |= {"value": float(event.values[0]), "unit": event.unit} if event.unit is not None else {"text": event.values[0]}
        last[event.code.code or ""] = entry
    for found in last.values():
        found.get("components", []).sort(key=lambda each: str(each["code"]))
    for wanted in expected["last_observation_by_code"].values():
        wanted.get("components", []).sort(key=lambda each: str(each["code"]))
    assert last == expected["last_observation_by_code"]

    given = [event for event in events if isinstance(event, Vaccinated) and event.given]
    shots = [{"code": one.code.code, "text": one.code.text, "date": one.at.isoformat() if one.at else None} for one in given]
    assert sorted(shots, key=str) == sorted(expected["immunizations"], key=str)


def test_a_child_with_its_numbers_name_and_birth_order() -> None:
    (event,) = told(CHILD)
    assert isinstance(event, PatientUpsert)
    person = event.person
    assert person.identifiers == (
        Identifier("record-number", "ZY-1"), Identifier("national-id", "110105202603010012"), Identifier("his:fhir:id", "c1"),
    )  # fmt: skip
    assert (person.name, person.sex, person.birth_date, person.birth_order) == ("赵小满", "F", date(2026, 3, 1), 2)
    assert person.phones == ("13900000001",)


def test_numbers_mean_what_they_mean_in_hl7() -> None:
    def named(value: str, address: str = "", kind: str = "") -> list[str]:
        given = {"system": address, "value": value, "type": {"coding": [{"code": kind}]}}
        return [one.system for one in told({**CHILD, "identifier": [given]})[0].person.identifiers]

    assert named("ZY-7", "http://elsewhere", "MR") == ["record-number", "his:fhir:id"]
    assert named("E-7", kind="EMPI") == ["empi", "his:fhir:id"]
    assert named("Z7", "urn:oid:2.16.156.10011.1.12") == ["inpatient-number", "his:fhir:id"]
    # A typing slip in a national id is nobody else's national id.
    assert named("110105202603010010", "urn:oid:2.16.156.10011.1.3") == ["his:urn:oid:2.16.156.10011.1.3:", "his:fhir:id"]
    for nothing in ("0000", "无", "--"):
        assert named(nothing, kind="MR") == ["his:fhir:id"]
    assert named("V7", kind="VN") == ["his:fhir:id"]


def test_the_id_of_a_patient_who_is_posted_as_new_names_nobody() -> None:
    (part,) = messages(transaction({**CHILD, "id": "1"}), HIS)
    assert part.message is not None
    assert "his:fhir:id" not in {one.system for one in part.message.events[0].person.identifiers}


@pytest.mark.parametrize(
    ("reference", "number"),
    [
        ({"reference": "Patient?identifier=http://his.example/mrn|ZY-1"}, Identifier("record-number", "ZY-1")),
        ({"reference": "Patient?identifier=http%3A%2F%2Fhis.example%2Fmrn%7CZY-1"}, Identifier("record-number", "ZY-1")),
        ({"identifier": {"system": "http://his.example/mrn", "value": "ZY-1"}}, Identifier("record-number", "ZY-1")),
        ({"reference": "https://his.example/fhir/Patient/c1/_history/2"}, Identifier("his:fhir:id", "c1")),
        ({"reference": "Patient?name=赵"}, None),
        ({"reference": "Patient?identifier=a|1&name=赵"}, None),
        ({"reference": "Group/c1"}, None),
        ({"reference": "urn:uuid:c1"}, None),
    ],
)
def test_the_ways_to_name_a_patient(reference: dict[str, Any], number: Identifier | None) -> None:
    problem = {"resourceType": "Condition", "id": "k1", "code": {"text": "早产儿"}, "subject": reference}
    if number is not None:
        assert told(problem)[0].person.identifiers == (number,)
    else:
        with pytest.raises(FhirError, match=r"no_patient at Condition\.subject"):
            told(problem)


def test_a_mother_is_known_beside_her_child_and_never_as_it() -> None:
    mother = {
        "resourceType": "RelatedPerson", "id": "m1", "patient": {"reference": "urn:uuid:c1"}, "telecom": [{"value": "13900000009"}],
        "relationship": [{"coding": [{"code": "MTH"}]}],
        "identifier": [{"system": "urn:oid:2.16.156.10011.1.3", "value": "110105199001011232"}],
    }  # fmt: skip
    (part,) = messages(transaction(mother, CHILD), HIS)
    assert part.message is not None and part.message.notes == ("passed_over:RelatedPerson",)
    person = part.message.events[0].person
    assert person.mother == (Identifier("national-id", "110105199001011232"),)
    assert set(person.mother).isdisjoint(person.identifiers)
    assert person.phones == ("13900000001", "13900000009")


def test_two_records_of_one_child_are_one() -> None:
    gone = {**CHILD, "id": "c2", "active": False, "link": [{"type": "replaced-by", "other": {"reference": "Patient/c1"}}]}
    (event,) = told(gone)
    assert isinstance(event, PatientMerge)
    assert event.person.identifiers == (Identifier("his:fhir:id", "c1"),)
    assert Identifier("his:fhir:id", "c2") in event.gone.identifiers


def test_nobody_asks_after_a_child_who_died_on_an_unknown_day() -> None:
    (event,) = told({**CHILD, "deceasedBoolean": True})
    assert event.person.died_at == HIS.received_at
    (event,) = told({**CHILD, "deceasedDateTime": "2026-03-05"})
    assert event.person.died_at == datetime(2026, 3, 4, 16, tzinfo=UTC)


@pytest.mark.parametrize(
    ("status", "what"),
    [
        ("in-progress", "admit"),
        ("finished", "discharge"),
        ("cancelled", "cancel_admit"),
        ("entered-in-error", "cancel_admit"),
        ("planned", "admit"),
    ],
)
def test_a_stay_begins_ends_and_is_taken_back(status: str, what: str) -> None:
    stay = {
        "resourceType": "Encounter", "id": "e1", "status": status, "class": {"code": "IMP"}, **OF_CHILD,
        "identifier": [{"value": "ZY2026"}],
        "serviceType": {"text": "新生儿科"}, "period": {"start": "2026-03-01T08:00:00+08:00", "end": "2026-03-05T10:00:00+08:00"},
    }  # fmt: skip
    (event,) = told(stay)
    assert isinstance(event, VisitChange)
    assert (event.what, event.visit.number, event.visit.department) == (what, "ZY2026", "新生儿科")
    assert event.visit.discharged_at == (datetime(2026, 3, 5, 2, tzinfo=UTC) if status == "finished" else None)


def test_what_a_child_may_have_is_not_what_it_has() -> None:
    problem = {
        "resourceType": "Condition",
        "id": "k1",
        **OF_CHILD,
        "code": {"coding": [{"system": "http://hl7.org/fhir/sid/icd-10", "code": "P07.3"}]},
    }

    def active(**more: Any) -> list[bool]:
        return [event.active for event in told({**problem, **more}) if isinstance(event, Diagnosed)]

    assert active() == [True]
    assert active(verificationStatus={"coding": [{"code": "differential"}]}) == []
    assert active(verificationStatus={"coding": [{"code": "refuted"}]}) == [False]
    assert active(clinicalStatus={"coding": [{"code": "resolved"}]}) == [False]
    assert active(abatementDateTime="2026-04-01") == [False]


@pytest.mark.parametrize(
    ("value", "read"),
    [
        ('"valueQuantity": {"value": 5.10, "comparator": "<", "code": "mg/L"}', (("<5.10",), "mg/L")),
        ('"valueRange": {"low": {"value": 60, "code": "/min"}, "high": {"value": 120}}', (("60-120",), "/min")),
        ('"valueRatio": {"numerator": {"value": 1}, "denominator": {"value": 128}}', (("1:128",), None)),
        ('"valueString": "阴性"', (("阴性",), None)),
        ('"valueBoolean": false', (("false",), None)),
        ('"valueInteger": 3', (("3",), None)),
        ('"valueCodeableConcept": {"coding": [{"code": "POS", "display": "阳性"}]}', (("阳性",), None)),
        ('"dataAbsentReason": {"text": "溶血"}', ((), None)),
        ('"valueQuantity": {"value": "kaputt"}', ((), None)),
    ],
)  # fmt: skip
def test_a_value_as_it_was_written(value: str, read: tuple[tuple[str, ...], str | None]) -> None:
    about = '"resourceType": "Observation", "id": "o1", "status": "final", "code": {"text": "CRP"}, "subject": {"reference": "Patient/c1"}'
    body = f"{{{about}, {value}}}"
    (event,) = told(parse(body, max_bytes=1000))
    assert isinstance(event, Observed)
    assert (event.values, event.unit) == read


def test_a_blood_pressure_is_two_values_of_one_panel() -> None:
    parts = [
        {"code": {"coding": [{"code": code}]}, "valueQuantity": {"value": value, "code": "mm[Hg]"}}
        for code, value in (("8480-6", 118), ("8462-4", 76))
    ]
    panel = {
        "resourceType": "Observation",
        "id": "o1",
        "status": "amended",
        "code": {"coding": [{"code": "85354-9"}]},
        **OF_CHILD,
        "component": parts,
    }
    found = [event for event in told(panel) if isinstance(event, Observed)]
    assert [(one.key, one.values, one.status) for one in found] == [
        ("Observation/o1#8480-6", ("118",), "C"),
        ("Observation/o1#8462-4", ("76",), "C"),
    ]
    assert {one.report.code for one in found if one.report} == {"85354-9"}


def test_a_result_knows_the_report_that_lists_it() -> None:
    result = {
        "resourceType": "Observation",
        "id": "o1",
        "status": "final",
        "code": {"text": "血红蛋白"},
        "subject": {"reference": "urn:uuid:c1"},
        "valueInteger": 120,
    }
    report = {"resourceType": "DiagnosticReport", "id": "d1", "code": {"text": "血常规"}, "result": [{"reference": "urn:uuid:o1"}]}
    (part,) = messages(transaction(report, result, CHILD), HIS)
    assert part.message is not None
    (found,) = (event for event in part.message.events if isinstance(event, Observed))
    assert found.report is not None and found.report.text == "血常规"
    # A result belongs to the family once the hospital has released it, and no FHIR status says that.
    assert found.released_at is None
    (part,) = messages(transaction(report, result, CHILD), replace(HIS, releases=True))
    assert part.message is not None
    assert [event.released_at for event in part.message.events if isinstance(event, Observed)] == [HIS.received_at]


def test_a_prescription_in_its_own_words() -> None:
    order = {
        "resourceType": "MedicationRequest", "id": "r1", "status": "active", "intent": "order", **OF_CHILD,
        "medicationReference": {"reference": "#d"},
        "contained": [{"resourceType": "Medication", "id": "d", "code": {"text": "维生素D滴剂"}}],
        "dosageInstruction": [
            {"route": {"text": "口服"}, "doseAndRate": [{"doseQuantity": {"value": 400, "unit": "IU"}}],
             "timing": {"repeat": {"frequency": 1, "period": 1, "periodUnit": "d"}}}
        ],
    }  # fmt: skip
    (event,) = told(order)
    assert isinstance(event, Ordered)
    assert (event.kind, event.code.text, event.dose, event.frequency, event.route) == ("medicine", "维生素D滴剂", "400 IU", "QD", "口服")
    assert told({**order, "status": "draft"}) == told({**order, "intent": "proposal"}) == []
    (event,) = told({**order, "status": "entered-in-error"})
    assert isinstance(event, Ordered) and event.status == "stopped"


def test_an_order_for_the_laboratory() -> None:
    order = {"resourceType": "ServiceRequest", "id": "s1", "status": "active", "intent": "order", **OF_CHILD, "code": {"text": "血常规"}}
    (event,) = told({**order, "category": [{"coding": [{"code": "108252007"}]}]})
    assert isinstance(event, Ordered) and event.kind == "test"
    assert told({**order, "doNotPerform": True}) == []


def test_an_appointment_with_doctor_and_place() -> None:
    visit = {
        "resourceType": "Appointment", "id": "a1", "status": "booked", "start": "2026-03-10T09:00:00+08:00", "patientInstruction": "空腹",
        "participant": [
            {"actor": {"reference": "Practitioner/9", "display": "李医生"}}, {"actor": {"reference": "Patient/c1"}},
            {"actor": {"reference": "Location/3", "display": "三楼"}},
        ],
    }  # fmt: skip
    (event,) = told(visit)
    assert isinstance(event, Booked)
    assert (event.doctor, event.place, event.prepare, event.status) == ("李医生", "三楼", "空腹", "booked")
    doctor = {"resourceType": "Practitioner", "id": "9", "name": [{"family": "李", "given": ["明"]}]}
    visit["participant"][0] = {"actor": {"reference": "Practitioner/9"}}
    *_, booked = [part for part in messages({**transaction(CHILD, doctor, visit), "type": "collection"}, HIS)]
    assert booked.message is not None and [getattr(each, "doctor", None) for each in booked.message.events] == ["李明"]
    assert told({**visit, "status": "proposed"}) == []
    with pytest.raises(FhirError, match=r"no_start at Appointment\.start"):
        told({**visit, "start": "morgen"})


def test_a_vaccine_that_was_refused_was_not_given() -> None:
    shot = {
        "resourceType": "Immunization",
        "id": "i1",
        "status": "not-done",
        "vaccineCode": {"text": "卡介苗"},
        "patient": {"reference": "Patient/c1"},
        "protocolApplied": [{"doseNumberString": "2"}],
    }
    (event,) = told(shot)
    assert isinstance(event, Vaccinated) and not event.given and event.dose_number == 2


def test_a_transaction_falls_with_its_worst_entry_and_says_which() -> None:
    lost = {"resourceType": "Observation", "id": "o1", "code": {"text": "体重"}, "subject": {"reference": "urn:uuid:nobody"}}
    with pytest.raises(FhirError) as refused:
        messages(transaction(CHILD, lost), HIS)
    assert (refused.value.code, refused.value.path) == ("no_patient", "Bundle.entry[1].resource.subject")


def test_of_a_batch_only_the_bad_entry_falls() -> None:
    lost = {"resourceType": "Observation", "id": "o1", "code": {"text": "体重"}}
    good, bad = messages({**transaction(CHILD, lost), "type": "batch"}, HIS)
    assert good.message is not None and good.error is None
    assert bad.message is None and bad.error is not None and bad.error.path == "Bundle.entry[1].resource.subject"


def test_an_entry_of_a_batch_that_is_none_costs_the_others_nothing() -> None:
    batch = {**transaction(CHILD), "type": "batch"}
    batch["entry"] += [{"request": {"method": "DELETE", "url": "Patient/1"}}, "nonsense", {"resource": {"resourceType": 7}}]
    good, *bad = messages(batch, HIS)
    assert good.message is not None
    assert [each.error.code for each in bad if each.error] == ["not_supported", "not_a_resource", "not_a_resource"]


def test_a_message_bundle_is_known_by_its_own_number_and_event() -> None:
    header = {"resourceType": "MessageHeader", "id": "h", "eventCoding": {"code": "discharge"}}
    (part,) = messages(
        {**transaction(header, CHILD), "type": "message", "identifier": {"value": "msg-7"}, "timestamp": "2026-03-09T09:00:00+08:00"}, HIS
    )
    assert part.message is not None
    assert (part.message.id, part.message.kind, part.message.at) == ("msg-7", "discharge", HIS.received_at)


def test_test_data_say_so() -> None:
    (part,) = messages({**CHILD, "meta": {"security": [{"code": "HTEST"}], "versionId": "3"}}, HIS)
    assert part.message is not None and part.message.test and part.message.id == "Patient/c1/3"
