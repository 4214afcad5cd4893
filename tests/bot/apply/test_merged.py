"""The hospital says that two numbers are one patient, or that they were not."""

from dataclasses import replace
from datetime import date

from sqlalchemy import select

from integrations.event import Identifier, Person
from records.patient_identifier import PROPOSAL_MOVES
from records.schema import LabResult, LinkProposal, PatientIdentifier, PatientMerge
from records.state import move
from tests.bot.apply.conftest import NOON, XIAOMAN, Hospital, merge, observed, upsert

SECOND = replace(XIAOMAN, identifiers=(Identifier("record-number", "N2"),))
NUMBER_ALONE = Person(identifiers=SECOND.identifiers)


async def two(hospital: Hospital) -> None:
    await hospital.says(upsert(), observed("白细胞", "5.1", key="R1"))
    await hospital.says(upsert(SECOND), observed("白细胞", "6.1", key="R2", person=SECOND))


async def test_a_merge_makes_one_of_two_and_the_old_number_finds_him(hospital: Hospital) -> None:
    await two(hospital)
    await hospital.says(merge(NUMBER_ALONE), kind="ADT^A40")
    patient = await hospital.patient()
    assert patient.record_number == "N1"
    assert {row.patient_id for row in await hospital.rows(LabResult)} == {patient.id}
    await hospital.says(observed("血红蛋白", "120", person=SECOND))
    assert len(await hospital.patients()) == 1
    assert (await hospital.tx.scalars(select(PatientIdentifier.alias).where(PatientIdentifier.value == "N2"))).one()
    assert (await hospital.tx.scalars(select(LinkProposal.state))).all() == ["accepted"]


async def test_the_same_merge_twice_is_one(hospital: Hospital) -> None:
    await two(hospital)
    await hospital.says(merge(NUMBER_ALONE))
    await hospital.says(merge(NUMBER_ALONE))
    assert len(await hospital.rows(PatientMerge)) == 1


async def test_a_merge_before_the_first_word_of_the_other_number(hospital: Hospital) -> None:
    await hospital.says(upsert())
    await hospital.says(merge(NUMBER_ALONE))
    await hospital.says(upsert(SECOND))
    assert len(await hospital.patients()) == 1
    await hospital.says(merge(NUMBER_ALONE, undo=True))
    await hospital.says(upsert(SECOND))
    assert len(await hospital.patients()) == 2


async def test_a_merge_into_a_number_that_is_new(hospital: Hospital) -> None:
    await hospital.says(upsert(SECOND), observed("白细胞", "6.1", key="R2", person=SECOND))
    await hospital.says(merge(NUMBER_ALONE))
    patient = await hospital.patient()
    assert patient.record_number == "N1"
    assert [row.patient_id for row in await hospital.rows(LabResult)] == [patient.id]


async def test_an_undone_merge_gives_each_what_was_his(hospital: Hospital) -> None:
    await two(hospital)
    before = {(row.text, row.patient_id) for row in await hospital.rows(LabResult)}
    await hospital.says(merge(NUMBER_ALONE))
    await hospital.says(merge(NUMBER_ALONE, undo=True), kind="ADT^A37")
    await hospital.says(merge(NUMBER_ALONE, undo=True), kind="ADT^A37")
    assert {(row.text, row.patient_id) for row in await hospital.rows(LabResult)} == before
    assert [patient.record_number for patient in await hospital.patients()] == ["N1", "N2"]
    assert (await hospital.rows(PatientMerge))[0].undone_by == "feed:his"
    await hospital.says(upsert(SECOND, phones=("13900000000",)))
    assert (await hospital.patients())[1].phones == ["13900000000"]


async def test_two_who_cannot_be_one_are_looked_at_first(hospital: Hospital) -> None:
    await hospital.says(upsert())
    await hospital.says(upsert(SECOND, birth_date=date(2024, 1, 1)))
    assert (await hospital.is_refused(merge(NUMBER_ALONE))).code == "conflict_birth_date"
    assert len(await hospital.patients()) == 2
    asked = (await hospital.tx.scalars(select(LinkProposal))).one()
    await move(hospital.tx, asked, "accepted", moves=PROPOSAL_MOVES, at=NOON, by="nurse-lin")
    await hospital.says(merge(NUMBER_ALONE))
    assert len(await hospital.patients()) == 1
