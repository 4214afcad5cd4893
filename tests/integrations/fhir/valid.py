"""R4's rules as far as they bear on what we write: elements, what is required, value sets, patterns, nothing empty.

From the R4 resource definitions (hl7.org/fhir/R4). `check` raises AssertionError with the place.
"""

import re
from typing import Any

# Elements that we may use of each type; a `!` marks one that is required. Any other is a mistake of ours.
ELEMENTS = {
    "Patient": "identifier active name telecom gender birthDate deceasedDateTime multipleBirthInteger managingOrganization link",
    "Observation": "status! category code! subject effectiveDateTime issued valueQuantity valueString dataAbsentReason interpretation "
    "referenceRange note",
    "Condition": "clinicalStatus code subject! onsetDateTime recordedDate",
    "Encounter": "status! class! serviceType subject period location",
    "Immunization": "status! vaccineCode! patient! occurrenceDateTime! lotNumber protocolApplied",
    "MedicationRequest": "status! intent! medicationCodeableConcept! subject! dosageInstruction",
    "ServiceRequest": "status! intent! category code subject! occurrenceDateTime authoredOn",
    "Appointment": "status! specialty start patientInstruction comment participant!",
    "DocumentReference": "status! docStatus type subject date author description content! context",
    "CarePlan": "instantiatesUri status! intent! title subject! period created",
    "Task": "basedOn status! businessStatus intent! code for executionPeriod lastModified restriction output",
    "QuestionnaireResponse": "extension questionnaire status! subject authored item",
    "Flag": "status! category code! subject! period",
    "Communication": "basedOn status! statusReason category subject sent payload",
    "Group": "active type! actual! code name quantity member",
    "OperationOutcome": "issue!",
    "Bundle": "type! total link entry",
    "CapabilityStatement": "status! date! kind! software implementation fhirVersion! format! rest",
}
STATUS = {
    "Observation": "registered preliminary final amended corrected cancelled entered-in-error unknown",
    "Encounter": "planned arrived triaged in-progress onleave finished cancelled entered-in-error unknown",
    "Immunization": "completed entered-in-error not-done",
    "MedicationRequest": "active on-hold cancelled completed entered-in-error stopped draft unknown",
    "ServiceRequest": "draft active on-hold revoked completed entered-in-error unknown",
    "Appointment": "proposed pending booked arrived fulfilled cancelled noshow entered-in-error checked-in waitlist",
    "DocumentReference": "current superseded entered-in-error",
    "CarePlan": "draft active on-hold revoked completed entered-in-error unknown",
    "Task": "draft requested received accepted rejected ready cancelled in-progress on-hold failed completed entered-in-error",
    "QuestionnaireResponse": "in-progress completed amended entered-in-error stopped",
    "Flag": "active inactive entered-in-error",
    "Communication": "preparation in-progress not-done on-hold stopped completed entered-in-error unknown",
    "CapabilityStatement": "draft active retired unknown",
}
CODES = {
    "gender": "male female other unknown",
    "intent": "unknown proposal plan order original-order reflex-order filler-order instance-order option directive",
    "use": "usual official temp nickname anonymous old maiden secondary home work mobile",
    "mode": "match include outcome server client",
    "severity": "fatal error warning information",
}
ISSUES = (
    "invalid structure required value invariant security login unknown expired forbidden suppressed processing not-supported duplicate "
    "multiple-matches not-found deleted too-long code-invalid extension too-costly business-rule conflict transient lock-error no-store "
    "exception timeout incomplete throttled informational"
)
DATE = re.compile(r"\d{4}(-\d\d(-\d\d(T\d\d:\d\d:\d\d(\.\d+)?(Z|[+-]\d\d:\d\d))?)?)?")
INSTANT = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?(Z|[+-]\d\d:\d\d)")
REFERENCE = re.compile(r"[A-Z][A-Za-z]+/[A-Za-z0-9\-.]{1,64}")


def check(resource: dict[str, Any]) -> None:
    """That `resource` is one that R4 allows, and every resource in it."""
    kind = resource["resourceType"]
    names = ELEMENTS[kind].split()
    assert set(resource) <= {"resourceType", "id", "meta", *(name.rstrip("!") for name in names)}, (kind, sorted(resource))
    for name in names:
        assert not name.endswith("!") or name[:-1] in resource, (kind, name)
    if kind in STATUS:
        assert resource["status"] in STATUS[kind].split(), (kind, resource["status"])
    if kind not in ("Bundle", "OperationOutcome", "CapabilityStatement"):
        assert re.fullmatch(r"[A-Za-z0-9\-.]{1,64}", resource["id"])
        assert INSTANT.fullmatch(resource["meta"]["lastUpdated"])
    if kind == "Observation":
        told = [name for name in resource if name.startswith("value")]
        assert len(told) + ("dataAbsentReason" in resource) == 1, "obs-6: a value or the reason why there is none"
    if kind == "Bundle" and resource["type"] == "searchset":
        assert all("search" in each for each in resource.get("entry", []))
    _look(resource, kind)


def _look(node: Any, path: str) -> None:
    assert node not in (None, "", [], {}), f"empty at {path}"
    if isinstance(node, list):
        for number, each in enumerate(node):
            _look(each, f"{path}[{number}]")
    if not isinstance(node, dict):
        return
    for name, value in node.items():
        where = f"{path}.{name}"
        if name == "resource" and isinstance(value, dict) and "resourceType" in value:
            check(value)
            continue
        if name in CODES and isinstance(value, str):
            assert value in CODES[name].split(), (where, value)
        # A telecom's system is a word, and an extension within another has a plain name.
        named = re.search(r"telecom\[\d+\]$|extension\[\d+\]\.extension\[\d+\]$", path)
        if name in ("system", "url") and not named:
            assert re.match(r"(https?://|urn:)\S+$", value), (where, value)
        if name == "reference":
            assert REFERENCE.fullmatch(value), (where, value)
        if name in ("start", "end", "sent", "created", "authored", "birthDate") or name.endswith(("DateTime", "Date")):
            assert DATE.fullmatch(value), (where, value)
        if name in ("issued", "lastUpdated"):
            assert INSTANT.fullmatch(value), (where, value)
        if name == "issue" and isinstance(value, list):
            assert all(each["code"] in ISSUES.split() for each in value), where
        if name == "period" and "end" in value:
            assert value["start"] <= value["end"], "per-1"
        _look(value, where)
