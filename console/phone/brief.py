"""A portrait in short: what fits on a phone's first screens. The caller has been let in to the patient."""

from dataclasses import dataclass
from datetime import datetime
from zoneinfo import ZoneInfo

from sqlalchemy.ext.asyncio import AsyncSession

from console.desk import Seat
from plans.today import TodayItem, today
from records.patient import Patient
from tagging.portrait.clinical import DiagnosisView, MedicineView
from tagging.portrait.measured import VitalView
from tagging.portrait.portrait import Portrait, portrait_of

VALUES, DIAGNOSES = 6, 4
# A difference below this is none: readings are written with two digits.
_SAME = 0.005


@dataclass(frozen=True)
class Change:
    """How a vital sign went since the reading before: `way` is first, up, down or same, `by` how much in its unit."""

    way: str
    by: float = 0.0
    before: datetime | None = None


@dataclass(frozen=True)
class Brief:
    """One patient in short, with the whole portrait it was taken from."""

    portrait: Portrait
    diagnoses: tuple[DiagnosisView, ...]
    values: tuple[tuple[VitalView, Change], ...]
    medicines: tuple[MedicineView, ...]
    tasks: tuple[TodayItem, ...]


async def brief_of(tx: AsyncSession, patient: Patient, seat: Seat, now: datetime, zone: ZoneInfo) -> Brief:
    """The portrait in short, the latest values first. Raises TemplateError when the plan of one of today's follow-ups is gone."""
    seen = await portrait_of(tx, patient, seat.staff.id, now=now, zone=zone)
    latest = sorted(seen.vitals, key=lambda each: each.latest.at, reverse=True)[:VALUES]
    return Brief(
        portrait=seen,
        diagnoses=tuple(each for each in seen.diagnoses if each.status == "active")[:DIAGNOSES],
        values=tuple((each, change_of(each)) for each in latest),
        medicines=tuple(each for each in seen.medicines if each.in_use),
        tasks=tuple(await today(tx, [patient], now, zone)),
    )


def change_of(vital: VitalView) -> Change:
    """What lies between the last two readings."""
    if len(vital.readings) < 2:
        return Change("first")
    before, last = vital.readings[-2:]
    by = last.value - before.value
    way = "same" if abs(by) < _SAME else "up" if by > 0 else "down"
    return Change(way, round(abs(by), 2), before.at)
