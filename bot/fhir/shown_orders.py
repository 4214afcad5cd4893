"""What was ordered, booked and written, as FHIR resources."""

import base64
import hashlib

from bot.fhir.codes import SERVICE_REQUEST, address_of, id_of
from bot.fhir.shown import of
from integrations.fhir.write import Json, coding, concept, day, instant, made, present, reference
from records.appointment import Appointment
from records.clinical_note import ClinicalNote
from records.medication import MedicationRequest
from records.service_request import ServiceRequest


def medication_request(row: MedicationRequest) -> Json:
    """A prescription, word for word."""
    words = [row.dose, row.frequency, row.with_food, row.note]
    use = present(
        {
            "text": "，".join(word for word in words if word) or None,
            "route": concept(text=row.route) if row.route else None,
            "timing": {"repeat": {"boundsPeriod": present({"start": day(row.starts_on), "end": day(row.ends_on)})}}
            if row.starts_on or row.ends_on
            else None,
        }
    )
    return made(
        "MedicationRequest",
        id_of(row.id),
        row.changed_at,
        status=row.status,
        intent="order",
        medicationCodeableConcept=concept(text=row.name),
        subject=of(row.patient_id),
        dosageInstruction=[use] if use else [],
    )


def service_request(row: ServiceRequest) -> Json:
    """An order for a test or a service."""
    address = address_of(row.system)
    return made(
        "ServiceRequest",
        id_of(row.id),
        row.changed_at,
        status=SERVICE_REQUEST[row.status],
        intent="order",
        category=[concept(text=row.kind)],
        code=concept(*([coding(address, row.code)] if row.code and address else []), text=row.name),
        subject=of(row.patient_id),
        occurrenceDateTime=instant(row.starts_at),
        authoredOn=instant(row.ordered_at),
    )


def appointment(row: Appointment) -> Json:
    """A booked visit."""
    doctor = [{"actor": reference("Practitioner", display=row.doctor), "status": "accepted"}] if row.doctor else []
    place = [{"actor": reference("Location", display=row.place), "status": "accepted"}] if row.place else []
    return made(
        "Appointment",
        id_of(row.id),
        row.changed_at,
        status=row.status,
        specialty=[concept(text=row.department)] if row.department else [],
        start=instant(row.starts_at),
        patientInstruction=row.prepare,
        comment=row.time_text,
        participant=[{"actor": of(row.patient_id), "status": "accepted"}, *doctor, *place],
    )


def document_reference(row: ClinicalNote, encounter_id: int | None) -> Json:
    """A clinical note by its title and day. Its text is for the patient's team, and does not leave by this interface."""
    address, status = address_of(row.system), row.status
    written = row.text.encode() if row.text is not None else None
    attachment = present(
        {
            "contentType": "text/plain; charset=utf-8" if written is not None else None,
            "title": row.title,
            "size": len(written) if written is not None else None,
            "hash": base64.b64encode(hashlib.sha1(written).digest()).decode() if written is not None else None,  # noqa: S324 - FHIR's choice
            "creation": instant(row.written_at),
        }
    )
    return made(
        "DocumentReference",
        id_of(row.id),
        row.changed_at,
        status=status if status in ("entered-in-error", "superseded") else "current",
        docStatus=None if status == "superseded" else status,
        type=concept(*([coding(address, row.code)] if row.code and address else []), text=row.kind or row.title or "note"),
        subject=of(row.patient_id),
        date=instant(row.written_at),
        author=[reference("Practitioner", display=row.author)] if row.author else [],
        description=row.title,
        content=[{"attachment": attachment}],
        context={"encounter": [reference("Encounter", id_of(encounter_id))]} if encounter_id is not None else None,
    )
