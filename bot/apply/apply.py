"""One message into the record."""

from datetime import datetime
from zoneinfo import ZoneInfo

from sqlalchemy.ext.asyncio import AsyncSession

from bot.apply.chart import booked, diagnosed, ordered, vaccinated
from bot.apply.merged import merged
from bot.apply.observed import observed
from bot.apply.person import patient_of
from bot.apply.rows import Table, Told, put_rows
from bot.apply.visit import visit_changed
from bot.apply.work import Work, settings_of
from integrations.event import (
    Booked,
    Diagnosed,
    Event,
    Message,
    Observed,
    Ordered,
    PatientMerge,
    PatientUpsert,
    Person,
    Vaccinated,
    VisitChange,
)
from records.patient import Patient
from records.retag import ask_retag


async def apply(tx: AsyncSession, message: Message, *, feed: str, received_at: datetime, now: datetime, zone: ZoneInfo) -> None:
    """Bring what the message says into the record, in the caller's transaction. The same message twice changes nothing, and any order of
    messages gives the same record. A test message reaches nobody.

    Raises ApplyError, whose `code` and `permanent` say whether it is worth trying again; NeedsPerson where a person has to say whose
    record it is. Then nothing of the message is to stay: the caller rolls back (to a savepoint).
    """
    if message.test or not message.events:
        return
    work = Work(tx, message, feed, received_at, now, zone, await settings_of(tx, feed))
    department = _department(message)
    patients: dict[Person, Patient] = {}
    rows: dict[Table, list[tuple[Patient, str, Told]]] = {}
    # What a message says about the person comes before what it says about his stay, wherever it stands.
    for position, event in sorted(enumerate(message.events), key=lambda each: not isinstance(each[1], PatientUpsert)):
        if isinstance(event, PatientMerge):
            await merged(work, event, position)
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
    await tx.flush()
    await ask_retag(tx, work.changed, now)


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
        case _:
            return None


def _department(message: Message) -> str | None:
    """The department that a patient who is new comes to."""
    for event in message.events:
        named = event.visit.department if isinstance(event, VisitChange) else event.department if isinstance(event, Booked) else None
        if named:
            return named
    return None
