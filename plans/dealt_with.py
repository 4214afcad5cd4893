"""Lines of the work list that have no end of their own, and what clinicians said of them."""

from datetime import datetime

from sqlalchemy import ColumnElement, delete, exists, select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncSession

from records.care_plan import Task
from records.dealt_with import DealtWith
from records.observation import Observation
from records.patient import AccessRefused, Patient, access_patient
from records.staff import Staff

WHY = "work_list"


def not_dealt_with(key: ColumnElement[str]) -> ColumnElement[bool]:
    """That a line, by its key as the database makes it, still needs somebody."""
    return ~exists().where(DealtWith.key == key)


async def access_line(tx: AsyncSession, staff: Staff, key: str, *, now: datetime) -> Patient:
    """The patient of a line, through the guarded door. Raises AccessRefused, for a key that is none too."""
    kind, _, rest = key.partition(":")
    number = rest.partition(":")[0]
    if kind not in ("task", "reading", "stopped") or not number.isascii() or not number.isdigit() or len(number) > 18 or len(key) > 80:
        raise AccessRefused(f"line {key[:40]}")
    id = int(number)
    patient_id: int | None = id
    if kind == "task":
        patient_id = await tx.scalar(select(Task.patient_id).where(Task.id == id))
    elif kind == "reading":
        patient_id = await tx.scalar(select(Observation.patient_id).where(Observation.id == id))
    return await access_patient(tx, staff, patient_id or 0, now=now, why=WHY)


async def deal_with(tx: AsyncSession, staff: Staff, patient: Patient, key: str, *, now: datetime) -> bool:
    """Take the line off the list for everybody; False when somebody was faster. The caller has been let in to the patient."""
    row = {"key": key, "patient_id": patient.id, "staff_id": staff.id, "at": now}
    added = await tx.execute(insert(DealtWith).values(row).on_conflict_do_nothing().returning(DealtWith.key))
    return added.scalar() is not None


async def bring_back(tx: AsyncSession, key: str) -> None:
    """Put the line on the list again. The caller has been let in to its patient."""
    await tx.execute(delete(DealtWith).where(DealtWith.key == key))
