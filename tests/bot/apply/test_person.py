"""Who a message is about: put on file, linked, asked about; nobody is guessed."""

from dataclasses import replace
from datetime import date

from sqlalchemy import select

from integrations.event import Coded, Diagnosed, Identifier, Person
from plans.erasure import lift
from plans.invitation import signing_key
from records.erasure import Erasure, Tombstone, digest_of
from records.patient_identifier import PROPOSAL_MOVES
from records.schema import Condition, LinkProposal, PatientIdentifier, Staff, StateChange, Team
from records.state import move
from tests.bot.apply.conftest import BORN, NOON, XIAOMAN, Hospital, observed, upsert, visit
from tests.records.test_identity import id_card


async def test_a_new_patient_comes_to_the_team_of_his_department(hospital: Hospital) -> None:
    await hospital.says(upsert(), visit("admit", department="血液科"))
    patient = await hospital.patient()
    assert (patient.record_number, patient.name, patient.sex, patient.birth_date) == ("N1", "张小满", "F", BORN)
    assert (patient.phones, patient.tags, patient.died_at) == (["13800001234"], [], None)
    assert (await hospital.tx.get_one(Team, patient.team_id)).name == "血液科随访组"
    numbers = await hospital.tx.execute(select(PatientIdentifier.system, PatientIdentifier.value).order_by(PatientIdentifier.system))
    assert numbers.all() == [("empi", "E1"), ("record-number", "N1")]


async def test_a_child_who_was_erased_does_not_come_back_unseen(hospital: Hospital) -> None:
    key, team = await signing_key(hospital.tx), (await hospital.tx.scalars(select(Team.id).limit(1))).one()
    lin = Staff(userid="lin", name="林悦", title="")
    hospital.tx.add(lin)
    await hospital.tx.flush()
    request = Erasure(patient_id=7, team_id=team, state="done", relationship="母亲", why="转院", checked="", filed_by=lin.id, filed_at=NOON)
    hospital.tx.add(request)
    await hospital.tx.flush()
    hospital.tx.add(Tombstone(digest=digest_of(key, "empi", "E1"), erasure_id=request.id))
    refused = await hospital.is_refused(upsert())
    assert (refused.code, refused.permanent) == ("erased", True) and await hospital.patients() == []
    await lift(hospital.tx, request, lin, why="母亲要求", now=NOON)
    await hospital.says(upsert())
    assert (await hospital.patient()).name == "张小满"


async def test_the_next_message_finds_him_and_later_particulars_count(hospital: Hospital) -> None:
    await hospital.says(upsert(), minutes=10)
    await hospital.says(upsert(phones=("13900000000",), gestational_age_weeks=34), minutes=20)
    await hospital.says(upsert(phones=("13700000000",), birth_weight_g=2100), minutes=15)
    patient = await hospital.patient()
    assert (patient.phones, patient.birth_weight_g, patient.gestational_age_weeks) == (["13900000000"], 2100, 34)
    assert patient.tags == ["preterm"]


async def test_a_patient_put_on_file_by_hand_is_found_by_his_record_number(hospital: Hospital) -> None:
    await hospital.says(upsert(identifiers=(Identifier("record-number", "n-1"),)))
    await hospital.says(upsert())
    assert len(await hospital.patients()) == 1


async def test_a_newborn_gets_its_name_in_any_order(hospital: Hospital) -> None:
    await hospital.says(upsert(name="张三之女"), minutes=1)
    await hospital.says(upsert(), minutes=9)
    await hospital.says(upsert(name="张三之女"), minutes=5)
    assert (await hospital.patient()).name == "张小满"


async def test_a_conflict_stops_and_goes_on_once_a_person_has_allowed_it(hospital: Hospital) -> None:
    await hospital.says(upsert())
    patient = await hospital.patient()
    refused = await hospital.is_refused(upsert(name="李小满"))
    assert (refused.code, refused.permanent) == ("conflict_name", True)
    await hospital.is_refused(upsert(name="李小满"))
    asked = (await hospital.tx.scalars(select(LinkProposal))).one()
    assert (asked.why, asked.candidate_id, asked.state, asked.person["name"]) == ("conflict_name", patient.id, "open", "李小满")
    await move(hospital.tx, asked, "accepted", moves=PROPOSAL_MOVES, at=NOON, by="nurse-lin")
    await hospital.says(upsert(name="李小满"))
    assert (await hospital.patient()).name == "李小满"
    history = select(StateChange.new).where(StateChange.entity == "link_proposal").order_by(StateChange.id)
    assert (await hospital.tx.scalars(history)).all() == ["open", "accepted"]


