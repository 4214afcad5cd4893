"""Baby Xiaoman of mother Zhao, nurse Lin on the team, nurse Qin in another one; a real database under all of them."""

from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from plans.enrolment import enrol
from plans.finding import patient_facts
from plans.follow_up import answer, next_question, report, template_of
from plans.report import Report
from plans.settle import Answer
from plans.task import sent
from plans.template import load_templates
from records.database import Database
from records.schema import CarePlan, Carer, Chat, Observation, Patient, PatientCarer, Staff, Task, Team, TeamMember
from tagging.understanding import Understanding, understand

ZONE = ZoneInfo("Asia/Shanghai")
BIRTH, DISCHARGE = date(2026, 3, 1), date(2026, 3, 5)


def local(day: date, hour: int = 9, minute: int = 0) -> datetime:
    """A moment of the hospital's calendar, in UTC."""
    return datetime(day.year, day.month, day.day, hour, minute, tzinfo=ZONE).astimezone(UTC)


@dataclass
class Family:
    """Everything around one baby, inside one transaction."""

    tx: AsyncSession
    team: Team
    lin: Staff
    qin: Staff
    carer: Carer
    chat: Chat
    patient: Patient
    message: int = 0

    async def enrolled(self, *, discharge: date = DISCHARGE, now: datetime | None = None, hour: int = 9) -> CarePlan:
        anchors = {"birth": self.patient.birth_date, "discharge": discharge}
        now = now or local(discharge, 10)
        return await enrol(
            self.tx, self.patient, load_templates()["neonatal"], anchors=anchors, hour=hour, by="nurse-lin", now=now, zone=ZONE
        )

    async def task_of(self, day: date) -> Task:
        return (await self.tx.scalars(select(Task).where(Task.patient_id == self.patient.id, Task.day == day))).one()

    async def asked(self, day: date, hour: int = 9) -> Task:
        """The day's follow-up, its opening sent."""
        task = await self.task_of(day)
        self.chat.window_from, self.chat.window_used, self.chat.service_state = local(day, hour) - timedelta(hours=10), 0, 1
        assert await sent(self.tx, task, self.chat, next_at=local(day, hour) + timedelta(hours=4), now=local(day, hour))
        return task

    async def understand(self, text: str, context: str | None, now: datetime) -> Understanding:
        facts = await patient_facts(self.tx, self.patient, now=now, zone=ZONE)
        return understand(text, context=context, patient=facts, now=now.astimezone(ZONE))

    async def answers(self, task: Task, text: str, *, now: datetime, message_id: int | None = None) -> Answer:
        """The family writes `text` within the follow-up."""
        question = next_question(task, await template_of(self.tx, task))
        assert question is not None
        self.message += 1
        understanding = await self.understand(text, question.context, now)
        message = message_id or self.message
        return await answer(self.tx, task, self.patient, question, understanding, text=text, message_id=message, now=now, zone=ZONE)

    async def reports(self, text: str, *, now: datetime, message_id: int | None = None) -> Report:
        """The family writes `text` unasked."""
        self.message += 1
        understanding = await self.understand(text, None, now)
        return await report(self.tx, self.patient, understanding, message_id=message_id or self.message, text=text, now=now, zone=ZONE)

    async def weighed(self, *readings: tuple[date, float]) -> None:
        """Earlier weights in kg, believed."""
        for day, kg in readings:
            self.tx.add(
                Observation(
                    patient_id=self.patient.id,
                    code="weight",
                    value=kg,
                    unit="kg",
                    text=f"{kg}kg",
                    effective_at=local(day),
                    recorded_at=local(day),
                )
            )
        await self.tx.flush()

    async def observations(self, code: str = "weight") -> list[tuple[float | None, str]]:
        rows = await self.tx.scalars(select(Observation).where(Observation.code == code).order_by(Observation.id))
        return [(row.value, row.status) for row in rows]


async def make_family(tx: AsyncSession) -> Family:
    team, other = Team(name="新生儿科随访组", phone="010-1"), Team(name="血液科随访组", phone="010-2")
    lin, qin = Staff(userid="nurse-lin", name="林", title="护士"), Staff(userid="nurse-qin", name="秦", title="护士")
    carer = Carer(name="赵", external_userid="wm1", follow_up_hour=9)
    tx.add_all([team, other, lin, qin, carer])
    await tx.flush()
    patient = Patient(
        team_id=team.id, record_number="N1", name="小满", sex="F", birth_date=BIRTH, birth_weight_g=3400, gestational_age_weeks=39
    )
    patient.tags = []
    chat = Chat(open_kfid="wk1", external_userid="wm1", carer_id=carer.id, team_id=team.id, opened_at=local(DISCHARGE))
    tx.add_all([patient, chat, TeamMember(team_id=team.id, staff_id=lin.id), TeamMember(team_id=other.id, staff_id=qin.id)])
    await tx.flush()
    tx.add(PatientCarer(patient_id=patient.id, carer_id=carer.id, relationship="母亲"))
    await tx.flush()
    return Family(tx, team, lin, qin, carer, chat, patient)


@pytest.fixture
async def family(db: Database) -> AsyncIterator[Family]:
    async with db.transaction() as tx:
        yield await make_family(tx)
