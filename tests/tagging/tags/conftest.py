"""Xiaoman and Doudou on team 新生儿随访组, and what is said about them."""

from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from records.database import Database
from records.patient import Patient
from records.staff import Staff, Team, TeamMember
from records.tag import PatientTag, Tag, TagChange
from tagging.tags.evidence import Evidence

ZONE = ZoneInfo("Asia/Shanghai")
NOW = datetime(2026, 3, 1, 2, tzinfo=UTC)


def his(at: datetime = NOW, ref_id: int = 1, rule: str = "icd10", **given: Any) -> Evidence:
    """A diagnosis as the hospital's system has it."""
    said = {"source": "his", "because": "诊断：支气管哮喘", "ref_kind": "condition", "confidence": 0.95}
    return Evidence(at=at, ref_id=ref_id, rule=rule, **{**said, **given})


def told(at: datetime = NOW, ref_id: int = 1, **given: Any) -> Evidence:
    """What the family wrote."""
    said = {"source": "chat", "because": "「有哮喘」", "ref_kind": "inbound", "confidence": 0.6, "rule": "told"}
    return Evidence(at=at, ref_id=ref_id, **{**said, **given})


def ruled(at: datetime = NOW, ref_id: int = 1, rule: str = "phq_mild", **given: Any) -> Evidence:
    """What a rule of ours found."""
    return Evidence(at=at, ref_id=ref_id, rule=rule, **{"source": "rule", "because": "PHQ-9 7分", "ref_kind": "patient", **given})


@dataclass
class Ward:
    """Two children, nurse Lin on their team, nurse Qin on another."""

    team: Team
    lin: Staff
    qin: Staff
    xiaoman: int
    doudou: int


@pytest.fixture
async def ward(db: Database) -> Ward:
    async with db.transaction() as tx:
        team, other = Team(name="新生儿随访组"), Team(name="血液肿瘤随访组")
        lin, qin = Staff(userid="linyue", name="林悦", title="护士"), Staff(userid="qinlan", name="秦岚", title="护士")
        tx.add_all([team, other, lin, qin])
        await tx.flush()
        tx.add_all([TeamMember(team_id=team.id, staff_id=lin.id), TeamMember(team_id=other.id, staff_id=qin.id)])
        born = date(2025, 8, 1)
        children = [
            Patient(team_id=team.id, record_number=f"D{n}", name=name, birth_date=born, sex="F") for n, name in enumerate(("小满", "豆豆"))
        ]
        tx.add_all(children)
        await tx.flush()
        return Ward(team, lin, qin, children[0].id, children[1].id)


async def held(tx: AsyncSession, patient_id: int) -> dict[str, str]:
    """The open tags of a patient with their state."""
    rows = await tx.execute(
        select(Tag.code, PatientTag.state)
        .join(Tag, Tag.id == PatientTag.tag_id)
        .where(PatientTag.patient_id == patient_id, PatientTag.until.is_(None))
    )
    return dict(rows.all())


async def changes(tx: AsyncSession, patient_id: int) -> list[tuple[str, bool]]:
    """What the cohorts hear about the patient, in order."""
    rows = await tx.execute(
        select(Tag.code, TagChange.carried)
        .join(Tag, Tag.id == TagChange.tag_id)
        .where(TagChange.patient_id == patient_id)
        .order_by(TagChange.id)
    )
    return list(rows.all())


def days(count: float) -> timedelta:
    return timedelta(days=count)
