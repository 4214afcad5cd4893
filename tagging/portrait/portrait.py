"""The portrait: everything that a clinician wants to know of one patient, in one read model.

It is read through the guarded door, in a number of statements that does not grow with the history, each of bounded size. It writes nothing
but the audit of the read.
"""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from functools import lru_cache
from zoneinfo import ZoneInfo

from sqlalchemy.ext.asyncio import AsyncSession

from records.patient import Patient, ReadAudit, access_patient
from records.staff import Staff
from tagging.content import default_content
from tagging.growth.curve import Child
from tagging.medicine import find_medicines
from tagging.patient import PatientFacts
from tagging.portrait.care import Care, care
from tagging.portrait.carried import TagView, carried
from tagging.portrait.clinical import (
    AppointmentView,
    DiagnosisView,
    MedicineView,
    ResultView,
    VaccineView,
    VisitView,
    appointments,
    diagnoses,
    medicines,
    results,
    vaccines,
    visits,
)
from tagging.portrait.completeness import Field, missing_fields
from tagging.portrait.contact import Contact, contact
from tagging.portrait.measured import Measured, SignView, Taken, VitalView, measured, particulars
from tagging.portrait.timeline import Happening, timeline
from tagging.portrait.who import Who, who
from tagging.portrait.written import NoteView, OrderView, notes, orders
from tagging.risk.adherence import PERIOD_DAYS, Course, adherence
from tagging.risk.early_warning import early_warning
from tagging.risk.growth import growth_faltering
from tagging.risk.score import RiskScore

WHY = "portrait"


@dataclass(frozen=True)
class Portrait:
    """One patient at a moment. Lists are cut to the sizes that their modules name; what is private to other teams is not in it."""

    at: datetime
    who: Who
    missing: tuple[Field, ...]
    diagnoses: tuple[DiagnosisView, ...]
    tags: tuple[TagView, ...]
    medicines: tuple[MedicineView, ...]
    vitals: tuple[VitalView, ...]
    signs: tuple[SignView, ...]
    risks: tuple[RiskScore, ...]
    results: tuple[ResultView, ...]
    vaccines: tuple[VaccineView, ...]
    visits: tuple[VisitView, ...]
    appointments: tuple[AppointmentView, ...]
    notes: tuple[NoteView, ...]
    orders: tuple[OrderView, ...]
    care: Care
    contact: Contact
    timeline: tuple[Happening, ...]


async def portrait(tx: AsyncSession, staff: Staff, patient_id: int, *, now: datetime, zone: ZoneInfo, why: str = WHY) -> Portrait:
    """The portrait of a patient of one of the clinician's teams; the read is audited. Raises AccessRefused."""
    patient = await access_patient(tx, staff, patient_id, now=now, why=why)
    return await portrait_of(tx, patient, staff.id, now=now, zone=zone)


async def portrait_for_operator(tx: AsyncSession, patient: Patient, *, now: datetime, zone: ZoneInfo) -> Portrait:
    """The portrait as whoever has the command line of the server sees it, tags of every team included; the read is audited."""
    tx.add(ReadAudit(patient_id=patient.id, staff_id=None, at=now, why=f"{WHY} at the command line"))
    return await portrait_of(tx, patient, None, now=now, zone=zone)


async def portrait_of(tx: AsyncSession, patient: Patient, staff_id: int | None, *, now: datetime, zone: ZoneInfo) -> Portrait:
    """The portrait of a patient to whom the caller has been let in, which is audited already; `staff_id` None: tags of every team."""
    today = now.astimezone(zone).date()
    person = await who(tx, patient, today)
    child, facts = particulars(patient, person.age_days)
    known = await measured(tx, patient, now=now, zone=zone, child=child, facts=facts)
    prescribed = await medicines(tx, patient.id, today)
    stays = await visits(tx, patient.id)
    named = await diagnoses(tx, patient.id)
    told = await results(tx, patient.id, now, person.age_days)
    given = await vaccines(tx, patient.id)
    booked = await appointments(tx, patient.id, now)
    written = await notes(tx, patient.id)
    ordered = await orders(tx, patient.id)
    tags = await carried(tx, patient.id, staff_id)
    done = await care(tx, patient.id, now=now, today=today)
    return Portrait(
        at=now,
        who=person,
        missing=tuple(await missing_fields(tx, patient.id)),
        diagnoses=named,
        tags=tags,
        medicines=prescribed,
        vitals=known.vitals,
        signs=known.signs,
        risks=_risks(child, patient, known, prescribed, stays, facts, now=now, zone=zone),
        results=told,
        vaccines=given,
        visits=stays,
        appointments=booked,
        notes=written,
        orders=ordered,
        care=done,
        contact=await contact(tx, patient.id, now=now, zone=zone),
        timeline=timeline(
            visits=stays, diagnoses=named, results=told, vaccines=given, appointments=booked, notes=written, orders=ordered, tags=tags,
            care=done, now=now,
        ),
    )  # fmt: skip


def _risks(
    child: Child,
    patient: Patient,
    known: Measured,
    prescribed: Sequence[MedicineView],
    stays: Sequence[VisitView],
    facts: PatientFacts,
    *,
    now: datetime,
    zone: ZoneInfo,
) -> tuple[RiskScore, ...]:
    today = now.astimezone(zone).date()
    scores = (
        growth_faltering(child, known.points, birth_weight_g=patient.birth_weight_g, now=now, today=today),
        early_warning(default_content(), facts, known.readings, now=now),
        adherence(courses(prescribed, known.taken, today), now=now, today=today, away=_away(stays, now, zone)),
    )
    return tuple(score for score in scores if score is not None)


def courses(prescribed: Sequence[MedicineView], taken: Sequence[Taken], today: date) -> list[Course]:
    """What was reported of every medicine in use: by its substance where that is known, else by its name. A day on which it was both
    taken and left out counts as left out."""
    found: list[Course] = []
    by_text: dict[str, list[Taken]] = defaultdict(list)
    for each in taken:
        by_text[each.text].append(each)
    for medicine in {each.name: each for each in prescribed if each.in_use}.values():
        reported: dict[date, bool] = {}
        for each in (one for text, said in by_text.items() if _same_medicine(medicine.name, text) for one in said):
            reported[each.day] = each.taken and reported.get(each.day, True)
        first = medicine.starts_on or today - timedelta(days=PERIOD_DAYS)
        found.append(Course(medicine.name, first, medicine.ends_on, reported))
    return found


def _same_medicine(prescribed: str, said: str) -> bool:
    return bool(_substances(prescribed) & _substances(said)) or (len(said) > 1 and said in prescribed)


@lru_cache(maxsize=1024)
def _substances(text: str) -> frozenset[str]:
    return frozenset(mention.generic for mention in find_medicines(text) if mention.generic)


def _away(stays: Sequence[VisitView], now: datetime, zone: ZoneInfo) -> frozenset[date]:
    """The days in hospital: what is taken there is not the family's."""
    days: set[date] = set()
    for stay in stays:
        if stay.kind != "inpatient":
            continue
        first, last = stay.started_at.astimezone(zone).date(), (stay.ended_at or now).astimezone(zone).date()
        first = max(first, now.astimezone(zone).date() - timedelta(days=PERIOD_DAYS))
        days.update(first + timedelta(days=n) for n in range((last - first).days + 1))
    return frozenset(days)
