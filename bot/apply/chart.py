"""Diagnoses, medicines, orders, appointments, vaccines and notes: what an event says of its row."""

from typing import Any

from bot.apply.rows import Told
from bot.apply.work import Work
from integrations.event import Booked, Coded, Diagnosed, Noted, Ordered, Vaccinated
from plans.clock import local_day
from records.appointment import APPOINTMENT_STATUS, Appointment
from records.clinical_note import NOTE_STATUS, ClinicalNote
from records.condition import Condition
from records.immunization import Immunization
from records.medication import MEDICATION_STATUS, MedicationRequest
from records.said import CLEARED, Cleared
from records.service_request import SERVICE_REQUEST_STATUS, ServiceRequest
from tagging.terms.diagnosis import icd10_of as who_code
from tagging.terms.diagnosis import read_diagnosis

# Longer than any name or word of use; what is cut stays in the message.
LONGEST = 2000
# A discharge summary has some thousand characters, the record of a long stay some ten thousand.
LONGEST_NOTE = 200_000
# Longer words are a history and no diagnosis to be coded.
LONGEST_NAME = 80
# By such words the patient does not have it.
DENIED = frozenset({"none", "refuted", "family"})


def words(code: Coded) -> str | None:
    """The text of a code, else the code."""
    return cut(code.text) or cut(code.code)


def cut(text: str | None, longest: int = LONGEST) -> str | None:
    """A text without NUL, which PostgreSQL cannot hold, and not longer than `longest`; None for an empty one."""
    return (text or "").replace("\0", "").strip()[:longest] or None


def diagnosed(work: Work, event: Diagnosed) -> Told:
    """The Condition; what its words deny (无, 否认 …) or tell of somebody else is not active."""
    fields: dict[str, Any] = {
        "code": cut(event.code.code),
        "system": cut(event.code.system),
        "text": words(event.code),
        "icd10": icd10_of(event.code),
        "status": "active" if event.active and _certainty(event.code) not in DENIED else "inactive",
        "onset_at": event.since,
        "recorded_at": None,
    }
    return Told(Condition, event.key, fields, {"text": event.key, "recorded_at": work.at(event)})


def icd10_of(code: Coded) -> str | Cleared | None:
    """WHO's part of the code, where the source says that it is ICD-10's; else read from words that are sure of a diagnosis.

    CLEARED where the words leave it open or deny it (待排, ？): hospitals code these like any other, and nothing is to follow from it.
    """
    if _certainty(code) in (*DENIED, "possible"):
        return CLEARED
    named = (code.system or "").upper().replace("-", "")
    if named.startswith(("ICD10", "I10")):
        return who_code(code.code or "") or cut(code.code)
    read = read_diagnosis(code.text) if code.text and len(code.text) <= LONGEST_NAME else None
    return read.icd10 if read is not None and read.carried else None


def _certainty(code: Coded) -> str | None:
    """What the words say of it; None where there are none that are short enough to be read."""
    said = code.text or ""
    return read_diagnosis(said).certainty if 0 < len(said) <= LONGEST_NAME else None


def ordered(work: Work, event: Ordered) -> Told:
    """The MedicationRequest, or the ServiceRequest of a test and of whatever else was ordered."""
    if event.kind != "medicine":
        return _service(work, event)
    fields = {
        "name": words(event.code),
        "dose": cut(event.dose),
        "frequency": cut(event.frequency),
        "route": cut(event.route),
        "starts_on": local_day(event.starts_at, work.zone) if event.starts_at is not None else None,
        "ends_on": local_day(event.ends_at, work.zone) if event.ends_at is not None else None,
        "status": event.status if event.status in MEDICATION_STATUS else "active",
    }
    return Told(MedicationRequest, event.key, fields, {"name": event.key})


def _service(work: Work, event: Ordered) -> Told:
    fields = {
        "name": words(event.code),
        "code": cut(event.code.code),
        "system": cut(event.code.system),
        "kind": event.kind,
        "frequency": cut(event.frequency),
        "starts_at": event.starts_at,
        "ends_at": event.ends_at,
        "ordered_at": None,
        "status": event.status if event.status in SERVICE_REQUEST_STATUS else "active",
    }
    return Told(ServiceRequest, event.key, fields, {"name": event.key, "ordered_at": work.at(event)})


def noted(work: Work, event: Noted) -> Told:
    """The ClinicalNote; its tags are read when its patient is looked at next."""
    kind = words(event.kind)
    fields = {
        "kind": kind,
        "code": cut(event.kind.code),
        "system": cut(event.kind.system),
        "title": cut(event.title) or kind,
        "text": cut(event.text, LONGEST_NOTE),
        "author": cut(event.author),
        "visit": cut(event.visit),
        "report": event.report or None,
        "status": event.status if event.status in NOTE_STATUS else "preliminary",
        "written_at": event.written_at,
    }
    return Told(ClinicalNote, event.key, fields, {"kind": "", "title": "", "report": False, "written_at": work.at(event)})


def booked(work: Work, event: Booked) -> Told:
    """The Appointment."""
    fields = {
        "starts_at": event.starts_at,
        "department": cut(event.department),
        "place": cut(event.place),
        "doctor": cut(event.doctor),
        "prepare": cut(event.prepare),
        "status": event.status if event.status in APPOINTMENT_STATUS else "booked",
    }
    return Told(Appointment, event.key, fields, {"department": ""})


def vaccinated(work: Work, event: Vaccinated) -> Told:
    """The Immunization."""
    fields = {
        "vaccine": words(event.code),
        "code": cut(event.code.code),
        "system": cut(event.code.system),
        "given_at": None,
        "lot": cut(event.lot),
        "dose_number": event.dose_number,
        "status": "completed" if event.given else "not-done",
    }
    return Told(Immunization, event.key, fields, {"vaccine": event.key, "given_at": work.at(event)})
