"""Stays as the hospital tells them, and the plans that count their days from the discharge."""

from datetime import date, timedelta

from sqlalchemy import select

from plans.enrolment import enrol
from plans.template import load_templates
from records.binding import Invitation
from records.care_plan import CarePlan, Task
from records.schema import Carer, Chat, Encounter, Outbound, Patient, PatientCarer
from tests.bot.apply.conftest import BORN, NOON, ZONE, Hospital, at, upsert, visit

DISCHARGED = NOON.astimezone(ZONE).date()


async def on_a_plan(hospital: Hospital) -> CarePlan:
    """Discharged today and put on the newborns' plan."""
    await hospital.says(upsert(birth_weight_g=3400, gestational_age_weeks=39), visit("admit"))
    await hospital.says(visit("discharge", discharged_at=NOON))
    anchors = {"birth": BORN, "discharge": DISCHARGED}
    template = load_templates()["neonatal"]
    return await enrol(hospital.tx, await hospital.patient(), template, anchors=anchors, hour=9, by="nurse-lin", now=NOON, zone=ZONE)


async def days(hospital: Hospital, plan: CarePlan, state: str = "scheduled") -> list[int]:
    rows = await hospital.tx.scalars(select(Task.day).where(Task.care_plan_id == plan.id, Task.state == state).order_by(Task.day))
    return [(day - DISCHARGED).days for day in rows]


async def the_plans(hospital: Hospital) -> list[tuple[str, str]]:
    rows = await hospital.rows(CarePlan)
    return [(plan.state, plan.anchors["discharge"]) for plan in rows]


async def test_a_stay_from_beginning_to_end(hospital: Hospital) -> None:
    await hospital.says(upsert(), visit("admit", admitted_at=at(-60), ward="三病区", bed="12"))
    await hospital.says(visit("update", bed="14"))
    await hospital.says(visit("discharge", discharged_at=at(30)))
    (stay,) = await hospital.rows(Encounter)
    assert (stay.state, stay.kind, stay.department, stay.ward, stay.bed) == ("finished", "inpatient", "新生儿科", "三病区", "14")
    assert (stay.started_at, stay.ended_at) == (at(-60), at(30))


async def test_a_discharge_that_comes_before_its_admission(hospital: Hospital) -> None:
    await hospital.says(upsert(), visit("discharge", discharged_at=at(30)), minutes=30)
    await hospital.says(visit("admit", admitted_at=at(-60), bed="12"), minutes=1)
    (stay,) = await hospital.rows(Encounter)
    assert (stay.state, stay.started_at, stay.bed) == ("finished", at(-60), "12")


async def test_a_discharge_taken_back_withdraws_its_plan_and_the_next_one_begins_it_anew(hospital: Hospital) -> None:
    plan = await on_a_plan(hospital)
    await hospital.says(visit("cancel_discharge"))
    (stay,) = await hospital.rows(Encounter)
    assert (stay.state, stay.ended_at) == ("in-progress", None)
    assert await the_plans(hospital) == [("withdrawn", DISCHARGED.isoformat())]
    assert await days(hospital, plan) == []
    later = NOON + timedelta(days=2)
    await hospital.says(visit("discharge", discharged_at=later))
    assert await the_plans(hospital) == [
        ("withdrawn", DISCHARGED.isoformat()),
        ("active", (DISCHARGED + timedelta(days=2)).isoformat()),
    ]


async def test_an_admission_taken_back_withdraws_its_plan_and_its_links(hospital: Hospital) -> None:
    await on_a_plan(hospital)
    (stay,) = await hospital.rows(Encounter)
    link = Invitation(patient_id=stay.patient_id, encounter_id=stay.id, kind="visit", invited_by="x", created_at=NOON, expires_at=at(99999))
    hospital.tx.add(link)
    await hospital.says(visit("cancel_admit"))
    assert [state for state, _ in await the_plans(hospital)] == ["withdrawn"]
    (stay,) = await hospital.rows(Encounter)
    assert stay.state == "cancelled"
    (link,) = await hospital.rows(Invitation)
    assert link.expires_at < at(99)


async def test_a_corrected_discharge_moves_what_is_not_sent(hospital: Hospital) -> None:
    plan = await on_a_plan(hospital)
    before = await days(hospital, plan)
    first = (await hospital.tx.scalars(select(Task).where(Task.care_plan_id == plan.id).order_by(Task.day).limit(1))).one()
    first.state = "done"
    await hospital.says(visit("update", discharged_at=NOON + timedelta(days=3)))
    assert await the_plans(hospital) == [("active", (DISCHARGED + timedelta(days=3)).isoformat())]
    assert await days(hospital, plan, "done") == [before[0]]
    moved = await days(hospital, plan)
    assert moved[:5] == [4, 5, 6, 7, 8]
    assert len(set(moved)) == len(moved)
    tasks = (await hospital.tx.scalars(select(Task).where(Task.care_plan_id == plan.id, Task.state == "scheduled"))).all()
    assert all(task.due_at.astimezone(ZONE).date() == task.day and task.due_at.astimezone(ZONE).hour == 9 for task in tasks)


