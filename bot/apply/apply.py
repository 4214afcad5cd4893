"""Messages into the record, one by one or many at once."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

from sqlalchemy.ext.asyncio import AsyncSession

from bot.apply.chart import booked, diagnosed, noted, ordered, vaccinated
from bot.apply.merged import merged
from bot.apply.observed import PRESSURE, apart, observed, vital_of
from bot.apply.person import patient_of
from bot.apply.rows import Table, Told, put_rows
from bot.apply.shelf import Shelf
from bot.apply.visit import visit_changed
from bot.apply.work import Work, settings_of
from integrations.event import (
    Booked,
    Diagnosed,
    Event,
    Message,
    Noted,
    Observed,
    Ordered,
    PatientMerge,
    PatientUpsert,
    Person,
    Vaccinated,
    VisitChange,
)
from plans.anchor import record_changed
from records.appointment import Appointment
from records.clinical_note import ClinicalNote
from records.condition import Condition
from records.encounter import Encounter
from records.identity import known_as
from records.immunization import Immunization
from records.lab_result import LabResult
from records.medication import MedicationRequest
from records.observation import Observation
from records.patient import Patient
from records.retag import ask_retag
from records.service_request import ServiceRequest


async def apply(tx: AsyncSession, message: Message, *, feed: str, received_at: datetime, now: datetime, zone: ZoneInfo) -> None:
    """Bring what the message says into the record, in the caller's transaction. The same message twice changes nothing, and any order of
    messages gives the same record. A test message reaches nobody.

    Raises ApplyError, whose `code` and `permanent` say whether it is worth trying again; NeedsPerson where a person has to say whose
    record it is. Then nothing of the message is to stay: the caller rolls back (to a savepoint).
    """
    await apply_all(tx, [(message, received_at)], feed=feed, now=now, zone=zone)


async def apply_all(tx: AsyncSession, messages: Sequence[tuple[Message, datetime]], *, feed: str, now: datetime, zone: ZoneInfo) -> None:
    """Bring messages of one feed, each with the time when it came, into the record in their order: all of them, or none.

    What they need is fetched at once and what they leave is written at once, several times as fast as one by one. Raises what the first
    of them that cannot be applied raises: then the caller rolls back, and goes on one by one.
    """
    told = [(_apart(message), received_at) for message, received_at in messages if message.events and not message.test]
    if not told:
        return
    settings, shelf, changed, dated = await settings_of(tx, feed), Shelf(), set[int](), set[int]()
    await _fetch(tx, shelf, feed, [message for message, _ in told])
    works = []
    for message, received_at in told:
        work = Work(tx, message, feed, received_at, now, zone, settings, shelf, changed, dated)
        await _apply(work)
        works.append(work)
    await shelf.write(tx)
    for work in works:
        work.settle()
    await tx.flush()
    await record_changed(tx, dated, by=f"feed:{feed}", now=now, zone=zone)
    await ask_retag(tx, changed, now)


def _apart(message: Message) -> Message:
    return replace(message, events=tuple(part for event in message.events for part in apart(event)))


async def _fetch(tx: AsyncSession, shelf: Shelf, feed: str, messages: Sequence[Message]) -> None:
    """Everything that the messages name, table by table."""
    events = [event for message in messages for event in message.events]
    people = [known_as(person) for person in dict.fromkeys(event.person for event in events)]
    await shelf.fetch(tx, (number for person in people for number in person.identifiers))
    new = [person for person in people if not any(shelf.numbers[number] for number in person.identifiers)]
    faces = {(person.birth_date, person.name) for person in new if person.birth_date is not None and person.name is not None}
    await shelf.alike(tx, faces)
    await shelf.expect(tx, len(faces))
    keys: dict[Any, list[str]] = {}
    for event in events:
        if isinstance(event, VisitChange) and event.visit.number:
            keys.setdefault(Encounter, []).append(event.visit.number)
        elif (table := _table(event)) is not None:
            keys.setdefault(table, []).append(event.key)  # type: ignore[attr-defined]
    for table, wanted in keys.items():
        await shelf.take(tx, table, feed, wanted)


async def _apply(work: Work) -> None:
    message = work.message
    department = _department(message)
    patients: dict[Person, Patient] = {}
    rows: dict[Table, list[tuple[Patient, str, Told]]] = {}
    # What a message says about the person comes before what it says about his stay, wherever it stands.
    for position, event in sorted(enumerate(message.events), key=lambda each: not isinstance(each[1], PatientUpsert)):
        if isinstance(event, PatientMerge):
            # Rows move by themselves, so those in hand are written first, and looked up again.
            await work.shelf.write(work.tx)
            work.settle()
            await merged(work, event, position)
            work.shelf.clear()
            patients.clear()
            continue
        if event.person not in patients or isinstance(event, PatientUpsert):
            patients[event.person] = await patient_of(work, event, position, department)
        patient = patients[event.person]
        if isinstance(event, VisitChange):
            await visit_changed(work, patient, event, position)
        elif (told := _told(work, patient, event)) is not None:
            rows.setdefault(told.table, []).append((patient, work.stamp(event, position), told))
    for table, told_rows in rows.items():
        await put_rows(work, table, told_rows)


def _told(work: Work, patient: Patient, event: Event) -> Told | None:
    match event:
        case Observed():
            return observed(work, patient, event)
        case Diagnosed():
            return diagnosed(work, event)
        case Ordered():
            return ordered(work, event)
        case Booked():
            return booked(work, event)
        case Vaccinated():
            return vaccinated(work, event)
        case Noted():
            return noted(work, event)
        case _:
            return None


def _department(message: Message) -> str | None:
    """The department that a patient who is new comes to."""
    for event in message.events:
        named = event.visit.department if isinstance(event, VisitChange) else event.department if isinstance(event, Booked) else None
        if named:
            return named
    return None


def _table(event: Event) -> Table | None:
    """The table in which the row that an event speaks of is, if it has one."""
    match event:
        case Observed():
            return LabResult if vital_of(event.code) in (None, PRESSURE) else Observation
        case Ordered():
            return MedicationRequest if event.kind == "medicine" else ServiceRequest
        case Diagnosed():
            return Condition
        case Booked():
            return Appointment
        case Vaccinated():
            return Immunization
        case Noted():
            return ClinicalNote
        case _:
            return None
