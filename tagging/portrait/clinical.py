"""What the hospital says about a patient: diagnoses, stays, medicines, results, vaccines, visits. The latest of each, so many at most."""

from dataclasses import dataclass
from datetime import date, datetime, timedelta

from sqlalchemy import BindParameter, Date, bindparam, or_, select
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


# Made once: most of what a short statement costs is its making.
_PATIENT: BindParameter[int] = bindparam("patient")
_c, _m, _r, _a, _i = Condition, MedicationRequest, LabResult, Appointment, Immunization
_DIAGNOSES = (
    select(_c.text, _c.icd10, _c.status, _c.onset_at, _c.recorded_at)
    .where(_c.patient_id == _PATIENT)
    .order_by(_c.status != "active", _c.recorded_at.desc(), _c.id.desc())
    .limit(DIAGNOSES * 3)
)
_VISITS = (
    select(Encounter.kind, Encounter.department, Encounter.state, Encounter.started_at, Encounter.ended_at)
    .where(Encounter.patient_id == _PATIENT, Encounter.state != "cancelled")
    .order_by(Encounter.started_at.desc())
    .limit(VISITS)
)
_today = bindparam("today", type_=Date())
_in_use = (_m.status == "active") & or_(_m.ends_on.is_(None), _m.ends_on >= _today) & or_(_m.starts_on.is_(None), _m.starts_on <= _today)
_MEDICINES = (
    select(_m.name, _m.dose, _m.frequency, _m.route, _m.starts_on, _m.ends_on, _m.status, _in_use)
    .where(_m.patient_id == _PATIENT)
    .order_by(~_in_use, _m.id.desc())
    .limit(MEDICINES)
)
_RESULTS = (
    select(_r.id, _r.source, _r.report, _r.item, _r.code, _r.text, _r.unit, _r.reference_range, _r.flag, _r.collected_at)
    .where(_r.patient_id == _PATIENT, _r.released_at <= bindparam("now"), _r.status.not_in(("cancelled", "entered-in-error")))
    .order_by(_r.released_at.desc(), _r.id)
    .limit(RESULTS)
)
_VACCINES = (
    select(_i.vaccine, _i.given_at, _i.dose_number, _i.status)
    .where(_i.patient_id == _PATIENT)
    .order_by(_i.given_at.desc(), _i.id.desc())
    .limit(VACCINES)
)
_APPOINTMENTS = (
    select(_a.starts_at, _a.time_text, _a.department, _a.place, _a.doctor, _a.status)
    .where(_a.patient_id == _PATIENT, _a.starts_at >= bindparam("since"))
    .order_by(_a.starts_at, _a.id)
    .limit(APPOINTMENTS)
)


async def diagnoses(tx: AsyncSession, patient_id: int) -> tuple[DiagnosisView, ...]:
    """Active diagnoses, then those that are over, the latest of each first; one that every visit repeats stands once."""
    rows = await tx.execute(_DIAGNOSES, {"patient": patient_id})
    once: dict[tuple[str, str], DiagnosisView] = {}
    for row in rows:
        once.setdefault((row.icd10 or row.text, row.status), DiagnosisView(*row))
    return tuple(once.values())[:DIAGNOSES]


async def visits(tx: AsyncSession, patient_id: int) -> tuple[VisitView, ...]:
    """The latest stays and visits that took place or will."""
    rows = await tx.execute(_VISITS, {"patient": patient_id})
    return tuple(VisitView(*row) for row in rows)


async def medicines(tx: AsyncSession, patient_id: int, today: date) -> tuple[MedicineView, ...]:
    """Prescriptions in use today, then the latest others."""
    rows = await tx.execute(_MEDICINES, {"patient": patient_id, "today": today})
    return tuple(MedicineView(*row) for row in rows)


async def results(tx: AsyncSession, patient_id: int, now: datetime, age_days: int) -> tuple[ResultView, ...]:
    """The latest released results, the latest report first; one that two feeds told stands once."""
    rows = (await tx.execute(_RESULTS, {"patient": patient_id, "now": now})).all()
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
    rows = await tx.execute(_VACCINES, {"patient": patient_id})
    return tuple(VaccineView(*row) for row in rows)


async def appointments(tx: AsyncSession, patient_id: int, now: datetime) -> tuple[AppointmentView, ...]:
    """Visits from a month ago on."""
    rows = await tx.execute(_APPOINTMENTS, {"patient": patient_id, "since": now - APPOINTMENTS_SINCE})
    return tuple(AppointmentView(*row) for row in rows)
