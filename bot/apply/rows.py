"""Rows that a source keeps and we hold a copy of: each is known by its key there, and each field is what was said of it last."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from bot.apply.errors import ApplyError
from bot.apply.work import Work
from records.appointment import Appointment
from records.clinical_note import ClinicalNote
from records.condition import Condition
from records.immunization import Immunization
from records.lab_result import LabResult
from records.medication import MedicationRequest
from records.observation import Observation
from records.patient import Patient
from records.said import say
from records.service_request import ServiceRequest

Table = (
    type[Appointment]
    | type[ClinicalNote]
    | type[Condition]
    | type[Immunization]
    | type[LabResult]
    | type[MedicationRequest]
    | type[Observation]
    | type[ServiceRequest]
)

# What no message says of a row, and must not be null.
EMPTY: dict[Table, dict[str, Any]] = {Observation: {"detail": {}}, MedicationRequest: {"times": []}}
# Where one of these says something else, a note is read anew.
READ_ANEW = frozenset({"text", "status", "written_at"})


@dataclass(frozen=True)
class Told:
    """What an event says about one row: `fields` names every field that messages say of this table, None says nothing; `fallback` as in
    records.said."""

    table: Table
    key: str
    fields: dict[str, Any]
    fallback: dict[str, Any]


async def put_rows(work: Work, table: Table, told: Sequence[tuple[Patient, str, Told]]) -> None:
    """Bring these rows (patient, stamp, what is told) on file: one look, whatever their number. A change of status is written down.

    Raises ApplyError (`other_patient`): a key stands with another patient.
    """
    rows = await work.shelf.take(work.tx, table, work.feed, (each.key for _, _, each in told))
    for patient, when, each in told:
        row: Any = rows.get(each.key)
        new = row is None
        if row is None:
            empty = {"said_at": {}, **EMPTY.get(table, {})}
            row = rows[each.key] = work.shelf.fresh(table, each.key, patient_id=patient.id, source=work.feed, **empty)
        elif row.patient_id != patient.id:
            raise ApplyError("other_patient", detail=table.__tablename__)
        old = None if new else row.status
        if changed := say(row, when, each.fields, fallback=each.fallback):
            work.changed.add(patient.id)
            if table in (Appointment, Condition, LabResult):
                work.dated.add(patient.id)
            setattr(row, "recorded_at" if table is Observation else "updated_at", work.now)
            if table is ClinicalNote and changed & READ_ANEW:
                row.read_by = None
            if not new and "status" in changed:
                work.note(row, old, row.status)
