"""A month of a small hospital for the reports: made up, believable, and the same each time."""

from datetime import timedelta
from random import Random
from typing import Any

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from records.appointment import Appointment
from records.care_plan import CarePlan
from records.chat import Chat
from records.condition import Condition
from records.consent import Consent
from records.content import ContentItem, ContentVersion
from records.content_read import ContentRead
from records.errand import Errand
from records.flag import Flag
from records.patient import Carer, Patient
from records.patient_index import refresh_index
from records.staff import Staff, Team
from records.state import StateChange
from tests.console.stage import ZONE, Stage
from tests.plans.measures.conftest import APRIL, Hospital, local

CENTRE, LUNGS = "随访中心", "呼吸科"
CONTENTS = {"bath": "给新生儿洗澡", "fever": "发热怎么护理", "feeding": "母乳喂养的姿势", "inhaler": "雾化吸入怎么做"}
OUTCOMES = ("advised", "advised", "advised", "came_in", "sent_to_emergency", "false_alarm", "not_reached")


class Planted(Hospital):
    """Rows that nothing hangs on are written together, at the end."""

    async def add(self, *rows: Any) -> None:
        self.tx.add_all(rows)
        if any(isinstance(row, Patient | Carer | Chat | CarePlan | Flag) for row in rows):
            await self.tx.flush()


async def hospital_of(tx: AsyncSession, stage: Stage, kind: type[Hospital] = Hospital) -> Hospital:
    """The stage's teams, to be given patients; the clock stands in April."""
    stage.now = APRIL
    teams = {team.name: team for team in await tx.scalars(select(Team))}
    lin = await tx.scalar(select(Staff).where(Staff.userid == "linyue"))
    assert lin is not None
    return kind(tx, teams, lin)


async def plant_month(tx: AsyncSession, stage: Stage, patients: int = 20) -> None:
    """February and March of two teams with so many patients each."""
    hospital, rng = await hospital_of(tx, stage, Planted), Random(7)
    await _contents(tx)
    people = {person.userid: person.id for person in await tx.scalars(select(Staff))}
    for team, plan, department, habit, who in (
        (CENTRE, "neonatal", "新生儿科", 0.82, ("linyue", "zhangwei")),
        (LUNGS, "vaccination", "呼吸科", 0.64, ("qinlan",)),
    ):
        for _ in range(patients):
            child = await hospital.patient(team, plan=plan)
            if rng.random() < habit:
                await _on_file(hospital, child)
            for month in (2, 3):
                await _month(hospital, child, rng, month, department, habit - (0.08 if month == 2 else 0))
            if rng.random() < 0.6:
                await _alert(hospital, child, rng, rng.choice(who), people)
        for number in range(26):
            scores: dict[str, int | None] = {item: rng.choice((5, 5, 4, 4, 4, 3)) for item in ("education", "contact", "reminders")}
            await hospital.filled(team, 1 + number, scores, state="started" if number % 4 == 0 else "completed")
    await tx.flush()
    await refresh_index(tx, [each.id for each in hospital.patients], now=APRIL, zone=ZONE)


