"""A small hospital whose rates can be worked out by hand: two teams, each with a few patients, in March 2026."""

from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from sqlalchemy.ext.asyncio import AsyncSession

from plans.measures.measure import Result
from plans.measures.period import Period
from plans.measures.report import Report, report
from plans.measures.scope import WHOLE_HOSPITAL, ReportScope
from records.database import Database
from records.patient_index import refresh_index
from records.schema import (
    CarePlan,
    Carer,
    Chat,
    Encounter,
    Flag,
    Inbound,
    MedicationRequest,
    Patient,
    PatientCarer,
    QuestionnaireResponse,
    Staff,
    StateChange,
    Task,
    Team,
    TeamMember,
)

ZONE = ZoneInfo("Asia/Shanghai")
MARCH = Period(date(2026, 3, 1), date(2026, 3, 31), ZONE)
APRIL = datetime(2026, 4, 10, tzinfo=UTC)
NEONATAL, BLOOD = "新生儿科随访组", "血液科随访组"


def local(day: int, hour: int = 9, minute: int = 0, month: int = 3) -> datetime:
    """A moment of the hospital's 2026, in UTC."""
    return datetime(2026, month, day, hour, minute, tzinfo=ZONE).astimezone(UTC)


@dataclass
class Hospital:
    tx: AsyncSession
    teams: dict[str, Team]
    lin: Staff
    patients: list[Patient] = field(default_factory=list)
    plans: dict[int, CarePlan] = field(default_factory=dict)
    chats: dict[int, Chat] = field(default_factory=dict)
    number: int = 0

    async def patient(
        self, team: str = NEONATAL, *, plan: str | None = "neonatal", since: datetime | None = None, **values: Any
    ) -> Patient:
        """A patient of the team with a carer and a chat, on a plan since February."""
        self.number += 1
        n = self.number
        given = {"sex": "F", "birth_date": date(2026, 1, 1), "tags": [], **values}
        patient = Patient(team_id=self.teams[team].id, record_number=f"N{n}", name=f"宝宝{n}", **given)
        carer = Carer(name=f"家长{n}", external_userid=f"wm{n}")
        await self.add(patient, carer)
        chat = Chat(
            open_kfid="wk1",
            external_userid=f"wm{n}",
            carer_id=carer.id,
            patient_id=patient.id,
            team_id=patient.team_id,
            opened_at=local(1, month=2),
        )
        await self.add(chat, PatientCarer(patient_id=patient.id, carer_id=carer.id, relationship="母亲"))
        self.chats[patient.id] = chat
        if plan is not None:
            row = CarePlan(
                patient_id=patient.id,
                template=plan,
                template_version=1,
                anchors={"birth": "2026-01-01"},
                created_at=since or local(1, month=2),
                created_by="lin",
            )
            await self.add(row)
            self.plans[patient.id] = row
        self.patients.append(patient)
        return patient

    async def add(self, *rows: Any) -> None:
        self.tx.add_all(rows)
        await self.tx.flush()

    async def task(
        self,
        patient: Patient,
        day: int,
        state: str,
        *,
        outcome: str | None = None,
        answered_after: float | None = None,
        hour: int = 9,
        step: str = "weight",
        month: int = 3,
    ) -> Task:
        """A follow-up of that day that came to `state`; the family first answered after so many hours."""
        due = local(day, hour, month=month)
        ends = local(day, 23, month=month)
        over = state not in ("scheduled", "sent", "reminded", "started")
        answered = due + timedelta(hours=answered_after) if answered_after is not None else None
        row = Task(
            care_plan_id=self.plans[patient.id].id,
            patient_id=patient.id,
            step=step,
            day=date(2026, month, day),
            due_at=due,
            useful_until=ends,
            state=state,
            answers={},
            sent_at=None if state in ("scheduled", "undeliverable") else due,
            closed_at=(answered if state in ("done", "declined") and answered else ends) if over else None,
            outcome=outcome,
        )
        await self.add(row)
        if answered is not None:
            new = "started" if state in ("partial", "missed", "started") else state
            await self.add(StateChange(entity="task", entity_id=row.id, old="sent", new=new, at=answered, by="family"))
        return row

    async def writes(
        self,
        patient: Patient,
        day: int,
        hour: int = 10,
        minute: int = 0,
        *,
        origin: int = 3,
        month: int = 3,
        outcome: dict[str, Any] | None = None,
    ) -> None:
        """A message in the patient's chat; origin 3 is the family, 5 a clinician."""
        self.number += 1
        at = local(day, hour, minute, month=month)
        chat = self.chats[patient.id]
        values = {"msgid": f"m{self.number}", "origin": origin, "msgtype": "text", "text": "好", "body": {}, "outcome": outcome or {}}
        await self.add(Inbound(chat_id=chat.id, sent_at=at, received_at=at, state="done", **values))

    async def visit(
        self, patient: Patient, day: int, *, kind: str = "outpatient", days: int = 0, department: str = "新生儿科", month: int = 3
    ) -> None:
        """A visit of that day, or a stay that ended `days` later."""
        begin, end = local(day, 8, month=month), local(day, 11, month=month) + timedelta(days=days)
        await self.add(
            Encounter(patient_id=patient.id, kind=kind, department=department, state="finished", started_at=begin, ended_at=end, said_at={})
        )

    async def filled(
        self,
        team: str,
        day: int,
        answers: dict[str, int | None],
        *,
        state: str = "completed",
        score: float | None = None,
        questionnaire: str = "satisfaction",
        patient: Patient | None = None,
    ) -> None:
        """A questionnaire that a family filled in, or did not."""
        row = QuestionnaireResponse(
            questionnaire=questionnaire,
            version=1,
            team_id=self.teams[team].id,
            patient_id=patient.id if patient else None,
            state=state,
            answers={item: {"value": value, "at": ""} for item, value in answers.items()},
            score=score,
            created_by="system",
            created_at=local(day),
            completed_at=local(day, 10) if state == "completed" else None,
        )
        await self.add(row)

    async def prescribed(self, patient: Patient, name: str, first: date, last: date, status: str = "active") -> None:
        """A prescription from `first` to `last`."""
        self.number += 1
        given = {"source": "his", "source_id": f"rx{self.number}", "updated_at": APRIL, "said_at": {}}
        await self.add(MedicationRequest(patient_id=patient.id, name=name, starts_on=first, ends_on=last, status=status, times=[], **given))

    async def alert(
        self, patient: Patient, level: str, raised: datetime, *, taken: float | None = None, closed: float | None = None
    ) -> Flag:
        """An alert that was taken and closed so many minutes after it was raised."""
        after = lambda minutes: None if minutes is None else raised + timedelta(minutes=minutes)  # noqa: E731
        row = Flag(
            chat_id=self.chats[patient.id].id,
            patient_id=patient.id,
            team_id=patient.team_id,
            level=level,
            category=f"c{self.number}",
            said="…",
            because="…",
            state="closed" if closed is not None else "raised",
            raised_at=raised,
            acknowledged_at=after(taken),
            closed_at=after(closed),
        )
        self.number += 1
        await self.add(row)
        return row

    async def report(
        self,
        *measures: str,
        by: Sequence[str] = (),
        period: Period = MARCH,
        scope: ReportScope = WHOLE_HOSPITAL,
        now: datetime = APRIL,
        only: Mapping[str, str] | None = None,
    ) -> Report:
        await self.tx.flush()
        await refresh_index(self.tx, [each.id for each in self.patients], now=now, zone=ZONE)
        return await report(self.tx, period, scope, now=now, by=by, measures=measures, only=only)

    async def total(self, measure: str, **how: Any) -> Result:
        """The figure of all together."""
        return next(each for each in (await self.report(measure, **how)).results if not each.group)

    async def of(self, measure: str, **how: Any) -> tuple[float, float]:
        """Numerator and denominator of all together."""
        result = await self.total(measure, **how)
        return result.numerator, result.denominator


@pytest.fixture
async def hospital(db: Database) -> AsyncIterator[Hospital]:
    async with db.transaction() as tx:
        teams = {name: Team(name=name) for name in (NEONATAL, BLOOD)}
        lin = Staff(userid="nurse-lin", name="林", title="护士")
        tx.add_all([*teams.values(), lin])
        await tx.flush()
        tx.add(TeamMember(team_id=teams[NEONATAL].id, staff_id=lin.id))
        await tx.flush()
        yield Hospital(tx, teams, lin)
