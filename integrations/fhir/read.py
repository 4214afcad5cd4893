"""One resource as canonical events. What is not read is passed over; what is read and cannot be used raises FhirError with its place."""

import hashlib
import json
from collections.abc import Callable
from datetime import datetime
from typing import Any

from integrations.event import (
    Booked,
    Diagnosed,
    Event,
    Ordered,
    PatientMerge,
    PatientUpsert,
    Vaccinated,
    Visit,
    VisitChange,
    VisitClass,
)
from integrations.fhir.coded import coded, codes
from integrations.fhir.document import FhirError, dig, items, moment, number, text
from integrations.fhir.note import composition, document, impression
from integrations.fhir.observed import observed
from integrations.fhir.order import medicine, test
from integrations.fhir.person import Source, Within, called, person_of, referred, subject

Read = Callable[[dict[str, Any], Source, Within], list[Event]]


def read(resource: dict[str, Any], source: Source, within: Within) -> list[Event] | None:
    """The events that `resource` tells; None when we do not read its kind. Raises FhirError."""
    reader = READERS.get(resource["resourceType"])
    return None if reader is None else reader(resource, source, within)


def key_of(resource: dict[str, Any], source: Source) -> str:
    """What the source calls this resource: its logical id where that lasts, else a business identifier with the code, else its content."""
    kind, logical = resource["resourceType"], text(resource, "id")
    if source.ids_last and logical:
        return f"{kind}/{logical}"
    if value := text(resource, "identifier", "value"):
        code = coded(dig(resource, "code")).code or ""
        return f"{kind}|{text(resource, 'identifier', 'system') or ''}|{value}|{code}"
    return f"{kind}/{logical}" if logical else f"{kind}#{digest(resource)}"


def digest(resource: dict[str, Any]) -> str:
    """The resource's content, in 32 hexadecimal digits; the same however its members are ordered."""
    return hashlib.sha256(json.dumps(resource, sort_keys=True, default=str).encode()).hexdigest()[:32]


def changed_at(resource: dict[str, Any], source: Source, *elements: str) -> datetime | None:
    """When the source says that it wrote this: `meta.lastUpdated`, else the first of `elements`."""
    for path in (("meta", "lastUpdated"), *((each,) for each in elements)):
        if (at := moment(resource, *path, zone=source.zone)) is not None:
            return at
    return None


def _patient(resource: dict[str, Any], source: Source, within: Within) -> list[Event]:
    person, at = person_of(resource, source, within), changed_at(resource, source)
    if resource.get("active") is False and not any(text(each, "type") == "replaced-by" for each in items(resource, "link")):
        # A record that its hospital has closed says nothing new about the person.
        return []
    found: list[Event] = []
    for place, link in enumerate(items(resource, "link")):
        kind = text(link, "type")
        if kind in ("replaced-by", "replaces"):
            other = referred(dig(link, "other"), resource, source, within, path=f"Patient.link[{place}].other")
            stays, gone = (other, person) if kind == "replaced-by" else (person, other)
            found.append(PatientMerge(person=stays, gone=gone, at=at))
    return found if any(isinstance(e, PatientMerge) and e.gone is person for e in found) else [PatientUpsert(person=person, at=at), *found]


# HL7 v3 ActCode, ActEncounterCode.
CLASSES: dict[str, VisitClass] = {
    "IMP": "inpatient", "ACUTE": "inpatient", "NONAC": "inpatient", "OBSENC": "inpatient", "SS": "inpatient", "AMB": "outpatient",
    "VR": "outpatient", "EMER": "emergency", "HH": "home", "PRENC": "preadmit",
}  # fmt: skip


def _encounter(resource: dict[str, Any], source: Source, within: Within) -> list[Event]:
    status = text(resource, "status") or "unknown"
    starts, ends = (moment(resource, "period", each, zone=source.zone) for each in ("start", "end"))
    place = [text(each, "location", "display") for each in items(resource, "location") if text(each, "status") in ("active", None)]
    visit = Visit(
        number=text(resource, "identifier", "value") or key_of(resource, source),
        kind="preadmit" if status == "planned" else CLASSES.get(text(resource, "class", "code") or ""),
        department=text(resource, "serviceType", "text") or text(resource, "serviceType", "coding", "display")
        or text(resource, "serviceProvider", "display"),
        ward=next((each for each in place if each), None),
        admitted_at=starts,
        discharged_at=ends if status == "finished" else None,
    )  # fmt: skip
    person = subject(resource, source, within)
    at = changed_at(resource, source) or (ends if status == "finished" else starts)
    match status:
        case "cancelled" | "entered-in-error":
            return [VisitChange(person=person, at=at, visit=visit, what="cancel_admit")]
        case "finished":
            return [VisitChange(person=person, at=at, visit=visit, what="discharge")]
        case "planned" | "arrived" | "triaged" | "in-progress" | "onleave":
            return [VisitChange(person=person, at=at, visit=visit, what="admit")]
    return [VisitChange(person=person, at=at, visit=visit, what="update")]


