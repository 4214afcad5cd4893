"""Finding the patient of a message by his numbers: what is on file, the decision, and what is asked of a person."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from datetime import date, datetime
from hashlib import blake2s
from typing import Any

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from bot.apply.errors import ApplyError, NeedsPerson, Question
from bot.apply.shelf import Shelf
from bot.apply.work import Work
from integrations.event import Identifier, Person
from records.identity import Decision, OnFile, decide, known_as, number_text
from records.patient import Patient
from records.patient_identifier import PROPOSAL_WHY, LinkProposal


@dataclass(frozen=True)
class Found:
    """The person with his numbers as they are compared, the decision, the patients on file whom it was made on, and under which number
    which of them is known."""

    person: Person
    decision: Decision
    patients: dict[int, Patient]
    known: Mapping[Identifier, int]


async def find(work: Work, person: Person) -> Found:
    """Whose record it is; it is locked.

    Raises NeedsPerson where it does not fit, ApplyError where nobody could tell: `no_identifier`, `too_little`, `not_on_file` (may come
    later), `link_refused`.
    """
    person = known_as(person)
    under = await work.shelf.under(work.tx, person.identifiers)
    patients = {patient.id: patient for patient in under.values()}
    found = {number: work.shelf.on_file(patient) for number, patient in under.items()}
    alike: Sequence[OnFile] = ()
    if not found and person.name is not None and person.birth_date is not None:
        others = await work.shelf.alike(work.tx, [(person.birth_date, person.name)])
        patients = {patient.id: patient for patient in others}
        alike = [work.shelf.on_file(patient) for patient in others]
    granted: set[tuple[str, int]] = set()
    while True:
        decision = decide(person, found, alike, strong=work.strong, granted=granted)
        if decision.what != "stop":
            return Found(person, decision, patients, {number: patient.id for number, patient in under.items()})
        if decision.why not in PROPOSAL_WHY:
            raise ApplyError(str(decision.why), permanent=decision.why != "not_on_file")
        allowed = await _answers(work, person, decision)
        if allowed <= granted:
            raise NeedsPerson(decision.why, _questions(work, person, decision))
        granted |= allowed


async def propose(work: Work, found: Found, patient: Patient) -> None:
    """Ask whether a patient who was made is somebody who is on file already, and whose number it is that cannot be his."""
    decision = found.decision
    if not (decision.candidates or decision.refused):
        return
    await work.tx.flush()
    asked = replace(decision, what="stop", why="name_birth_phone")
    for question in _questions(work, found.person, asked) if decision.candidates else ():
        await replace(question, patient_id=patient.id).put(work.tx, work.now)
    if decision.refused:
        key = key_of("mother_id_used", patient.id, map(number_text, decision.refused))
        question = Question(key, "mother_id_used", work.feed, work.message.id, described(found.person), patient_id=patient.id)
        await question.put(work.tx, work.now)


async def numbers_known(tx: AsyncSession, numbers: Sequence[Identifier]) -> dict[Identifier, Patient]:
    """The patient under each of these numbers (as `known_as` returns them) that is on file, locked."""
    return await Shelf().under(tx, numbers)


async def answered(work: Work, key: str) -> bool:
    """Whether a person has allowed what the question of this key asks. Raises ApplyError (`link_refused`) where he has not."""
    state = await work.tx.scalar(select(LinkProposal.state).where(LinkProposal.key == key))
    if state == "refused":
        raise ApplyError("link_refused")
    return state == "accepted"


async def _answers(work: Work, person: Person, decision: Decision) -> set[tuple[str, int]]:
    """What persons have allowed for this very question. Raises ApplyError (`link_refused`)."""
    keys = [question.key for question in _questions(work, person, decision)]
    rows = (await work.tx.scalars(select(LinkProposal).where(LinkProposal.key.in_(keys), LinkProposal.state != "open"))).all()
    granted = {(row.why, row.candidate_id) for row in rows if row.state == "accepted" and row.candidate_id is not None}
    if not granted and len(rows) == len(keys):
        raise ApplyError("link_refused")
    return granted


def _questions(work: Work, person: Person, decision: Decision) -> tuple[Question, ...]:
    why = str(decision.why)
    # What is claimed: another name, birth date, sex or number is another question.
    claim = [str(each) for each in (person.name, person.birth_date, person.sex, person.birth_order)]
    claim += sorted(number_text(each) for each in (*decision.usable, *decision.refused) if each.system in work.strong)
    said = described(person)
    return tuple(
        Question(key_of(why, id or 0, claim), why, work.feed, work.message.id, said, candidate_id=id)
        for id in (decision.candidates or (None,))
    )


def key_of(why: str, id: int, claim: Iterable[str]) -> str:
    """The key of a question about the patient `id`: what is claimed of him makes it."""
    return f"{why}:{id}:{blake2s(chr(31).join(claim).encode('utf-8', 'replace'), digest_size=16).hexdigest()}"


def described(person: Person) -> dict[str, Any]:
    """The person as JSON, for whoever has to decide."""

    def plain(value: Any) -> Any:
        return value.isoformat() if isinstance(value, date | datetime) else value

    return {name: plain(value) for name, value in asdict(person).items() if value not in (None, ())}