async def _month(hospital: Hospital, child: Any, rng: Random, month: int, department: str, habit: float) -> None:
    for day in rng.sample(range(1, 28), 5):
        hour, draw = rng.choice((8, 9, 9, 12, 18, 19, 20)), rng.random()
        if draw < habit + (0.1 if hour >= 18 else 0):
            task = await hospital.task(child, day, "done", month=month, hour=hour)
            task.closed_at = task.due_at + timedelta(hours=rng.choice((0.2, 0.5, 2, 3.5)))
        else:
            state = rng.choice(("missed", "missed", "partial", "undeliverable"))
            await hospital.task(child, day, state, month=month, hour=hour)
    if rng.random() < 0.7:
        day = rng.randint(1, 27)
        status = "fulfilled" if rng.random() < habit else "booked"
        await hospital.add(
            Appointment(
                patient_id=child.id, department=department, starts_at=local(day, month=month), status=status, source="his",
                source_id=f"a{child.id}-{month}", updated_at=APRIL, said_at={},
            )
        )  # fmt: skip
    if rng.random() < 0.6:
        await hospital.visit(child, rng.randint(2, 27), month=month, department=department)
    for _ in range(rng.randint(1, 4)):
        draw = rng.random()
        intent = "nlu_fallback" if draw < 0.07 else "correct_report" if draw < 0.1 else rng.choice(("report", "ask_question"))
        level = rng.choice(("routine",) * 9 + ("same_day", "urgent"))
        outcome = {"answer": "dialogue", "triage": level, "read": {"intent": intent, "confidence": 0.9}}
        day = rng.randint(1, 28)
        await hospital.writes(child, day, rng.randint(8, 21), rng.randint(0, 59), month=month, outcome=outcome)
        if draw > 0.85:
            chat = hospital.chats[child.id]
            await hospital.add(
                StateChange(entity="chat", entity_id=chat.id, old="bot", new="human", at=local(day, 22, month=month), by="linyue")
            )
    for _ in range(2):
        at, opened = local(rng.randint(1, 28), month=month), rng.random() < 0.7
        row = ContentRead(
            chat_id=hospital.chats[child.id].id, patient_id=child.id, article=rng.choice(list(CONTENTS)), version=1, how="push", at=at,
            opened_at=at if opened else None, finished_at=at if opened and rng.random() < 0.6 else None,
            useful=rng.random() < 0.85 if opened and rng.random() < 0.5 else None,
        )  # fmt: skip
        await hospital.add(row)


async def _on_file(hospital: Hospital, child: Any) -> None:
    """What a complete record needs beside a plan and a carer."""
    given = {"source": "his", "source_id": f"c{child.id}", "updated_at": APRIL, "said_at": {}, "recorded_at": APRIL}
    said = {"answer": "given", "text_version": "1", "relationship": "母亲", "by": "family", "at": local(1, month=2)}
    await hospital.add(
        Condition(patient_id=child.id, text="早产", status="active", **given),
        Consent(patient_id=child.id, external_userid=hospital.chats[child.id].external_userid, **said),
    )


async def _alert(hospital: Hospital, child: Any, rng: Random, who: str, people: dict[str, int]) -> None:
    level = rng.choice(("emergency", "urgent", "urgent", "same_day", "same_day", "same_day"))
    longest = {"emergency": 4, "urgent": 45, "same_day": 400}[level]
    taken = rng.uniform(0.3, longest)
    is_open = rng.random() < 0.1
    raised = local(rng.randint(1, 28), rng.randint(8, 18))
    flag = await hospital.alert(child, level, raised, taken=taken, closed=None if is_open else taken + rng.uniform(5, 240))
    flag.owner_id, flag.outcome = people[who], None if is_open else rng.choice(OUTCOMES)
    if level == "same_day":
        closed = raised + timedelta(hours=5)
        await hospital.add(
            Errand(
                key=f"e{child.id}", patient_id=child.id, team_id=child.team_id, kind="by_hand", text="打电话", because="没有送达",
                owner_id=people[who], raised_at=raised, state="done", closed_at=closed,
            )
        )  # fmt: skip


async def _contents(tx: AsyncSession) -> None:
    for code, title in CONTENTS.items():
        item = ContentItem(code=code, kind="article", at=local(1, month=1), by="zhangwei")
        tx.add(item)
        await tx.flush()
        tx.add(
            ContentVersion(
                content_id=item.id, version=1, state="published", title=title, definition={}, tags=[], reading_level=1, source="本院",
                author="zhangwei", editors=[], reviewer=None, reviewed_at=None, review_by=local(1, month=9).date(),
                published_at=local(1, month=1), expires_at=None, created_at=local(1, month=1), shipped=None,
            )
        )  # fmt: skip