async def test_a_corrected_hour_moves_nothing(hospital: Hospital) -> None:
    plan = await on_a_plan(hospital)
    before = await days(hospital, plan)
    await hospital.says(visit("update", discharged_at=at(5)))
    assert await days(hospital, plan) == before


async def test_an_opening_in_the_outbox_is_not_sent_any_more(hospital: Hospital) -> None:
    plan = await on_a_plan(hospital)
    patient = await hospital.patient()
    chat = Chat(open_kfid="wk", external_userid="wm1", team_id=patient.team_id, patient_id=patient.id, opened_at=NOON)
    hospital.tx.add(chat)
    await hospital.tx.flush()
    task = (await hospital.tx.scalars(select(Task).where(Task.care_plan_id == plan.id).order_by(Task.day).limit(1))).one()
    task.state, task.chat_id = "sent", chat.id
    for key in (f"task:{task.id}:opening", f"task:{task.id}9:opening", "reply:1"):
        hospital.tx.add(
            Outbound(key=key, line="chat:1", chat_id=chat.id, route="kf", payload={}, purpose="task", not_before=NOON, created_at=NOON)
        )
    await hospital.says(visit("cancel_discharge"))
    states = await hospital.tx.execute(select(Outbound.key, Outbound.state))
    assert sorted(state for key, state in states) == ["queued", "queued", "withdrawn"]


async def test_a_child_that_died_is_let_go_at_once(hospital: Hospital) -> None:
    await on_a_plan(hospital)
    patient = await hospital.patient()
    carer = Carer(name="赵", external_userid="wm1")
    hospital.tx.add(carer)
    await hospital.tx.flush()
    chat = Chat(open_kfid="wk", external_userid="wm1", carer_id=carer.id, team_id=patient.team_id, opened_at=NOON)
    hospital.tx.add_all([chat, PatientCarer(patient_id=patient.id, carer_id=carer.id, relationship="母亲")])
    await hospital.tx.flush()
    for key, purpose in (("task:1:opening", "task"), ("flag:1:silence", "alert"), ("n", "notice")):
        hospital.tx.add(
            Outbound(key=key, line="chat:1", chat_id=chat.id, route="kf", payload={}, purpose=purpose, not_before=NOON, created_at=NOON)
        )
    await hospital.says(upsert(died_at=at(5)))
    assert [state for state, _ in await the_plans(hospital)] == ["ended"]
    assert (await hospital.tx.scalars(select(Task.state).distinct())).all() == ["withdrawn"]
    states = dict((await hospital.tx.execute(select(Outbound.purpose, Outbound.state))).all())
    assert states == {"task": "withdrawn", "notice": "withdrawn", "alert": "queued"}
    assert (await hospital.rows(Carer))[0].stopped_at is not None
    await hospital.says(upsert(died_at=at(5)))
    await hospital.says(visit("discharge", discharged_at=at(60)))
    assert [state for state, _ in await the_plans(hospital)] == ["ended"]


async def test_a_carer_with_another_child_is_still_asked_about_that_one(hospital: Hospital) -> None:
    await hospital.says(upsert())
    patient = await hospital.patient()
    carer = Carer(name="赵", external_userid="wm1")
    sibling = Patient(team_id=patient.team_id, record_number="N3", name="张小星", birth_date=date(2023, 1, 1))
    hospital.tx.add_all([carer, sibling])
    await hospital.tx.flush()
    for child in (patient, sibling):
        hospital.tx.add(PatientCarer(patient_id=child.id, carer_id=carer.id, relationship="母亲"))
    await hospital.tx.flush()
    await hospital.says(upsert(died_at=at(5)))
    assert (await hospital.rows(Carer))[0].stopped_at is None


async def test_a_visit_without_a_number_is_the_one_that_is_open(hospital: Hospital) -> None:
    await hospital.says(upsert(), visit("admit", number=None, admitted_at=at(-60)))
    await hospital.says(visit("update", number=None, bed="3"))
    await hospital.says(visit("discharge", number=None, discharged_at=at(10)))
    (stay,) = await hospital.rows(Encounter)
    assert (stay.state, stay.bed) == ("finished", "3")
    assert (await hospital.is_refused(visit("discharge", number=None))).code == "visit_unknown"
