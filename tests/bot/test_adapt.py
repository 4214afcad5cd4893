"""The job that adapts care: what is measured comes to the rules by the sweep, and one bad record stops nobody else."""

from collections.abc import Mapping
from datetime import timedelta

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from bot.adapt import Adapter
from plans.adaptation.action import RaiseAlert, StartPlan
from plans.adaptation.care import Care, Ids, Refused, Why
from records.adaptation import AdaptationFiring, PatientEvent, any_event
from records.errand import Errand
from records.observation import Observation
from records.patient import Patient
from tests.bot.stage import ZONE, Stage


async def test_what_is_measured_twice_becomes_a_nurses_errand(stage: Stage) -> None:
    mother = await stage.family("zhao", {"name": "小满", "days": 2000})
    async with stage.db.transaction() as tx:
        tx.add_all([_fever(mother.patients[0], stage, hours) for hours in (5, 0)])
    await stage.settle(seconds=60)
    async with stage.db.transaction() as tx:
        [firing] = await tx.scalars(select(AdaptationFiring))
        assert firing.rule == "fever_twice" and firing.patient_id == mother.patients[0]
        assert [errand.kind for errand in await tx.scalars(select(Errand)) if errand.patient_id == firing.patient_id] == ["call"]
        assert not await any_event(tx, stage.clock())


class Broken(Care):
    """One patient cannot be alerted about."""

    def __init__(self, bad: int) -> None:
        self.bad = bad

    async def start_plans(self, tx: AsyncSession, action: StartPlan, wanted: Mapping[int, Why]) -> dict[int, Ids | Refused]:
        if self.bad in wanted:
            raise RuntimeError("broken")
        return {patient_id: {"care_plan": 0} for patient_id in wanted}

    async def alert(self, tx: AsyncSession, patient: Patient, action: RaiseAlert, why: Why) -> Ids:
        return {}


async def test_one_bad_record_stops_nobody_else(stage: Stage) -> None:
    first = await stage.family("zhao", {"name": "小满", "days": 2000})
    second = await stage.family("qian", {"name": "豆豆", "days": 2000})
    async with stage.db.transaction() as tx:
        for family in (first, second):
            for hours in (5, 0):
                tx.add(_fever(family.patients[0], stage, hours))
    adapter = Adapter(stage.db, stage.clock, ZONE, Broken(first.patients[0]))
    await adapter.run("heard")
    async with stage.db.transaction() as tx:
        assert [firing.patient_id for firing in await tx.scalars(select(AdaptationFiring))] == second.patients
        waiting = (await tx.scalars(select(PatientEvent).where(PatientEvent.heard_at.is_(None)))).all()
        assert {event.patient_id for event in waiting} == set(first.patients) and all(event.not_before for event in waiting)
        assert not await any_event(tx, stage.clock())


def _fever(patient: int, stage: Stage, hours: int) -> Observation:
    at = stage.clock() - timedelta(hours=hours)
    said = {"code": "temperature", "value": 38.9, "unit": "Cel", "text": "38.9", "status": "final"}
    return Observation(patient_id=patient, effective_at=at, recorded_at=at, **said)
