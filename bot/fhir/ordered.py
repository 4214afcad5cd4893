"""What was ordered, booked and written: medicines, tests, appointments, and clinical notes by title and day."""

from collections.abc import Sequence

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from bot.fhir import shown_orders as shown
from bot.fhir.codes import SERVICE_REQUEST
from bot.fhir.rows import about_patient, codes_of, loaded, rows_of, simply
from bot.fhir.search import Key, Kind
from integrations.fhir.write import Json
from records.appointment import Appointment
from records.clinical_note import ClinicalNote, encounter_of
from records.medication import MedicationRequest
from records.service_request import ServiceRequest


def medication_requests() -> Kind:
    """Prescriptions."""
    rows = rows_of(MedicationRequest, status=MedicationRequest.status)
    return Kind(
        "MedicationRequest", rows, simply(MedicationRequest, shown.medication_request),
        tokens={"status": lambda tokens: rows.c.status.in_([code for _, code in tokens])}, references=about_patient(rows),
    )  # fmt: skip


def service_requests() -> Kind:
    """Orders for tests and services."""
    rows = rows_of(ServiceRequest, status=ServiceRequest.status, at=ServiceRequest.ordered_at)
    return Kind(
        "ServiceRequest", rows, simply(ServiceRequest, shown.service_request),
        tokens={"status": codes_of(rows.c.status, SERVICE_REQUEST)}, dates={"authored": rows.c.at}, references=about_patient(rows),
    )  # fmt: skip


def appointments() -> Kind:
    """Booked visits."""
    rows = rows_of(Appointment, status=Appointment.status, at=Appointment.starts_at)
    return Kind(
        "Appointment", rows, simply(Appointment, shown.appointment),
        tokens={"status": lambda tokens: rows.c.status.in_([code for _, code in tokens])}, dates={"date": rows.c.at},
        references={**about_patient(rows), "actor": ("Patient", rows.c.patient_id)},
    )  # fmt: skip


def document_references() -> Kind:
    """Clinical notes. The text is not among them."""
    rows = rows_of(ClinicalNote, code=ClinicalNote.code, status=ClinicalNote.status, at=ClinicalNote.written_at)
    states = {"entered-in-error": "entered-in-error", "superseded": "superseded", "preliminary": "current", "final": "current"}
    states["amended"] = "current"

    async def show(tx: AsyncSession, keys: Sequence[Key], client_id: int) -> list[Json]:
        found = await loaded(tx, ClinicalNote, keys)
        linked = await tx.execute(select(ClinicalNote.id, encounter_of()).where(ClinicalNote.id.in_(list(found))))
        visits = {note: visit for note, visit in linked}
        return [shown.document_reference(found[key.id], visits.get(key.id)) for key in keys if key.id in found]

    return Kind(
        "DocumentReference", rows, show,
        tokens={"status": codes_of(rows.c.status, states), "type": lambda tokens: rows.c.code.in_([code for _, code in tokens])},
        dates={"date": rows.c.at}, references=about_patient(rows),
    )  # fmt: skip
