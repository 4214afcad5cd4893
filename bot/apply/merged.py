"""Two numbers, one patient: the hospital merged them, or took it back."""

from sqlalchemy import update

from bot.apply.errors import NeedsPerson, Question
from bot.apply.link import answered, described, key_of
from bot.apply.person import add_numbers, patient_of
from bot.apply.work import Work
from integrations.event import PatientMerge, Person
from plans.merge import merge, merge_behind, unmerge
from records.identity import known_as, number_text
from records.patient import Patient
from records.patient_identifier import PatientIdentifier


async def merged(work: Work, event: PatientMerge, position: int) -> None:
    """Make both one, or two again. Doing it twice changes nothing.

    Raises as `patient_of` does; NeedsPerson too where birth date or sex of the two on file differ: the hospital may have merged the
    wrong ones, and a person looks first.
    """
    gone = known_as(event.gone)
    if event.undo:
        await _undone(work, event.person, gone)
        return
    there = set((await work.shelf.under(work.tx, gone.identifiers)).values())
    kept = await patient_of(work, event, position)
    others = sorted(there - {kept}, key=lambda patient: patient.id)
    for other in others:
        await _check_alike(work, event, kept, other)
    for other in others:
        work.changed.discard(other.id)
        await merge(work.tx, kept, other, now=work.now, by=work.by, reason=work.message.kind)
        work.changed.add(kept.id)
    # Numbers that nobody had find him too: messages under them may still come.
    await add_numbers(work, kept, gone.identifiers, alias=True)
    await _retire(work, kept, event.person, gone)


async def _retire(work: Work, kept: Patient, person: Person, gone: Person) -> None:
    still = set(known_as(person).identifiers)
    for number in gone.identifiers:
        if number not in still:
            await work.tx.execute(
                update(PatientIdentifier)
                .where(
                    PatientIdentifier.patient_id == kept.id,
                    PatientIdentifier.system == number.system,
                    PatientIdentifier.value == number.value,
                    PatientIdentifier.until.is_(None),
                    PatientIdentifier.alias.is_(False),
                )
                .values(alias=True)
            )


async def _undone(work: Work, person: Person, gone: Person) -> None:
    kept = set((await work.shelf.under(work.tx, known_as(person).identifiers)).values())
    both = kept & set((await work.shelf.under(work.tx, gone.identifiers)).values())
    for patient in both:
        row = await merge_behind(work.tx, patient.id, map(number_text, gone.identifiers))
        if row is not None:
            again = await unmerge(work.tx, row, now=work.now, by=work.by)
            work.changed |= {patient.id, again.id}
        else:
            # Nobody was on file under these numbers: they are free again.
            for number in gone.identifiers:
                await work.tx.execute(
                    update(PatientIdentifier)
                    .where(
                        PatientIdentifier.patient_id == patient.id,
                        PatientIdentifier.system == number.system,
                        PatientIdentifier.value == number.value,
                        PatientIdentifier.alias,
                        PatientIdentifier.until.is_(None),
                    )
                    .values(until=work.now)
                )


async def _check_alike(work: Work, event: PatientMerge, kept: Patient, gone: Patient) -> None:
    born = kept.birth_date != gone.birth_date
    if not born and (kept.sex is None or gone.sex is None or kept.sex == gone.sex):
        return
    why = "conflict_birth_date" if born else "conflict_sex"
    key = key_of(why, kept.id, ["merge", str(gone.id)])
    if not await answered(work, key):
        question = Question(key, why, work.feed, work.message.id, described(event.person), patient_id=gone.id, candidate_id=kept.id)
        raise NeedsPerson(why, (question,))