async def test_what_a_person_refused_is_not_asked_again(hospital: Hospital) -> None:
    await hospital.says(upsert())
    await hospital.is_refused(upsert(sex="M"))
    asked = (await hospital.tx.scalars(select(LinkProposal))).one()
    await move(hospital.tx, asked, "refused", moves=PROPOSAL_MOVES, at=NOON, by="nurse-lin")
    assert (await hospital.is_refused(upsert(sex="M"))).code == "link_refused"


async def test_the_same_name_birth_date_and_phone_under_another_number_is_asked_about(hospital: Hospital) -> None:
    await hospital.says(upsert())
    await hospital.says(upsert(identifiers=(Identifier("record-number", "N2"),)))
    first, second = await hospital.patients()
    asked = (await hospital.tx.scalars(select(LinkProposal))).one()
    assert (asked.why, asked.patient_id, asked.candidate_id) == ("name_birth_phone", second.id, first.id)


async def test_twins_and_siblings_stay_apart(hospital: Hospital) -> None:
    mother = (Identifier("record-number", "M7"),)
    first = replace(XIAOMAN, name="张三之女", birth_order=1, mother=mother)
    await hospital.says(upsert(first))
    await hospital.says(upsert(first, identifiers=(Identifier("record-number", "N2"),), birth_order=2))
    await hospital.says(upsert(identifiers=(Identifier("record-number", "N3"),), name="张小星", birth_date=date(2023, 1, 1)))
    assert len(await hospital.patients()) == 3
    assert (await hospital.tx.scalars(select(LinkProposal))).all() == []
    assert (await hospital.is_refused(upsert(first, birth_order=2))).code == "shared_identifier"


async def test_a_mothers_national_id_never_becomes_the_childs(hospital: Hospital) -> None:
    mothers = Identifier("national-id", id_card(date(1995, 5, 5)))
    await hospital.says(upsert(identifiers=(*XIAOMAN.identifiers, mothers)))
    await hospital.says(upsert(Person(identifiers=(mothers,), name="张三", sex="F", birth_date=date(1995, 5, 5))))
    child, mother = await hospital.patients()
    assert mother.record_number == f"national-id:{mothers.value}"
    asked = (await hospital.tx.scalars(select(LinkProposal))).one()
    assert (asked.why, asked.patient_id) == ("mother_id_used", child.id)
    assert (await hospital.is_refused(upsert(identifiers=(mothers,)))).code == "mother_id_used"


async def test_a_laboratorys_message_makes_no_half_patient(hospital: Hospital) -> None:
    unknown = Person(identifiers=(Identifier("record-number", "N9"),))
    refused = await hospital.is_refused(observed("白细胞", "5.1", person=unknown))
    assert (refused.code, refused.permanent) == ("not_on_file", False)
    assert (await hospital.is_refused(observed("白细胞", "5.1", person=Person(identifiers=())))).code == "no_identifier"
    assert await hospital.patients() == []


async def test_a_test_message_reaches_nobody(hospital: Hospital) -> None:
    await hospital.says(upsert(), test=True)
    assert await hospital.patients() == []


async def test_a_key_of_another_patient_is_refused(hospital: Hospital) -> None:
    other = Person(identifiers=(Identifier("record-number", "N2"),), name="李四", sex="M", birth_date=BORN)
    await hospital.says(upsert(), observed("白细胞", "5.1", key="R1"))
    assert (await hospital.is_refused(upsert(other), observed("白细胞", "5.1", key="R1", person=other))).code == "other_patient"
    assert len(await hospital.patients()) == 1


async def test_a_feed_without_teams_waits_for_one(hospital: Hospital) -> None:
    for team in await hospital.rows(Team):
        await hospital.tx.delete(team)
    await hospital.tx.flush()
    refused = await hospital.is_refused(upsert())
    assert (refused.code, refused.permanent) == ("no_team", False)


async def test_a_birth_date_that_is_only_in_the_national_id_is_enough(hospital: Hospital) -> None:
    own = Identifier("national-id", id_card(BORN))
    await hospital.says(upsert(Person(identifiers=(own,), name="张小满")))
    patient = await hospital.patient()
    assert (patient.birth_date, patient.sex, patient.record_number) == (BORN, "F", f"national-id:{own.value}")
    await hospital.says(upsert(identifiers=(own, *XIAOMAN.identifiers)))
    assert (await hospital.patient()).record_number == "N1"


async def test_a_diagnosis_alone_finds_its_patient(hospital: Hospital) -> None:
    await hospital.says(upsert())
    known = Person(identifiers=(Identifier("empi", "E1"),))
    await hospital.says(Diagnosed(person=known, key="D1", code=Coded("P07.3", "早产儿", "ICD-10")))
    row = (await hospital.rows(Condition))[0]
    assert (row.text, row.icd10, row.status, row.patient_id) == ("早产儿", "P07.3", "active", (await hospital.patient()).id)
