"""Xiaoman of mother Zhao, born at 32 weeks; nurse Lin on the team, nurse Qin in another one."""

from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from sqlalchemy.ext.asyncio import AsyncSession

from records.database import Database
from records.schema import (
    CarePlan,
    Carer,
    Chat,
    Condition,
    Encounter,
    Flag,
    Inbound,
    LabResult,
    MedicationRequest,
    Observation,
    Patient,
    PatientCarer,
    PatientTag,
    Staff,
    Tag,
    TagEvidence,
    Task,
    Team,
    TeamMember,
)
from tagging.portrait.portrait import Portrait, portrait

ZONE = ZoneInfo("Asia/Shanghai")
NOW = datetime(2026, 11, 30, 2, 0, tzinfo=UTC)
BIRTH = date(2026, 6, 1)


@dataclass
class Ward:
    """A team, its child, and what is on file, inside one transaction."""

    tx: AsyncSession
    team: Team
    other: Team
    lin: Staff
    qin: Staff
    child: Patient
    carer: Carer
    chat: Chat
    number: int = 0

    async def seen_by(self, staff: Staff) -> Portrait:
        await self.tx.flush()
        return await portrait(self.tx, staff, self.child.id, now=NOW, zone=ZONE)

    def measured(self, code: str, value: float | None, days_ago: float, *, text: str | None = None, **detail: str) -> None:
        at = NOW - timedelta(days=days_ago)
        self.tx.add(
            Observation(
                patient_id=self.child.id, code=code, value=value, unit=None, text=text, effective_at=at, recorded_at=at, detail=detail
            )
        )  # fmt: skip

    def resulted(
        self, item: str, text: str, *, source: str = "lis", unit: str = "mmol/L", released: bool = True, flag: str | None = None
    ) -> None:
        self.number += 1
        at = NOW - timedelta(days=2)
        self.tx.add(
            LabResult(
                patient_id=self.child.id, source=source, source_id=str(self.number), updated_at=at, report="生化", item=item, text=text,
                unit=unit, flag=flag, collected_at=at, released_at=at if released else None,
            )
        )  # fmt: skip

    async def tagged(self, code: str, *, team: Team | None = None, shared: bool = True, reasons: int = 1, state: str = "active") -> None:
        tag = Tag(
            code=code, name=f"名{code}", kind="management", team_id=team.id if team else None, shared=shared, meaning="x", updated_at=NOW
        )
        self.tx.add(tag)
        await self.tx.flush()
        row = PatientTag(
            patient_id=self.child.id, tag_id=tag.id, state=state, source="rule", author="r", since=NOW - timedelta(days=9), evidence_at=NOW
        )
        self.tx.add(row)
        await self.tx.flush()
        for n in range(reasons):
            at = NOW - timedelta(days=n)
            self.tx.add(
                TagEvidence(patient_tag_id=row.id, source="rule", rule="r1", rule_version=2, because=f"理由{n}", at=at, recorded_at=at)
            )


@pytest.fixture
async def ward(db: Database) -> AsyncIterator[Ward]:
    async with db.transaction() as tx:
        team, other = Team(name="新生儿科"), Team(name="风湿免疫科")
        lin, qin = Staff(userid="nurse-lin", name="林护士", title="护士"), Staff(userid="nurse-qin", name="秦护士", title="护士")
        tx.add_all([team, other, lin, qin])
        await tx.flush()
        tx.add_all([TeamMember(team_id=team.id, staff_id=lin.id), TeamMember(team_id=other.id, staff_id=qin.id)])
        child = Patient(
            team_id=team.id, record_number="A1", name="小满", sex="F", birth_date=BIRTH, birth_weight_g=1600, gestational_age_weeks=32,
            tags=["preterm"], phones=["13800000000"],
        )  # fmt: skip
        carer = Carer(name="赵女士", external_userid="wm1")
        tx.add_all([child, carer])
        await tx.flush()
        tx.add(PatientCarer(patient_id=child.id, carer_id=carer.id, relationship="母亲"))
        chat = Chat(open_kfid="k", external_userid="wm1", carer_id=carer.id, patient_id=child.id, team_id=team.id, opened_at=NOW)
        tx.add(chat)
        await tx.flush()
        yield Ward(tx, team, other, lin, qin, child, carer, chat)


async def furnish(ward: Ward, *, times: int = 1) -> None:
    """A course of some months, `times` over."""
    child = ward.child.id
    for n in range(times):
        ward.measured("weight", 3.0 + n / 1000, 100)
        ward.measured("weight", 6.0, 1 + n / 100)
        ward.measured("height", 62.0, 1 + n / 100)
        ward.measured("temperature", 37.9, 0.1 + n / 1000)
        ward.measured("cough", None, 1 + n / 100, text="咳嗽", status="present", when="now")
        ward.resulted("钾", "4.1")
        at = NOW - timedelta(days=60 + n)
        ward.tx.add_all(
            [
                Condition(patient_id=child, source="his", source_id=f"c{n}", updated_at=at, text="早产儿", icd10="P07.3", recorded_at=at),
                Encounter(patient_id=child, kind="inpatient", department="新生儿科", started_at=at - timedelta(days=20), ended_at=at),
                Flag(
                    patient_id=child, team_id=ward.team.id, level="urgent", category=f"fever{n}", said="烧了", because="体温 37.9",
                    state="closed", raised_at=at, closed_at=at + timedelta(hours=1), outcome="called",
                ),
                Inbound(
                    chat_id=ward.chat.id, msgid=f"m{n}", origin=3, msgtype="voice", text=None, body={}, state="done", received_at=NOW,
                    sent_at=NOW - timedelta(days=n, hours=3),
                ),
            ]
        )  # fmt: skip
    plan = CarePlan(
        patient_id=child, template="neonatal", template_version=1, anchors={}, created_at=NOW - timedelta(days=90), created_by="x"
    )
    ward.tx.add(plan)
    await ward.tx.flush()
    for n in range(times * 3):
        day, past = NOW.date() + timedelta(days=2 - n), n > 2
        closed = NOW - timedelta(days=n) if past else None
        state = "done" if past else "scheduled"
        ward.tx.add(
            Task(
                care_plan_id=plan.id, patient_id=child, step="weight", day=day,
                due_at=NOW + timedelta(days=2 - n), useful_until=NOW + timedelta(days=3 - n),
                state=state, closed_at=closed,
            )
        )  # fmt: skip
    ward.tx.add(
        MedicationRequest(
            patient_id=child, source="his", source_id="m1", updated_at=NOW, name="左乙拉西坦口服液", dose="1毫升", frequency="每日两次",
            starts_on=NOW.date() - timedelta(days=20),
        )
    )  # fmt: skip
    await ward.tx.flush()
