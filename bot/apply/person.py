"""Patients as messages describe them: put on file, kept up to date, and let go when they have died."""

from collections.abc import Sequence
from typing import Any

from sqlalchemy.dialects.postgresql import insert

from bot.apply.errors import ApplyError
from bot.apply.link import Found, find, propose
from bot.apply.work import Work, team_for
from integrations.event import Event, Identifier, PatientUpsert, Person
from plans.death import stop_for_death
from records.identity import number_text
from records.patient import Patient
from records.patient_identifier import EMPI, RECORD_NUMBER, PatientIdentifier
from records.said import say

# Below 37 completed weeks a child is preterm (WHO), which triage has to know.
TERM_WEEKS = 37
_IDENTIFIER = PatientIdentifier.metadata.tables[PatientIdentifier.__tablename__]
_ADD = insert(_IDENTIFIER).on_conflict_do_nothing(index_elements=["system", "value"], index_where=_IDENTIFIER.c.until.is_(None))


async def patient_of(work: Work, event: Event, position: int, department: str | None = None) -> Patient:
    """The patient whom the event is about, put on file where he is new; his particulars as far as it tells them.

    Only a message about the person himself says again what is on file; what others tell (a laboratory) counts where it differs. Raises
    as `link.find` does.
    """
    found = await find(work, event.person)
    if found.decision.what == "create":
        return await _create(work, found, work.stamp(event, position), department)
    patient = await _linked(work, found)
    await add_numbers(work, patient, [each for each in found.decision.usable if found.known.get(each) != patient.id])
    if found.decision.refused:
        await propose(work, found, patient)
    fields = _particulars(found.person)
    if not isinstance(event, PatientUpsert):
        fields = {name: value if value != getattr(patient, name) else None for name, value in fields.items()}
    if any(value is not None for value in fields.values()):
        await _told(work, patient, say(patient, work.stamp(event, position), fields))
    return patient


async def _linked(work: Work, found: Found) -> Patient:
    id = int(found.decision.id or 0)
    patient = found.patients.get(id) or await work.tx.get(Patient, id, with_for_update={"key_share": True})
    if patient is None:
        # Whom a person chose has been merged since.
        raise ApplyError("not_on_file", permanent=False)
    return patient


async def _create(work: Work, found: Found, when: str, department: str | None) -> Patient:
    person, numbers = found.person, found.decision.usable
    if person.name is None or person.birth_date is None:
        raise ApplyError("not_on_file", permanent=False)
    patient = Patient(
        team_id=await team_for(work, department),
        record_number=_record_number(numbers),
        name=person.name,
        birth_date=person.birth_date,
        tags=[],
        phones=[],
        mother=[],
        said_at={},
    )
    changed = say(patient, when, _particulars(person))
    work.tx.add(patient)
    await work.tx.flush()
    work.note("patient", patient.id, None, "on_file")
    await add_numbers(work, patient, numbers)
    await propose(work, found, patient)
    work.changed.add(patient.id)
    await _told(work, patient, changed | {"name"})
    return patient


async def add_numbers(work: Work, patient: Patient, numbers: Sequence[Identifier], *, alias: bool = False) -> None:
    """Put numbers on file as the patient's; his first record number replaces one that stood in for it."""
    if not numbers:
        return
    rows = [
        {"patient_id": patient.id, "system": each.system, "value": each.value, "source": work.feed, "since": work.now, "alias": alias}
        for each in numbers
    ]
    await work.tx.execute(_ADD, rows)
    own = [each.value for each in numbers if each.system == RECORD_NUMBER]
    if own and not alias and ":" in patient.record_number:
        patient.record_number = own[0]


def _particulars(person: Person) -> dict[str, Any]:
    """What a message says about a person, by the columns of Patient."""
    return {
        "name": person.name,
        "sex": person.sex,
        "birth_date": person.birth_date,
        "phones": list(person.phones) or None,
        "birth_order": person.birth_order,
        "mother": sorted(map(number_text, person.mother)) or None,
        "birth_weight_g": person.birth_weight_g,
        "gestational_age_weeks": person.gestational_age_weeks,
        "died_at": person.died_at,
    }


async def _told(work: Work, patient: Patient, changed: set[str]) -> None:
    """What follows from particulars that are different now."""
    if not changed:
        return
    if patient.id not in work.changed:
        work.changed.add(patient.id)
        work.note("patient", patient.id, "on_file", "on_file", fields=sorted(changed))
    weeks = patient.gestational_age_weeks
    if "gestational_age_weeks" in changed and weeks is not None and weeks < TERM_WEEKS and "preterm" not in patient.tags:
        patient.tags = [*patient.tags, "preterm"]
    if "died_at" in changed and patient.died_at is not None:
        work.note("patient", patient.id, "on_file", "died")
        await work.tx.flush()
        await stop_for_death(work.tx, patient, by=work.by, now=work.now)


def _record_number(numbers: Sequence[Identifier]) -> str:
    """What people know the patient by: his record number, else another number with its system, which nobody takes for one."""
    ranked = sorted(numbers, key=lambda each: {RECORD_NUMBER: 0, EMPI: 1}.get(each.system, 2))
    return ranked[0].value if ranked[0].system == RECORD_NUMBER else number_text(ranked[0])
