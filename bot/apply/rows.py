"""Rows that a source keeps and we hold a copy of: each is known by its key there, and each field is what was said of it last."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import select

from bot.apply.errors import ApplyError
from bot.apply.work import Work
from records.appointment import Appointment
from records.condition import Condition
from records.immunization import Immunization
from records.lab_result import LabResult
from records.medication import MedicationRequest
from records.observation import Observation
from records.patient import Patient
from records.said import say

Table = type[Appointment] | type[Condition] | type[Immunization] | type[LabResult] | type[MedicationRequest] | type[Observation]


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
    keys = sorted({each.key for _, _, each in told})
    known: Any = select(table).where(table.source == work.feed, table.source_id.in_(keys)).order_by(table.id).with_for_update()
    rows: dict[str, Any] = {row.source_id: row for row in await work.tx.scalars(known)}
    for patient, when, each in told:
        row: Any = rows.get(each.key)
        new = row is None
        if row is None:
            row = rows[each.key] = table(patient_id=patient.id, source=work.feed, source_id=each.key, said_at={})
            work.tx.add(row)
        elif row.patient_id != patient.id:
            raise ApplyError("other_patient", detail=table.__tablename__)
        old = None if new else row.status
        if changed := say(row, when, each.fields, fallback=each.fallback):
            work.changed.add(patient.id)
            setattr(row, "recorded_at" if table is Observation else "updated_at", work.now)
            if not new and "status" in changed and row.id is not None:
                work.note(table.__tablename__, row.id, old, row.status)
