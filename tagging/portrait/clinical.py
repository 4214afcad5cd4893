"""What the hospital says about a patient: diagnoses, stays, medicines, results, vaccines, visits. The latest of each, so many at most."""

from dataclasses import dataclass
from datetime import date, datetime, timedelta

from sqlalchemy import or_, select
from sqlalchemy.ext.asyncio import AsyncSession

from records.appointment import Appointment
from records.condition import Condition
from records.encounter import Encounter
from records.immunization import Immunization
from records.lab_result import LabResult
from records.medication import MedicationRequest
from tagging.cleaning.duplicates import Told, repeated
from tagging.cleaning.result import clean_result

DIAGNOSES, VISITS, MEDICINES, RESULTS, VACCINES, APPOINTMENTS = 40, 20, 40, 120, 60, 10
# Visits that were booked and kept lately still explain what happens now.
APPOINTMENTS_SINCE = timedelta(days=30)


@dataclass(frozen=True)
class DiagnosisView:
    """A diagnosis in the doctor's words; active ones come first."""

    text: str
    icd10: str | None
    status: str
    onset_at: datetime | None
    recorded_at: datetime


@dataclass(frozen=True)
class VisitView:
    """A stay or visit; the latest comes first."""

    kind: str
    department: str
    state: str
    started_at: datetime
    ended_at: datetime | None


@dataclass(frozen=True)
class MedicineView:
    """A prescription, word for word; those in use come first."""

    name: str
    dose: str | None
    frequency: str | None
    route: str | None
    starts_on: date | None
    ends_on: date | None
    status: str
    in_use: bool


@dataclass(frozen=True)
class ResultView:
    """An item of a report as the hospital wrote it, and what it was read as: the item of lab.yml, the value in its usual unit, doubts."""

    report: str
    item: str
    text: str
    unit: str | None
    reference_range: str | None
    flag: str | None
    collected_at: datetime
    lab: str | None
    loinc: str | None
    usual: float | None
    usual_unit: str | None
    doubts: tuple[str, ...]


@dataclass(frozen=True)
class VaccineView:
    """A dose that was given, or was not; the latest comes first."""

    vaccine: str
    given_at: datetime
    dose_number: int | None
    status: str


@dataclass(frozen=True)
class AppointmentView:
    """A booked visit; the earliest comes first."""

    starts_at: datetime
    time_text: str | None
    department: str
    place: str | None
    doctor: str | None
    status: str


async def diagnoses(tx: AsyncSession, patient_id: int) -> tuple[DiagnosisView, ...]:
    """Active diagnoses, then those that are over, the latest of each first; one that every visit repeats stands once."""
    rows = await tx.execute(
        select(Condition.text, Condition.icd10, Condition.status, Condition.onset_at, Condition.recorded_at)
        .where(Condition.patient_id == patient_id)
        .order_by(Condition.status != "active", Condition.recorded_at.desc(), Condition.id.desc())
        .limit(DIAGNOSES * 3)
    )
    once: dict[tuple[str, str], DiagnosisView] = {}
    for row in rows:
        once.setdefault((row.icd10 or row.text, row.status), DiagnosisView(*row))
    return tuple(once.values())[:DIAGNOSES]


async def visits(tx: AsyncSession, patient_id: int) -> tuple[VisitView, ...]:
    """The latest stays and visits that took place or will."""
    rows = await tx.execute(
        select(Encounter.kind, Encounter.department, Encounter.state, Encounter.started_at, Encounter.ended_at)
        .where(Encounter.patient_id == patient_id, Encounter.state != "cancelled")
        .order_by(Encounter.started_at.desc())
        .limit(VISITS)
    )
    return tuple(VisitView(*row) for row in rows)


async def medicines(tx: AsyncSession, patient_id: int, today: date) -> tuple[MedicineView, ...]:
    """Prescriptions in use today, then the latest others."""
    m = MedicationRequest
    in_use = (m.status == "active") & or_(m.ends_on.is_(None), m.ends_on >= today) & or_(m.starts_on.is_(None), m.starts_on <= today)
    rows = await tx.execute(
        select(m.name, m.dose, m.frequency, m.route, m.starts_on, m.ends_on, m.status, in_use)
        .where(m.patient_id == patient_id)
        .order_by((~in_use), m.id.desc())
        .limit(MEDICINES)
    )
    return tuple(MedicineView(*row) for row in rows)


async def results(tx: AsyncSession, patient_id: int, now: datetime, age_days: int) -> tuple[ResultView, ...]:
    """The latest released results, the latest report first; one that two feeds told stands once."""
    r = LabResult
    rows = (
        await tx.execute(
            select(r.id, r.source, r.report, r.item, r.code, r.text, r.unit, r.reference_range, r.flag, r.collected_at)
            .where(r.patient_id == patient_id, r.released_at <= now, r.status.not_in(("cancelled", "entered-in-error")))
            .order_by(r.released_at.desc(), r.id)
            .limit(RESULTS)
        )
    ).all()
    told_twice = repeated(Told(row.id, row.source, row.item, row.text, row.unit, row.collected_at, row.code, row.report) for row in rows)
    shown: list[ResultView] = []
    for row in sorted(rows, key=lambda each: (-each.collected_at.timestamp(), each.report, each.id)):
        if row.id in told_twice:
            continue
        clean = clean_result(
            row.item, row.text, code=row.code, unit=row.unit, reference_range=row.reference_range, flag=row.flag, report=row.report,
            age_days=age_days,
        )  # fmt: skip
        shown.append(
            ResultView(
                row.report, row.item, row.text, row.unit, row.reference_range, clean.flag, row.collected_at, clean.lab.id,
                row.code or clean.lab.loinc, clean.usual, clean.usual_unit, clean.doubts,
            )
        )  # fmt: skip
    return tuple(shown)


async def vaccines(tx: AsyncSession, patient_id: int) -> tuple[VaccineView, ...]:
    """The latest doses."""
    rows = await tx.execute(
        select(Immunization.vaccine, Immunization.given_at, Immunization.dose_number, Immunization.status)
        .where(Immunization.patient_id == patient_id)
        .order_by(Immunization.given_at.desc(), Immunization.id.desc())
        .limit(VACCINES)
    )
    return tuple(VaccineView(*row) for row in rows)


async def appointments(tx: AsyncSession, patient_id: int, now: datetime) -> tuple[AppointmentView, ...]:
    """Visits from a month ago on."""
    a = Appointment
    rows = await tx.execute(
        select(a.starts_at, a.time_text, a.department, a.place, a.doctor, a.status)
        .where(a.patient_id == patient_id, a.starts_at >= now - APPOINTMENTS_SINCE)
        .order_by(a.starts_at, a.id)
        .limit(APPOINTMENTS)
    )
    return tuple(AppointmentView(*row) for row in rows)
