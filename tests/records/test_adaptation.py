"""What happens to a patient becomes an event, in the transaction in which it happens, and each is taken once."""

from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from records.adaptation import PatientEvent, act_for, any_event, heard, hold_back, take_events
from records.database import Database
from records.schema import (
    CarePlan,
    Cohort,
    CohortEvent,
    Condition,
    Encounter,
    LabResult,
    Observation,
    Patient,
    PatientTag,
    Tag,
    TagChange,
    Task,
    Team,
)
from records.state import created, move

NOW = datetime(2026, 3, 2, 2, tzinfo=UTC)


async def born(tx: AsyncSession, number: str = "R1") -> Patient:
    team = Team(name=f"新生儿随访组{number}")
    tx.add(team)
    await tx.flush()
    patient = Patient(team_id=team.id, record_number=number, name="小满", sex="F", birth_date=date(2026, 1, 1), tags=[])
    tx.add(patient)
    await tx.flush()
    return patient


def fever(patient: Patient, at: datetime, value: float = 38.6, status: str = "final") -> Observation:
    return Observation(
        patient_id=patient.id, code="temperature", value=value, unit="Cel", text=f"{value}", status=status, effective_at=at, recorded_at=NOW
    )


async def told(tx: AsyncSession, patient: Patient) -> list[tuple[str, dict[str, Any]]]:
    await tx.flush()
    rows = await tx.scalars(select(PatientEvent).where(PatientEvent.patient_id == patient.id).order_by(PatientEvent.id))
    return [(row.kind, row.fact) for row in rows]


async def test_a_reading_is_an_event_once_it_is_believed(db: Database) -> None:
    async with db.transaction() as tx:
        patient = await born(tx)
        doubtful = fever(patient, NOW, status="preliminary")
        tx.add(doubtful)
        assert await told(tx, patient) == []
        doubtful.status = "final"
        assert await told(tx, patient) == [("reading", {"code": "temperature", "value": 38.6, "unit": "Cel"})]
        doubtful.text = "38度6"
        assert len(await told(tx, patient)) == 1


async def test_a_history_that_comes_in_is_no_event(db: Database) -> None:
    async with db.transaction() as tx:
        patient = await born(tx)
        tx.add(fever(patient, NOW - timedelta(days=61)))
        assert await told(tx, patient) == []


async def test_a_result_is_an_event_when_the_hospital_releases_it(db: Database) -> None:
    async with db.transaction() as tx:
        patient = await born(tx)
        said = {"source": "lis", "source_id": "1", "report": "血常规", "item": "血小板计数", "text": "18", "value": 18.0, "unit": "10*9/L"}
        result = LabResult(patient_id=patient.id, collected_at=NOW - timedelta(hours=3), updated_at=NOW, **said)
        tx.add(result)
        assert await told(tx, patient) == []
        result.released_at = NOW
        [(kind, fact)] = await told(tx, patient)
        assert kind == "lab" and fact["value"] == 18.0


async def test_diagnosis_discharge_tag_plan_and_follow_up(db: Database) -> None:
    async with db.transaction() as tx:
        patient = await born(tx)
        said = {"source": "his", "source_id": "1", "updated_at": NOW}
        tx.add(Condition(patient_id=patient.id, text="1型糖尿病", icd10="E10.9", recorded_at=NOW, **said))
        stay = Encounter(patient_id=patient.id, kind="inpatient", department="内分泌科", state="in-progress", started_at=NOW)
        tx.add(stay)
        await tx.flush()
        stay.state, stay.ended_at = "finished", NOW
        tag = Tag(code="x.y", name="试", kind="management", meaning="试用标签", updated_at=NOW)
        tx.add(tag)
        await tx.flush()
        tx.add(TagChange(patient_id=patient.id, tag_id=tag.id, carried=True, at=NOW))
        plan = CarePlan(patient_id=patient.id, template="neonatal", template_version=1, anchors={}, created_at=NOW, created_by="test")
        tx.add(plan)
        await tx.flush()
        created(tx, plan, at=NOW, by="test")
        task = Task(care_plan_id=plan.id, patient_id=patient.id, step="s", day=NOW.date(), due_at=NOW, useful_until=NOW)
        tx.add(task)
        await tx.flush()
        await move(tx, task, "missed", moves={"scheduled": frozenset({"missed"})}, at=NOW, by="system", closed_at=NOW)
        found = await told(tx, patient)
    assert [kind for kind, _ in found] == ["diagnosis", "admission", "discharge", "tag_began", "plan", "task"]
    assert found[4][1] == {"template": "neonatal", "state": "active", "was": None}
    assert found[5][1]["state"] == "missed" and found[5][1]["template"] == "neonatal"


