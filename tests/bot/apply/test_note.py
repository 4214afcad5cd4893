"""Clinical notes and orders for tests on file: once, as corrected last, with their visit."""

import pytest
from sqlalchemy import select

from integrations.event import Coded, Noted, Ordered
from records.clinical_note import ClinicalNote, access_note, encounter_of
from records.patient import AccessRefused
from records.retag import RetagRequest
from records.schema import Encounter, ReadAudit, ServiceRequest, Staff, StateChange, TeamMember
from tests.bot.apply.conftest import NOON, XIAOMAN, Hospital, at, merge, upsert, visit
from tests.bot.apply.test_merged import SECOND


def noted(text: str | None = "诊断：川崎病", **given: object) -> Noted:
    said = {"key": "D1", "kind": Coded("CY", "出院小结", "99EMR"), "title": "出院小结", "visit": "V1", "written_at": NOON, **given}
    return Noted(person=XIAOMAN, text=text, **said)  # type: ignore[arg-type]


async def test_a_note_is_kept_and_its_patient_looked_at(hospital: Hospital) -> None:
    await hospital.says(upsert(), noted())
    (row,) = await hospital.rows(ClinicalNote)
    assert (row.kind, row.code, row.title, row.text, row.visit, row.status, row.read_by) == (
        "出院小结", "CY", "出院小结", "诊断：川崎病", "V1", "final", None,
    )  # fmt: skip
    assert (await hospital.tx.scalars(select(RetagRequest.patient_id))).all() == [row.patient_id]


async def test_a_correction_is_read_anew_and_a_resend_is_not(hospital: Hospital) -> None:
    await hospital.says(upsert(), noted())
    (row,) = await hospital.rows(ClinicalNote)
    row.read_by = "1"
    await hospital.says(noted())
    assert (await hospital.rows(ClinicalNote))[0].read_by == "1"
    await hospital.says(noted("诊断：肺炎", status="amended"))
    (row,) = await hospital.rows(ClinicalNote)
    assert (row.text, row.status, row.read_by) == ("诊断：肺炎", "amended", None)
    await hospital.says(noted(None, status="entered-in-error"))
    (row,) = await hospital.rows(ClinicalNote)
    assert (row.text, row.status) == ("诊断：肺炎", "entered-in-error")
    states = await hospital.tx.execute(select(StateChange.old, StateChange.new).where(StateChange.entity == "clinical_note"))
    assert [tuple(each) for each in states] == [("final", "amended"), ("amended", "entered-in-error")]


async def test_what_was_said_later_stands_whatever_comes_first(hospital: Hospital) -> None:
    await hospital.says(upsert(), noted(None, status="superseded"), minutes=9)
    await hospital.says(noted(), minutes=5)
    (row,) = await hospital.rows(ClinicalNote)
    assert (row.text, row.status) == ("诊断：川崎病", "superseded")


@pytest.mark.parametrize("first", ["visit", "note"])
async def test_a_note_belongs_to_its_visit_whichever_came_first(hospital: Hospital, first: str) -> None:
    events = [visit("admit"), noted()]
    for event in events if first == "visit" else events[::-1]:
        await hospital.says(upsert(), event, feed="his" if event is events[0] else "emr")
    (stay,) = await hospital.rows(Encounter)
    assert (await hospital.tx.scalars(select(encounter_of()).select_from(ClinicalNote))).one() == stay.id


async def test_a_note_is_cut_at_its_longest_and_loses_what_no_column_holds(hospital: Hospital) -> None:
    await hospital.says(upsert(), noted("病" * 300_000 + "\0"))
    (row,) = await hospital.rows(ClinicalNote)
    assert len(row.text) == 200_000


async def test_a_merge_moves_the_notes(hospital: Hospital) -> None:
    await hospital.says(upsert(), noted())
    await hospital.says(upsert(SECOND), Noted(person=SECOND, key="D2", text="x"))
    await hospital.says(merge(SECOND))
    kept = await hospital.patient()
    assert {row.source_id: row.patient_id for row in await hospital.rows(ClinicalNote)} == {"D1": kept.id, "D2": kept.id}
    await hospital.says(merge(SECOND, undo=True))
    assert len({row.patient_id for row in await hospital.rows(ClinicalNote)}) == 2


async def test_only_the_patients_team_reads_the_text(hospital: Hospital) -> None:
    await hospital.says(upsert(), noted())
    patient, (row,) = await hospital.patient(), await hospital.rows(ClinicalNote)
    lin, qin = Staff(userid="linyue", name="林悦", title="护士"), Staff(userid="qinlan", name="秦岚", title="护士")
    hospital.tx.add_all([lin, qin])
    await hospital.tx.flush()
    hospital.tx.add(TeamMember(team_id=patient.team_id, staff_id=lin.id))
    await hospital.tx.flush()
    assert (await access_note(hospital.tx, lin, row.id, now=NOON)).text == "诊断：川崎病"
    await hospital.tx.flush()
    assert (await hospital.tx.scalars(select(ReadAudit.why))).all() == [f"clinical_note:{row.id}"]
    for staff, id in ((qin, row.id), (lin, row.id + 1)):
        with pytest.raises(AccessRefused):
            await access_note(hospital.tx, staff, id, now=NOON)


async def test_an_order_for_a_test_is_kept_and_stopped(hospital: Hospital) -> None:
    order = Ordered(person=XIAOMAN, key="O1", kind="test", code=Coded("US", "心脏彩超", "99RIS"), starts_at=at(60))
    await hospital.says(upsert(), order)
    await hospital.says(Ordered(person=XIAOMAN, key="O1", kind="test", code=Coded("US", "心脏彩超", "99RIS"), status="stopped"))
    (row,) = await hospital.rows(ServiceRequest)
    assert (row.name, row.code, row.kind, row.status, row.starts_at) == ("心脏彩超", "US", "test", "stopped", at(60))
    assert row.ordered_at == at(1)