def _condition(resource: dict[str, Any], source: Source, within: Within) -> list[Event]:
    state, sure = codes(dig(resource, "clinicalStatus")), codes(dig(resource, "verificationStatus"))
    if "differential" in sure:
        # One of several that it may be: not what the patient has.
        return []
    over = bool(state & {"inactive", "remission", "resolved"}) or bool(sure & {"refuted", "entered-in-error"})
    ended = any(resource.get(each) for each in ("abatementDateTime", "abatementString", "abatementPeriod", "abatementAge"))
    since = moment(resource, "onsetDateTime", zone=source.zone) or moment(resource, "onsetPeriod", "start", zone=source.zone)
    recorded = moment(resource, "recordedDate", zone=source.zone)
    return [
        Diagnosed(
            person=subject(resource, source, within), at=changed_at(resource, source, "recordedDate"), key=key_of(resource, source),
            code=_code(resource, "code"), active=not over and not (ended and not state), since=since or recorded,
        )
    ]  # fmt: skip


def _observation(resource: dict[str, Any], source: Source, within: Within) -> list[Event]:
    at = changed_at(resource, source, "issued")
    return list(observed(resource, source, within, key=key_of(resource, source), at=at))


def _immunization(resource: dict[str, Any], source: Source, within: Within) -> list[Event]:
    applied = dig(resource, "protocolApplied")
    dose = number(applied, "doseNumberPositiveInt") or text(applied, "doseNumberString") or ""
    return [
        Vaccinated(
            person=subject(resource, source, within, element="patient"),
            at=moment(resource, "occurrenceDateTime", zone=source.zone) or changed_at(resource, source, "recorded"),
            key=key_of(resource, source),
            code=_code(resource, "vaccineCode"),
            given=text(resource, "status") not in ("not-done", "entered-in-error"),
            lot=text(resource, "lotNumber"),
            dose_number=int(dose) if dose.isascii() and dose.isdigit() and len(dose) <= 2 else None,
        )
    ]


# Ended or taken back; a visit that the family missed is not one to come either.
BOOKINGS = {
    "booked": "booked", "arrived": "booked", "checked-in": "booked", "fulfilled": "fulfilled", "cancelled": "cancelled",
    "noshow": "cancelled", "entered-in-error": "cancelled",
}  # fmt: skip


def _appointment(resource: dict[str, Any], source: Source, within: Within) -> list[Event]:
    status = BOOKINGS.get(text(resource, "status") or "")
    if status is None:
        # proposed, pending, waitlist: nothing that a family could be told yet.
        return []
    starts = moment(resource, "start", zone=source.zone)
    if starts is None:
        raise FhirError("no_start", path="Appointment.start")
    actors = [dig(each, "actor") for each in items(resource, "participant")]
    kinds = {_kind(each, resource, within): each for each in reversed(actors)}
    if "Patient" not in kinds:
        raise FhirError("no_patient", path="Appointment.participant")
    doctor, place = (called(kinds.get(kind), resource, within) for kind in ("Practitioner", "Location"))
    return [
        Booked(
            person=referred(kinds["Patient"], resource, source, within, path="Appointment.participant"),
            at=changed_at(resource, source, "created"),
            key=key_of(resource, source),
            starts_at=starts,
            department=coded(dig(resource, "specialty")).text or coded(dig(resource, "serviceType")).text,
            place=place,
            doctor=doctor,
            prepare=text(resource, "patientInstruction"),
            status=status,
        )
    ]


def _kind(reference: Any, owner: dict[str, Any], within: Within) -> str:
    found = within.find(reference, owner)
    if found is not None:
        return str(found["resourceType"])
    return text(reference, "type") or (text(reference, "reference") or "").rpartition("/")[0].rpartition("/")[2]


def _medicine(resource: dict[str, Any], source: Source, within: Within) -> list[Event]:
    found: Ordered | None = medicine(
        resource, source, within, key=key_of(resource, source), at=changed_at(resource, source, "authoredOn", "dateAsserted")
    )
    return [] if found is None else [found]


def _service(resource: dict[str, Any], source: Source, within: Within) -> list[Event]:
    found = test(resource, source, within, key=key_of(resource, source), at=changed_at(resource, source, "authoredOn"))
    return [] if found is None else [found]


def _document(resource: dict[str, Any], source: Source, within: Within) -> list[Event]:
    return list(document(resource, source, within, key_of=key_of, at=changed_at(resource, source, "date")))


def _composition(resource: dict[str, Any], source: Source, within: Within) -> list[Event]:
    return [composition(resource, source, within, key=key_of(resource, source), at=changed_at(resource, source, "date"))]


def _impression(resource: dict[str, Any], source: Source, within: Within) -> list[Event]:
    found = impression(resource, source, within, key=key_of(resource, source), at=changed_at(resource, source, "date"))
    return [] if found is None else [found]


def _code(resource: dict[str, Any], element: str) -> Any:
    found = coded(dig(resource, element))
    if not found.code and not found.text:
        raise FhirError("no_code", path=f"{resource['resourceType']}.{element}")
    return found


READERS: dict[str, Read] = {
    "Patient": _patient,
    "Encounter": _encounter,
    "Condition": _condition,
    "Observation": _observation,
    "Immunization": _immunization,
    "Appointment": _appointment,
    "MedicationRequest": _medicine,
    "MedicationStatement": _medicine,
    "ServiceRequest": _service,
    "DocumentReference": _document,
    "Composition": _composition,
    "ClinicalImpression": _impression,
}
