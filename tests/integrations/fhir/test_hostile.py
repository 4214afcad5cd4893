"""Whatever is sent, the reader answers with events or with one FhirError, and soon."""

import json
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from integrations.event import Message
from integrations.fhir.bundle import MAX_ENTRIES, messages
from integrations.fhir.document import FhirError, moment, parse
from integrations.fhir.person import Source
from integrations.fhir.read import READERS

HIS = Source("his", UTC, datetime(2026, 3, 9, tzinfo=UTC), {})
NAMES = [
    "resourceType", "id", "identifier", "system", "value", "type", "coding", "code", "display", "text", "subject", "patient", "reference",
    "status", "name", "family", "given", "birthDate", "link", "other", "participant", "actor", "start", "period", "end", "valueQuantity",
    "component", "entry", "resource", "request", "method", "fullUrl", "telecom", "contained", "meta", "lastUpdated", "dosageInstruction",
    "medicationCodeableConcept", "effectiveDateTime", "category", "protocolApplied", "result", "relationship", "multipleBirthInteger",
    "deceasedBoolean", "referenceRange", "low", "high", "class", "location", "extension",
]  # fmt: skip
WORDS = st.sampled_from(
    [
        *READERS,
        "Bundle",
        "RelatedPerson",
        "DiagnosticReport",
        "transaction",
        "batch",
        "replaced-by",
        "final",
        "booked",
        "active",
        "Patient/c1",
        "#c1",
        "2026-03-01",
        "2026-13-41T99:99:99Z",
        "http://[",
        "urn:uuid:x",
    ]
)
SCALARS = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=20) | WORDS
TREES = st.recursive(
    SCALARS, lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.sampled_from(NAMES), inner, max_size=6), max_leaves=40
)
RESOURCES = st.builds(
    lambda kind, body: {**body, "resourceType": kind},
    st.sampled_from([*READERS, "RelatedPerson", "DiagnosticReport"]),
    st.dictionaries(st.sampled_from(NAMES), TREES, max_size=10),
)
BUNDLES = st.builds(
    lambda kind, found: {
        "resourceType": "Bundle",
        "type": kind,
        "entry": [{"fullUrl": f"urn:uuid:{n}", "resource": each} for n, each in enumerate(found)],
    },
    st.sampled_from(["transaction", "batch", "message", "searchset", "nonsense"]),
    st.lists(RESOURCES, max_size=5),
)


def what_comes_of(body: bytes | str) -> list[Message] | str:
    try:
        return [part.message for part in messages(parse(body, max_bytes=1 << 20), HIS) if part.message is not None]
    except FhirError as err:
        return err.code


@settings(max_examples=150, deadline=None)
@given(st.binary(max_size=200) | st.text(max_size=200))
def test_any_bytes_are_read_or_refused(body: bytes | str) -> None:
    assert isinstance(what_comes_of(body), list | str)


@settings(max_examples=300, deadline=None)
@given(RESOURCES | BUNDLES)
def test_any_json_is_read_or_refused(document: dict[str, Any]) -> None:
    found = what_comes_of(json.dumps(document))
    for message in found if isinstance(found, list) else []:
        for event in message.events:
            # What goes on to the database must be something that it takes.
            assert event.person.identifiers and "\x00" not in repr(event)
            repr(event).encode("utf-8")


@pytest.mark.parametrize(
    ("body", "code"),
    [
        (b"[" * 200_000, "too_deep"),
        (b'{"resourceType":"Patient","extension":' + b'[{"extension":' * 45 + b"1" + b"}]" * 45 + b"}", "too_deep"),
        (b'{"resourceType":"Patient","multipleBirthInteger":' + b"9" * 10_000 + b"}", "not_json"),
        (b'{"resourceType":"Patient","a":NaN}', "not_json"),
        (b"\xff\xfe{}", "not_json"),
        (b"[]", "not_a_resource"),
        (b'{"resourceType":"../../etc"}', "not_a_resource"),
        (b'{"resourceType":"Patient"}', "no_identifier"),
        (b" " * ((1 << 20) + 1), "too_large"),
        (json.dumps({"resourceType": "Bundle", "type": "batch", "entry": [{}] * (MAX_ENTRIES + 1)}).encode(), "too_many"),
        (b'{"resourceType":"Bundle","type":"transaction","entry":[{"request":{"method":"DELETE","url":"Patient/1"}}]}', "not_supported"),
    ],
    ids=["brackets", "extensions", "digits", "nan", "encoding", "list", "type", "empty", "size", "entries", "delete"],
)  # fmt: skip
def test_a_bomb_is_refused_with_its_reason(body: bytes, code: str) -> None:
    assert what_comes_of(body) == code


@settings(max_examples=200, deadline=None)
@given(st.text(max_size=40) | st.from_regex(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?(Z|[+-]\d\d:\d\d)", fullmatch=True))
def test_any_time_is_a_time_in_utc_or_none(written: str) -> None:
    found = moment({"at": written}, "at", zone=UTC)
    assert found is None or found.tzinfo is UTC
