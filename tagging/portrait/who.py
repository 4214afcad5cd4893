"""Who a patient is: particulars, numbers, carers."""

from dataclasses import dataclass
from datetime import date, datetime

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from records.consent import Consent
from records.patient import Carer, Patient, PatientCarer
from records.patient_identifier import NATIONAL_ID, PatientIdentifier
from records.staff import Team
from tagging.growth.age import growth_age

# As many numbers and carers as anybody has.
MOST = 20
# Of a national id its end suffices to tell two apart.
SHOWN_DIGITS = 4


@dataclass(frozen=True)
class Number:
    """A number under which the patient is known; a national id is masked."""

    system: str
    value: str


@dataclass(frozen=True)
class CarerView:
    """Who speaks for the patient. `consent` is the newest answer (given, refused, withdrawn), None: not asked."""

    name: str
    relationship: str
    primary: bool
    phone: str | None
    bound: bool
    consent: str | None
    follow_up_hour: int
    stopped_at: datetime | None
    paused_until: datetime | None


@dataclass(frozen=True)
class Who:
    """The person. `corrected_days` is the age for growth of a child born preterm, until two years; None when it is the same."""

    id: int
    record_number: str
    name: str
    sex: str | None
    birth_date: date
    age_days: int
    corrected_days: int | None
    birth_weight_g: float | None
    gestational_age_weeks: int | None
    died_at: datetime | None
    team: str
    phones: tuple[str, ...]
    numbers: tuple[Number, ...]
    carers: tuple[CarerView, ...]


async def who(tx: AsyncSession, patient: Patient, today: date) -> Who:
    """The particulars of a patient, in three statements."""
    team = await tx.scalar(select(Team.name).where(Team.id == patient.team_id))
    numbers = await tx.execute(
        select(PatientIdentifier.system, PatientIdentifier.value)
        .where(PatientIdentifier.patient_id == patient.id, PatientIdentifier.until.is_(None))
        .order_by(PatientIdentifier.id)
        .limit(MOST)
    )
    age = growth_age(patient.birth_date, max(today, patient.birth_date), patient.gestational_age_weeks)
    return Who(
        id=patient.id,
        record_number=patient.record_number,
        name=patient.name,
        sex=patient.sex,
        birth_date=patient.birth_date,
        age_days=age.chronological,
        corrected_days=age.chronological - (40 - (patient.gestational_age_weeks or 40)) * 7 if age.corrected else None,
        birth_weight_g=patient.birth_weight_g,
        gestational_age_weeks=patient.gestational_age_weeks,
        died_at=patient.died_at,
        team=team or "",
        phones=tuple(patient.phones),
        numbers=tuple(Number(system, _masked(system, value)) for system, value in numbers),
        carers=await _carers(tx, patient.id),
    )


async def _carers(tx: AsyncSession, patient_id: int) -> tuple[CarerView, ...]:
    answer = (
        select(Consent.answer)
        .where(Consent.patient_id == patient_id, Consent.carer_id == Carer.id)
        .order_by(Consent.id.desc())
        .limit(1)
        .scalar_subquery()
    )
    rows = await tx.execute(
        select(
            Carer.name, PatientCarer.relationship, PatientCarer.primary, Carer.phone, Carer.external_userid.is_not(None), answer,
            Carer.follow_up_hour, Carer.stopped_at, Carer.paused_until,
        )
        .join(Carer, Carer.id == PatientCarer.carer_id)
        .where(PatientCarer.patient_id == patient_id)
        .order_by(PatientCarer.primary.desc(), Carer.id)
        .limit(MOST)
    )  # fmt: skip
    return tuple(CarerView(*row) for row in rows)


def _masked(system: str, value: str) -> str:
    return "*" * max(0, len(value) - SHOWN_DIGITS) + value[-SHOWN_DIGITS:] if system == NATIONAL_ID else value
