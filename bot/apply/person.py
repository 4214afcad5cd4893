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
from records.said import said_at, say

# Below 37 completed weeks a child is preterm (WHO), which triage has to know.
TERM_WEEKS = 37
# Before every stamp of its own right, which begins with a year.
_BY_THE_WAY = "0 "
_IDENTIFIER = PatientIdentifier.metadata.tables[PatientIdentifier.__tablename__]
_ADD = insert(_IDENTIFIER).on_conflict_do_nothing()


async def patient_of(work: Work, event: Event, position: int, department: str | None = None) -> Patient:
    """The patient whom the event is about, put on file where he is new; his particulars as far as it tells them.

    What a message about something else (a result) says of him gives way to what one about himself says, however old, and to what was
    put on file by hand: laboratories are the last to hear of a new name. Raises as `link.find` does.
    """
    found = await find(work, event.person)
    himself = isinstance(event, PatientUpsert)
    when = work.stamp(event, position) if himself else f"{_BY_THE_WAY}{work.stamp(event, position)}"
    if found.decision.what == "create":
        return await _create(work, found, when, department)
    patient = await _linked(work, found)
    await add_numbers(work, patient, [each for each in found.decision.usable if found.known.get(each) != patient.id])
    if found.decision.refused:
        await propose(work, found, patient)
    fields = _particulars(found.person)
    if not himself:
        fields = {name: value if said_at(patient, name) or not getattr(patient, name) else None for name, value in fields.items()}
    weeks = patient.gestational_age_weeks
    await _told(work, patient, say(patient, when, fields), weeks)
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
    if await work.shelf.erased(work.tx, numbers):
        # His family had him erased: a person decides whether he comes back.
        raise ApplyError("erased")
    patient = Patient(
        id=await work.shelf.id_for(work.tx),
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
    work.note(patient, None, "on_file")
    given = {"patient_id": patient.id, "source": work.feed, "since": work.now, "alias": False}
    work.shelf.late.extend(PatientIdentifier(system=each.system, value=each.value, **given) for each in numbers)
    work.shelf.now_his(patient, numbers, alias=False)
    work.shelf.faces.setdefault((patient.birth_date, patient.name), []).append(patient)
    await propose(work, found, patient)
    work.changed.add(patient.id)
    await _told(work, patient, changed, None, new=True)
    return patient


async def add_numbers(work: Work, patient: Patient, numbers: Sequence[Identifier], *, alias: bool = False) -> None:
    """Put numbers on file as the patient's; his first record number replaces one that stood in for it."""
    if not numbers:
        return
    await work.tx.flush()
    rows = [
        {"patient_id": patient.id, "system": each.system, "value": each.value, "source": work.feed, "since": work.now, "alias": alias}
        for each in numbers
    ]
    await work.tx.execute(_ADD, rows)
    work.shelf.now_his(patient, numbers, alias=alias)
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


async def _told(work: Work, patient: Patient, changed: set[str], weeks: int | None, *, new: bool = False) -> None:
    """What follows from particulars that are different now; `weeks` was the gestational age before."""
    if not changed:
        return
    work.changed.add(patient.id)
    if not new:
        work.note(patient, "on_file", "on_file", fields=sorted(changed))
    early = (patient.gestational_age_weeks or TERM_WEEKS) < TERM_WEEKS
    if early and "preterm" not in patient.tags:
        patient.tags = [*patient.tags, "preterm"]
    elif not early and (weeks or TERM_WEEKS) < TERM_WEEKS:
        patient.tags = [tag for tag in patient.tags if tag != "preterm"]
    if "died_at" in changed and patient.died_at is not None:
        work.note(patient, "on_file", "died")
        await work.tx.flush()
        await stop_for_death(work.tx, patient, by=work.by, now=work.now)


def _record_number(numbers: Sequence[Identifier]) -> str:
    """What people know the patient by: his record number, else another number with its system, which nobody takes for one."""
    ranked = sorted(numbers, key=lambda each: {RECORD_NUMBER: 0, EMPI: 1}.get(each.system, 2))
    return ranked[0].value if ranked[0].system == RECORD_NUMBER else number_text(ranked[0])