async def test_each_event_is_taken_once_and_none_before_it_happens(db: Database) -> None:
    async with db.transaction() as tx:
        patient = await born(tx)
        tx.add_all([fever(patient, NOW - timedelta(hours=1)), fever(patient, NOW + timedelta(hours=1), 38.7)])
    async with db.transaction() as tx:
        [first] = await take_events(tx, NOW, 10)
        await heard(tx, [first.id], NOW)
    async with db.transaction() as tx:
        assert not await any_event(tx, NOW) and await take_events(tx, NOW, 10) == []
        assert [row.fact["value"] for row in await take_events(tx, NOW + timedelta(hours=2), 10)] == [38.7]


async def test_a_tag_that_began_long_ago_is_no_event(db: Database) -> None:
    async with db.transaction() as tx:
        patient = await born(tx)
        for number, days in enumerate((70, 30)):
            tag = Tag(code=f"x.y{number}", name=f"试{number}", kind="management", meaning="试用标签", updated_at=NOW)
            tx.add(tag)
            await tx.flush()
            since = NOW - timedelta(days=days)
            said = {"source": "his", "author": "test", "since": since, "evidence_at": NOW}
            tx.add(PatientTag(patient_id=patient.id, tag_id=tag.id, **said))
            tx.add(TagChange(patient_id=patient.id, tag_id=tag.id, carried=True, at=NOW))
            await tx.flush()
        [event] = await tx.scalars(select(PatientEvent))
        assert (event.kind, event.fact["tag"], event.at, event.recorded_at) == ("tag_began", tag.id, since, NOW)


async def test_who_is_there_when_a_cohort_is_saved_has_not_joined(db: Database) -> None:
    async with db.transaction() as tx:
        patient = await born(tx)
        cohort = Cohort(name="早产", team_id=patient.team_id, version=1, definition={}, reads=[], at=NOW, by="test")
        tx.add(cohort)
        await tx.flush()
        for why in ("saved", "news"):
            tx.add(CohortEvent(cohort_id=cohort.id, patient_id=patient.id, kind="joined", why=why, version=1, at=NOW))
        assert await told(tx, patient) == [("cohort_joined", {"cohort": cohort.id})]


@pytest.mark.parametrize("hours", [0, 2])
async def test_a_patient_who_waits_keeps_his_order(db: Database, hours: int) -> None:
    async with db.transaction() as tx:
        patient, other = await born(tx), await born(tx, "R2")
        tx.add(fever(patient, NOW))
        await tx.flush()
        await hold_back(tx, patient.id, NOW + timedelta(hours=1))
        tx.add_all([fever(patient, NOW, 39.0), fever(other, NOW, 37.0)])
    async with db.transaction() as tx:
        values = [row.fact["value"] for row in await take_events(tx, NOW + timedelta(hours=hours), 10)]
    assert values == ([37.0] if hours == 0 else [38.6, 39.0, 37.0])


async def test_what_a_rule_did_knows_its_cause(db: Database) -> None:
    async with db.transaction() as tx:
        patient, other = await born(tx), await born(tx, "R2")
        await act_for(tx, {patient.id: (7, 2)})
        tx.add_all([fever(patient, NOW), fever(other, NOW)])
        await tx.flush()
        await act_for(tx, {})
        tx.add(fever(patient, NOW, 39.0))
        await tx.flush()
        rows = (await tx.scalars(select(PatientEvent).order_by(PatientEvent.id))).all()
        assert sorted((row.fact["value"], row.patient_id, row.cause_id, row.depth) for row in rows) == [
            (38.6, patient.id, 7, 2), (38.6, other.id, None, 0), (39.0, patient.id, None, 0),
        ]  # fmt: skip
