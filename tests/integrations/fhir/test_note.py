"""Clinical notes in FHIR: DocumentReference, Composition, ClinicalImpression."""

import base64
from datetime import UTC, datetime
from typing import Any

import pytest

from integrations.event import Noted
from integrations.fhir.bundle import messages
from integrations.fhir.document import FhirError
from integrations.fhir.note import MAX_BYTES
from tests.integrations.fhir.test_read import CHILD, HIS

NOTE = "主诉：发热5天。\n诊断：川崎病"


def attached(data: bytes, media: str = "text/plain", **more: Any) -> dict[str, Any]:
    return {"attachment": {"contentType": media, "data": base64.b64encode(data).decode(), **more}}


def reference(*content: dict[str, Any], **more: Any) -> dict[str, Any]:
    return {
        "resourceType": "DocumentReference", "id": "d1", "status": "current", "docStatus": "final", "type": {"text": "门诊病历"},
        "subject": {"reference": "Patient/c1"}, "date": "2026-03-08T10:00:00+08:00", "author": [{"display": "王医生"}],
        "context": {"encounter": [{"reference": "Encounter/e1"}]}, "content": list(content), **more,
    }  # fmt: skip


def notes(*resources: dict[str, Any]) -> list[Noted]:
    bundle = {"resourceType": "Bundle", "type": "transaction", "entry": [{"resource": each} for each in (CHILD, *resources)]}
    (part,) = messages(bundle, HIS)
    assert part.message is not None
    return [event for event in part.message.events if isinstance(event, Noted)]


def test_a_document_with_its_text_inside() -> None:
    (note,) = notes(reference(attached(NOTE.encode())))
    assert (note.key, note.kind.text, note.title, note.author, note.visit, note.text) == (
        "DocumentReference/d1", "门诊病历", "门诊病历", "王医生", "Encounter/e1", NOTE,
    )  # fmt: skip
    assert (note.status, note.written_at) == ("final", datetime(2026, 3, 8, 2, tzinfo=UTC))


def test_its_visit_is_known_by_the_number_that_the_visit_itself_has() -> None:
    visit = {"resourceType": "Encounter", "id": "e1", "status": "in-progress", "subject": {"reference": "Patient/c1"}}
    (note,) = notes({**visit, "identifier": [{"value": "V7"}]}, reference(attached(b"x")))
    assert note.visit == "V7"


@pytest.mark.parametrize(
    ("content", "text"),
    [
        (attached(NOTE.encode("gb18030"), "text/plain; charset=GBK"), NOTE),
        (attached(NOTE.encode("gb18030")), NOTE),
        (attached(f"<div><p>{NOTE}</p><script>x</script></div>".encode(), "text/html"), "主诉：发热5天。 诊断：川崎病"),
        (attached(b"%PDF", "application/pdf"), None),
        ({"attachment": {"contentType": "text/plain", "url": "https://emr.example/1"}}, None),
        ({}, None),
    ],
)
def test_what_text_there_is(content: dict[str, Any], text: str | None) -> None:
    assert [each.text for each in notes(reference(content))] == [text]


@pytest.mark.parametrize(
    ("given", "status"),
    [
        ({"status": "entered-in-error"}, "entered-in-error"), ({"status": "superseded"}, "superseded"),
        ({"docStatus": "preliminary"}, "preliminary"), ({"docStatus": "amended"}, "amended"), ({"docStatus": None}, "final"),
    ],
)  # fmt: skip
def test_what_becomes_of_it(given: dict[str, Any], status: str) -> None:
    assert notes(reference(attached(b"x"), **given))[0].status == status


def test_what_it_replaces_is_superseded() -> None:
    related = [{"code": "replaces", "target": {"reference": "DocumentReference/d0"}}]
    assert [(each.key, each.status) for each in notes(reference(attached(b"x"), relatesTo=related))] == [
        ("DocumentReference/d1", "final"), ("DocumentReference/d0", "superseded"),
    ]  # fmt: skip


@pytest.mark.parametrize(("data", "code"), [("A" * (MAX_BYTES * 2), "too_large"), ("%%%", "bad_shape"), ("AAA", "bad_shape")])
def test_what_cannot_be_taken_is_refused_with_its_place(data: str, code: str) -> None:
    with pytest.raises(FhirError) as refused:
        notes(reference({"attachment": {"contentType": "text/plain", "data": data}}))
    assert refused.value.code == code and refused.value.path.endswith("attachment.data")


def section(title: str, words: str, *inner: dict[str, Any]) -> dict[str, Any]:
    div = f'<div xmlns="http://www.w3.org/1999/xhtml">{words}</div>'
    return {"title": title, "text": {"status": "generated", "div": div}, "section": list(inner)}


def test_the_sections_of_a_composition_under_their_titles() -> None:
    sections = [section("主诉", "<p>发热</p><p>皮疹</p>"), section("诊断", "川崎病", section("依据", "五项")), {"title": "空"}]
    composition = {
        "resourceType": "Composition", "id": "k1", "status": "amended", "type": {"text": "出院小结"}, "title": "出院小结（心内）",
        "subject": {"reference": "Patient/c1"}, "date": "2026-03-08", "author": [{"display": "李医生"}], "section": sections,
    }  # fmt: skip
    (note,) = notes(composition)
    assert note.text == "主诉：发热\n皮疹\n诊断：川崎病\n依据：五项\n空"
    assert (note.title, note.status, note.author) == ("出院小结（心内）", "amended", "李医生")


def test_a_clinical_impression_has_a_summary_or_is_none() -> None:
    impression = {"resourceType": "ClinicalImpression", "id": "i1", "status": "completed", "subject": {"reference": "Patient/c1"}}
    assert notes(impression) == []
    assert [each.text for each in notes({**impression, "summary": "考虑川崎病"})] == ["考虑川崎病"]
