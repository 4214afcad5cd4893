"""What was measured and what was told: the latest readings of every vital sign with their alert level, growth, signs, medicines taken."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta
from typing import cast
from zoneinfo import ZoneInfo

from sqlalchemy import String, bindparam, func, select, true
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.ext.asyncio import AsyncSession

from records.observation import Observation
from records.patient import Patient
from tagging.content import default_content
from tagging.growth.curve import Child, Measurement, Point, curve
from tagging.growth.tables import Sex
from tagging.patient import PatientFacts, Reading
from tagging.vitals import judge

READINGS, SIGNS, TAKEN = 40, 40, 200
SIGNS_SINCE = timedelta(days=90)
GROWTH = ("weight", "height", "head_circumference")
MEDICINE = "medicine"


@dataclass(frozen=True)
class ReadingView:
    """One reading in the vital's own unit. `level` is that of its band (None: no band), `z` for age where there is one."""

    at: datetime
    value: float
    level: str | None = None
    z: float | None = None
    z_for_length: float | None = None
    remeasure: bool = False


@dataclass(frozen=True)
class VitalView:
    """One vital sign: its readings oldest first, so many at most; `more` says that there are older ones."""

    vital: str
    name: str
    unit: str
    readings: tuple[ReadingView, ...]
    more: bool

    @property
    def latest(self) -> ReadingView:
        """The last reading."""
        return self.readings[-1]


@dataclass(frozen=True)
class SignView:
    """A sign that the family told of: its concept, their words, whether it is there."""

    concept: str
    name: str
    text: str
    status: str
    at: datetime


@dataclass(frozen=True)
class Taken:
    """A medicine that the family said was taken or left out on a day."""

    text: str
    day: date
    taken: bool


@dataclass(frozen=True)
class Measured:
    """All of it. `points` are the growth curve's, `readings` those that other scores look at."""

    vitals: tuple[VitalView, ...]
    points: tuple[Point, ...]
    readings: tuple[Reading, ...]
    signs: tuple[SignView, ...]
    taken: tuple[Taken, ...]


_codes = select(func.unnest(bindparam("codes", type_=ARRAY(String))).label("code")).subquery("codes")
_latest = (
    select(Observation.code, Observation.value, Observation.unit, Observation.effective_at, Observation.id)
    .where(
        Observation.patient_id == bindparam("patient"),
        Observation.code == _codes.c.code,
        Observation.status == "final",
        Observation.value.is_not(None),
    )
    .order_by(Observation.effective_at.desc())
    .limit(READINGS + 1)
    .lateral("latest")
)
_READINGS = select(_latest).select_from(_codes).join(_latest, true()).order_by(_latest.c.code, _latest.c.effective_at, _latest.c.id)


_told = (
    Observation.patient_id == bindparam("patient"),
    Observation.status == "final",
    Observation.effective_at > bindparam("after"),
    Observation.effective_at <= bindparam("now"),
)
_SIGNS = (
    select(Observation.code, Observation.text, Observation.detail, Observation.effective_at)
    .where(*_told, Observation.value.is_(None), Observation.code != MEDICINE)
    .order_by(Observation.effective_at.desc(), Observation.id.desc())
    .limit(SIGNS)
)
_TAKEN = (
    select(Observation.text, Observation.detail, Observation.effective_at)
    .where(*_told, Observation.code == MEDICINE)
    .order_by(Observation.effective_at.desc())
    .limit(TAKEN)
)


def particulars(patient: Patient, age_days: int) -> tuple[Child, PatientFacts]:
    """The child as growth is drawn, and what is known of the patient when a reading is judged."""
    sex = cast(Sex, patient.sex) if patient.sex in ("M", "F") else None
    facts = PatientFacts(
        age_days=age_days,
        sex=patient.sex,
        tags=tuple(patient.tags),
        birth_weight_g=patient.birth_weight_g,
        gestational_age_weeks=patient.gestational_age_weeks,
    )
    return Child(patient.birth_date, sex, patient.gestational_age_weeks), facts


