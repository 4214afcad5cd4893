"""Cohorts are enrolled at once, and by themselves as people join."""

from datetime import timedelta
from typing import Any

from sqlalchemy import select

from plans.auto_enrolment import AutoDone, enrol_joined, set_auto
from plans.enrol_many import enrol_many
from plans.template import load_templates
from records.schema import CarePlan, Cohort, CohortEvent, Encounter, Errand, Patient, Task
from tests.plans.conftest import BIRTH, DISCHARGE, ZONE, Family, local

NEONATAL = load_templates()["neonatal"]
NOW = local(DISCHARGE, 12)


async def babies(family: Family, count: int, **fields: Any) -> list[Patient]:
    """Discharged on the day, each with a stay that says so."""
    known: dict[str, Any] = {"team_id": family.team.id, "birth_date": BIRTH, "birth_weight_g": 3000, "gestational_age_weeks": 39}
    rows = [Patient(record_number=f"B{n}{len(fields)}", name=f"宝{n}", tags=[], **known | fields) for n in range(count)]
    family.tx.add_all(rows)
    await family.tx.flush()
    stay = {"kind": "inpatient", "department": "新生儿科", "state": "finished", "started_at": local(BIRTH), "ended_at": local(DISCHARGE)}
    family.tx.add_all([Encounter(patient_id=row.id, **stay) for row in rows])
    await family.tx.flush()
    return rows


async def test_a_cohort_is_enrolled_and_the_refused_are_named(family: Family) -> None:
    good = await babies(family, 3)
    (light,) = await babies(family, 1, birth_weight_g=None)
    (dead,) = await babies(family, 1, died_at=NOW, sex="F")
    ids = [row.id for row in (*good, light, dead, family.patient)]
    done = await enrol_many(family.tx, ids, NEONATAL, by="nurse-lin", now=NOW, zone=ZONE)
    assert set(done.plans) == {row.id for row in good}
    assert {(each.patient_id, each.code) for each in done.refused} == {
        (light.id, "missing"),
        (dead.id, "died"),
        (family.patient.id, "anchor_missing"),
    }
    assert done.tasks == 14 * 3 == len((await family.tx.scalars(select(Task.id))).all())
    again = await enrol_many(family.tx, [row.id for row in good], NEONATAL, by="nurse-lin", now=NOW, zone=ZONE)
    assert not again.plans and {each.code for each in again.refused} == {"enrolled"}


async def test_for_whom_the_plan_is_not_meant_is_refused_unless_a_person_insists(family: Family) -> None:
    (one,) = await babies(family, 1)
    meant = NEONATAL.model_copy(update={"enrol_if": "日龄 > 30"})
    done = await enrol_many(family.tx, [one.id], meant, by="nurse-lin", now=NOW, zone=ZONE)
    assert [each.code for each in done.refused] == ["not_meant"] and "日龄 > 30" in done.refused[0].text
    assert (await enrol_many(family.tx, [one.id], meant, by="nurse-lin", now=NOW, zone=ZONE, whoever=True)).plans


async def cohort_of(family: Family) -> Cohort:
    cohort = Cohort(name="新生儿", team_id=family.team.id, definition={}, reads=[], at=NOW, by="nurse-lin")
    family.tx.add(cohort)
    await family.tx.flush()
    return cohort


async def tell(family: Family, cohort: Cohort, patient: Patient, kind: str) -> None:
    family.tx.add(CohortEvent(cohort_id=cohort.id, patient_id=patient.id, kind=kind, why="news", version=1, at=NOW))
    await family.tx.flush()


async def look(family: Family, days: int = 0) -> AutoDone:
    return await enrol_joined(family.tx, now=NOW + timedelta(days=days), zone=ZONE)


async def test_who_joins_is_enrolled_once_and_who_leaves_is_let_go(family: Family) -> None:
    one, two = await babies(family, 2)
    (light,) = await babies(family, 1, birth_weight_g=None)
    cohort = await cohort_of(family)
    await tell(family, cohort, two, "joined")
    await set_auto(family.tx, cohort, "neonatal", on=True, on_left="end", by="nurse-lin", now=NOW)
    assert await look(family) == AutoDone()
    for row in (one, light):
        await tell(family, cohort, row, "joined")
    assert await look(family) == AutoDone(enrolled=1, refused=1)
    assert await look(family) == AutoDone()
    errand = (await family.tx.scalars(select(Errand))).one()
    assert errand.patient_id == light.id and "出生体重" in errand.because
    await tell(family, cohort, one, "left")
    await tell(family, cohort, two, "joined")
    await tell(family, cohort, two, "left")
    assert await look(family, 1) == AutoDone(ended=1)
    assert (await family.tx.scalars(select(CarePlan.state))).all() == ["ended"]


async def test_a_plan_that_a_person_began_is_only_proposed_to_be_ended(family: Family) -> None:
    cohort = await cohort_of(family)
    await set_auto(family.tx, cohort, "neonatal", on=True, on_left="end", by="nurse-lin", now=NOW)
    plan = await family.enrolled()
    await tell(family, cohort, family.patient, "left")
    assert await look(family) == AutoDone(proposed=1)
    assert plan.state == "active"
    await set_auto(family.tx, cohort, "neonatal", on=False, on_left="nothing", by="nurse-lin", now=NOW)
    await tell(family, cohort, family.patient, "left")
    assert await look(family) == AutoDone()
