"""Patients and what happens to them, for tests of the rules that adapt care."""

from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from plans.adaptation.apply import Adapted, adapt
from plans.adaptation.book import open_book
from plans.adaptation.care import Care
from plans.adaptation.rule import Rule, read_rules
from records.adaptation import AdaptationFiring
from records.database import Database
from records.schema import Carer, Observation, Patient, PatientCarer, Staff, Task, Team, TeamMember

ZONE = ZoneInfo("Asia/Shanghai")
NOW = datetime(2026, 3, 2, 10, tzinfo=ZONE).astimezone(UTC)
UNITS = {"temperature": "Cel", "weight": "kg", "heart_rate": "/min"}
REST = {
    "version": 1, "title": "试用",  "because": "因为试用", "why": "测试而写", "src": "R", "conf": "R", "needs_clinician_review": True,
}  # fmt: skip


def rule(id: str, on: dict[str, Any], *do: dict[str, Any], **said: Any) -> Rule:
    """A rule without examples, which only files need."""
    said = {"if": said.pop("only", None), **said} if "only" in said else said
    fields = {"id": id, "on": on, "do": list(do), **REST, **said}
    return Rule.model_construct(**_validated(fields))


def _validated(fields: dict[str, Any]) -> dict[str, Any]:
    tests = [
        {"name": "触发", "event": {"day": True}, "expect": ["errand rule"]},
        {"name": "不触发", "event": {"day": True}, "expect": []},
    ]
    checked = Rule.model_validate({**fields, "tests": tests})
    return {name: getattr(checked, name) for name in Rule.model_fields}


def of_text(text: str) -> Rule:
    """The only rule of a text."""
    [found] = read_rules(text)
    return found


@dataclass
class Ward:
    """A team with nurse Lin, another with nurse Qin, and children; `now` moves."""

    db: Database
    team: int
    other: int
    now: datetime = NOW

    async def child(self, number: str = "R1", **said: Any) -> int:
        async with self.db.transaction() as tx:
            fields = {"name": "小满", "sex": "F", "birth_date": date(2023, 3, 1), "tags": [], **said}
            patient = Patient(team_id=self.team, record_number=number, **fields)
            carer = Carer(name="赵女士", external_userid=f"wm{number}", follow_up_hour=9)
            tx.add_all([patient, carer])
            await tx.flush()
            tx.add(PatientCarer(patient_id=patient.id, carer_id=carer.id, relationship="母亲"))
            return patient.id

    async def measured(
        self, patient: int, value: float, *, code: str = "temperature", unit: str = "Cel", ago: timedelta = timedelta(0)
    ) -> None:
        at = self.now - ago
        said = {"code": code, "value": value, "unit": UNITS[code], "text": f"{value}", "status": "final"}
        async with self.db.transaction() as tx:
            tx.add(Observation(patient_id=patient, effective_at=at, recorded_at=at, **said))

    async def adapts(self, *rules: Rule) -> Adapted:
        """Rounds until nothing is left to hear."""
        total = Adapted()
        for _ in range(30):
            async with self.db.transaction() as tx:
                book, broken = await open_book(tx, rules, now=self.now, zone=ZONE)
                assert broken == {}
                done = await adapt(tx, book, Care(), now=self.now, zone=ZONE)
            total = total.plus(done)
            if not done.heard:
                return total
        raise AssertionError(f"never at rest: {total}")

    async def firings(self, patient: int) -> list[AdaptationFiring]:
        async with self.db.transaction() as tx:
            chosen = select(AdaptationFiring).where(AdaptationFiring.patient_id == patient).order_by(AdaptationFiring.id)
            rows = list(await tx.scalars(chosen))
            for row in rows:
                tx.expunge(row)
            return rows

    async def open_tasks(self, patient: int) -> list[tuple[str, date]]:
        async with self.db.transaction() as tx:
            chosen = select(Task.step, Task.day).where(Task.patient_id == patient, Task.state == "scheduled").order_by(Task.day)
            return [(step, day) for step, day in await tx.execute(chosen)]


async def ward(tx: AsyncSession) -> tuple[int, int]:
    """The two teams."""
    lin, qin = Staff(userid="linyue", name="林月", title="护士"), Staff(userid="qinlan", name="秦岚", title="护士")
    teams = Team(name="儿内随访组"), Team(name="外科随访组")
    tx.add_all([lin, qin, *teams])
    await tx.flush()
    tx.add_all([TeamMember(team_id=teams[0].id, staff_id=lin.id), TeamMember(team_id=teams[1].id, staff_id=qin.id)])
    return teams[0].id, teams[1].id