async def measured(tx: AsyncSession, patient: Patient, *, now: datetime, zone: ZoneInfo, child: Child, facts: PatientFacts) -> Measured:
    """The readings, signs and medicines of a patient, in three statements that read a bounded number of rows."""
    vitals = list(default_content().vitals.vitals)
    rows = (await tx.execute(_READINGS, {"patient": patient.id, "codes": vitals})).all()
    by_vital: dict[str, list[Reading]] = {}
    for code, value, unit, at, _ in rows:
        by_vital.setdefault(code, []).append(Reading(code, value, unit or "", at))
    more = {vital for vital, readings in by_vital.items() if len(readings) > READINGS}
    by_vital = {vital: readings[-READINGS:] for vital, readings in by_vital.items()}
    points = curve(child, _measurements(by_vital, zone))
    shown = tuple(_view(vital, by_vital[vital], points, vital in more, facts, now, zone) for vital in vitals if vital in by_vital)
    readings = tuple(reading for each in by_vital.values() for reading in each)
    return Measured(shown, tuple(points), readings, await _signs(tx, patient.id, now), await _taken(tx, patient.id, now, zone))


def _measurements(by_vital: Mapping[str, Sequence[Reading]], zone: ZoneInfo) -> list[Measurement]:
    # mypy: the kinds of the chart are names of vitals.
    return [
        Measurement(kind, reading.value, reading.at.astimezone(zone).date())  # type: ignore[arg-type]
        for kind in GROWTH
        for reading in by_vital.get(kind, ())
    ]


def _view(
    vital: str, readings: Sequence[Reading], points: Sequence[Point], more: bool, facts: PatientFacts, now: datetime, zone: ZoneInfo
) -> VitalView:
    entry = default_content().vitals.vitals[vital]
    placed = {(p.measurement.value, p.measurement.day): p for p in points if p.measurement.kind == vital}
    views = []
    for reading in readings:
        day = reading.at.astimezone(zone).date()
        point = placed.get((reading.value, day))
        views.append(
            ReadingView(
                reading.at,
                reading.value,
                _level(vital, reading, _then(facts, reading.at, now)),
                point.for_age.z if point and point.for_age else None,
                point.for_length.z if point and point.for_length else None,
                point.remeasure if point else False,
            )
        )
    return VitalView(vital, entry.name, entry.unit, tuple(views), more)


def _then(facts: PatientFacts, at: datetime, now: datetime) -> PatientFacts:
    """What was known of the patient, at the age that he had then."""
    return replace(facts, age_days=max(0, (facts.age_days or 0) - (now - at).days))


def _level(vital: str, reading: Reading, facts: PatientFacts) -> str | None:
    """The level of the reading's band; None where there is none, or where it is a share of a best that nobody knows."""
    entry = default_content().vitals.vitals[vital]
    if not entry.bands or (entry.percent_of and not facts.personal_best):
        return None
    verdict = judge(default_content(), vital, reading.value, patient=facts, tags=frozenset(facts.tags), now=reading.at)
    return verdict.level if verdict else None


async def _signs(tx: AsyncSession, patient_id: int, now: datetime) -> tuple[SignView, ...]:
    concepts = default_content().symptoms.concepts
    rows = await tx.execute(_SIGNS, {"patient": patient_id, "after": now - SIGNS_SINCE, "now": now})
    return tuple(
        SignView(code, concepts[code].name, text or "", str(detail.get("status", "")), at)
        for code, text, detail, at in rows
        if code in concepts
    )


async def _taken(tx: AsyncSession, patient_id: int, now: datetime, zone: ZoneInfo) -> tuple[Taken, ...]:
    rows = await tx.execute(_TAKEN, {"patient": patient_id, "after": now - SIGNS_SINCE, "now": now})
    return tuple(
        Taken(text or "", at.astimezone(zone).date(), detail.get("status") == "present")
        for text, detail, at in rows
        if detail.get("status") in ("present", "absent")
    )
