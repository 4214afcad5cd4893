"""A team with many families on a plan; nurse Lin and nurse He in it, nurse Qin in another one."""

from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta

import pytest
from sqlalchemy.ext.asyncio import AsyncSession

from plans.experiment.choose import Wanted
from records.database import Database
from records.schema import CarePlan, Carer, Patient, PatientCarer, Staff, Task, Team, TeamMember

NOW = datetime(2026, 3, 2, 2, tzinfo=UTC)
DAY = date(2026, 3, 2)


@dataclass
class Ward:
    """Families by number: carer, patient and plan have the same place in their lists."""

    tx: AsyncSession
    team: Team
    other: Team
    lin: Staff
    he: Staff
    qin: Staff
    carers: list[Carer] = field(default_factory=list)
    patients: list[Patient] = field(default_factory=list)
    plans: list[CarePlan] = field(default_factory=list)

    async def families(self, count: int, template: str = "neonatal") -> None:
        first = len(self.carers)
        carers = [Carer(name=f"家长{n}", external_userid=f"wm{n}") for n in range(first, first + count)]
        patients = [
            Patient(team_id=self.team.id, record_number=f"N{n}", name=f"宝宝{n}", birth_date=date(2026, 1, 1), tags=[])
            for n in range(first, first + count)
        ]
        self.tx.add_all([*carers, *patients])
        await self.tx.flush()
        plans = [
            CarePlan(patient_id=p.id, template=template, template_version=1, anchors={}, created_at=NOW, created_by="lin") for p in patients
        ]
        self.tx.add_all([PatientCarer(patient_id=p.id, carer_id=c.id, relationship="母亲") for p, c in zip(patients, carers, strict=True)])
        self.tx.add_all(plans)
        await self.tx.flush()
        self.carers += carers
        self.patients += patients
        self.plans += plans

    def want(self, n: int, day: date = DAY, default: str = "9", *, task: Task | None = None) -> Wanted:
        """Family `n`'s follow-up of `day`."""
        plan = self.plans[n]
        return Wanted(
            carer_id=self.carers[n].id,
            care_plan_id=plan.id,
            patient_id=self.patients[n].id,
            team_id=self.team.id,
            template=plan.template,
            day=day,
            default=default,
            step=task.step if task else None,
            task_id=task.id if task else None,
        )

    async def task(self, n: int, state: str, day: date = DAY, outcome: str | None = None) -> Task:
        """A follow-up of family `n` that came to `state`."""
        due = datetime.combine(day, time(1), tzinfo=UTC)
        row = Task(
            care_plan_id=self.plans[n].id,
            patient_id=self.patients[n].id,
            step="weight",
            day=day,
            due_at=due,
            useful_until=due + timedelta(hours=12),
            state=state,
            sent_at=due,
            answers={},
            outcome=outcome,
        )
        self.tx.add(row)
        await self.tx.flush()
        return row


@pytest.fixture
async def ward(db: Database) -> AsyncIterator[Ward]:
    async with db.transaction() as tx:
        team, other = Team(name="新生儿科随访组"), Team(name="血液科随访组")
        people = [Staff(userid=f"nurse-{name}", name=name, title="护士") for name in ("lin", "he", "qin")]
        tx.add_all([team, other, *people])
        await tx.flush()
        lin, he, qin = people
        tx.add_all([TeamMember(team_id=team.id, staff_id=each.id) for each in (lin, he)])
        tx.add(TeamMember(team_id=other.id, staff_id=qin.id))
        await tx.flush()
        yield Ward(tx, team, other, lin, he, qin)
