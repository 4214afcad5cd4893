"""A trained model loaded once, and families that talk to it over a real database."""

import gc
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from uuid import uuid4
from zoneinfo import ZoneInfo

import pytest
from sqlalchemy import select

from actions.turn import Turn, understand_about
from bot.dialogue.agent import Dialogue, Reply
from bot.dialogue.train import train
from plans.enrolment import enrol
from plans.follow_up import next_question, template_of
from plans.task import sent
from plans.template import load_templates
from records.care_plan import Task
from records.chat import Chat
from records.database import Database
from records.flag import Flag
from records.message import Inbound
from records.observation import Observation
from records.patient import Carer, Patient, PatientCarer, patients_of
from records.staff import Team

ROOT = Path(__file__).parent.parent.parent
ZONE = ZoneInfo("Asia/Shanghai")
# Nine in the morning in the hospital.
NOW = datetime(2026, 3, 2, 1, 0, tzinfo=UTC)


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """A talk is known by its Chinese title, which pytest would spell in escapes."""
    for item in items:
        if (talk := getattr(getattr(item, "callspec", None), "params", {}).get("talk")) is not None:
            item.name = f"{talk.theme}：{talk.title}"
            item._nodeid = f"{item.parent.nodeid}::{item.name}"


@pytest.fixture(scope="session")
def model() -> Path:
    return train(ROOT, ROOT / "models")


@pytest.fixture(scope="session")
def dialogue(model: Path) -> Dialogue:
    loaded = Dialogue.load(model, clock=lambda: NOW)
    # Millions of objects that stay: the collector need not look through them.
    gc.collect()
    gc.freeze()
    return loaded


@dataclass
class Family:
    """A mother in WeChat, her children, and what she has heard."""

    db: Database
    dialogue: Dialogue
    chat_id: int
    children: list[int]
    now: datetime = NOW
    heard: list[Reply] = field(default_factory=list)
    turn: Turn | None = None

    async def says(self, text: str, menu_id: str | None = None) -> str:
        """One message, answered in one transaction; what the bot said, in one string."""
        async with self.db.transaction() as tx:
            turn = await self.turn_on(tx, text, menu_id)
            self.heard = await self.dialogue.turn(turn)
            await self.dialogue.save(tx)
            self.turn = turn
        self.now += timedelta(minutes=1)
        return self.last

    async def turn_on(self, tx, text: str, menu_id: str | None = None) -> Turn:
        chat = await tx.get_one(Chat, self.chat_id)
        patients = await patients_of(tx, chat.carer_id) if chat.carer_id else []
        message = Inbound(
            chat_id=chat.id, msgid=uuid4().hex, origin=3, msgtype="text", text=text, menu_id=menu_id, body={}, sent_at=self.now,
            received_at=self.now,
        )  # fmt: skip
        tx.add(message)
        await tx.flush()
        named = [patient for patient in patients if patient.name in text]
        patient = patients[0] if len(patients) == 1 else named[0] if len(named) == 1 else None
        patient = patient or next((p for p in patients if p.id == chat.patient_id), None)
        understood = await understand_about(tx, patient, text, now=self.now, zone=ZONE, context=self.last or None)
        return Turn(tx, chat, patients, patient, message, text, understood, understood.triage, self.now, ZONE, notified=True)

    @property
    def last(self) -> str:
        """What was said last, in one string."""
        return "\n".join(reply.text for reply in self.heard)

    @property
    def choices(self) -> dict[str, str]:
        """The choices that were offered: label by menu id."""
        return {menu_id: label for reply in self.heard for menu_id, label in reply.buttons}

    async def is_asked(self) -> str:
        """Today's follow-up of the first child begins; the question."""
        async with self.db.transaction() as tx:
            chat = await tx.get_one(Chat, self.chat_id)
            patient = await tx.get_one(Patient, self.children[0])
            template = load_templates()["neonatal"]
            anchors = {"birth": patient.birth_date, "discharge": date(2026, 2, 27)}
            await enrol(tx, patient, template, anchors=anchors, hour=9, by="nurse-lin", now=self.now - timedelta(days=1), zone=ZONE)
            task = await tx.scalar(select(Task).where(Task.patient_id == patient.id, Task.due_at <= self.now).order_by(Task.due_at.desc()))
            assert task is not None
            await sent(tx, task, chat, next_at=self.now + timedelta(hours=4), now=self.now)
            question = next_question(task, await template_of(tx, task))
            assert question is not None
            await self.dialogue.begin_follow_ups(tx, [(chat, "follow_up")], self.now)
            return question.ask.format(name=patient.name)

    async def task(self) -> Task:
        """The follow-up that was asked for last."""
        async with self.db.transaction() as tx:
            task = await tx.scalar(select(Task).where(Task.chat_id == self.chat_id).order_by(Task.id.desc()))
            assert task is not None
            return task

    async def recorded(self, code: str, child: int = 0) -> list[float | None]:
        """The values of `code` that are on record for a child, oldest first."""
        async with self.db.transaction() as tx:
            rows = await tx.scalars(
                select(Observation.value)
                .where(Observation.patient_id == self.children[child], Observation.code == code)
                .order_by(Observation.id)
            )
            return list(rows)

    async def flags(self) -> list[Flag]:
        """The alerts of this chat."""
        async with self.db.transaction() as tx:
            return list(await tx.scalars(select(Flag).where(Flag.chat_id == self.chat_id)))


@pytest.fixture
async def new_family(db: Database, dialogue: Dialogue) -> AsyncIterator[Callable[..., object]]:
    """Makes families: children as (name, birth date, sex)."""
    made = []

    async def make(*children: tuple[str, date, str]) -> Family:
        async with db.transaction() as tx:
            team = await tx.scalar(select(Team)) or Team(name="新生儿随访组", phone="0571-0000000")
            carer = Carer(name="赵女士", external_userid=f"wm{len(made)}")
            tx.add_all([team, carer])
            await tx.flush()
            patients = [
                Patient(
                    team_id=team.id, record_number=f"R{len(made)}{i}", name=name, sex=sex, birth_date=born, birth_weight_g=3200, tags=[]
                )
                for i, (name, born, sex) in enumerate(children)
            ]
            tx.add_all(patients)
            await tx.flush()
            tx.add_all(PatientCarer(patient_id=patient.id, carer_id=carer.id, relationship="母亲") for patient in patients)
            chat = Chat(open_kfid="wk1", external_userid=f"wm{len(made)}", carer_id=carer.id, team_id=team.id, opened_at=NOW)
            tx.add(chat)
            await tx.flush()
        made.append(chat.id)
        dialogue.forget(chat.id)
        return Family(db, dialogue, chat.id, [patient.id for patient in patients])

    yield make
    for chat_id in made:
        dialogue.forget(chat_id)


@pytest.fixture
async def family(new_family) -> Family:
    """Mother Zhao with one newborn, 安安, ten days old."""
    return await new_family(("安安", date(2026, 2, 20), "F"))


@pytest.fixture
async def two_children(new_family) -> Family:
    """Mother Zhao with 安安, ten days old, and 乐乐, four years old."""
    return await new_family(("安安", date(2026, 2, 20), "F"), ("乐乐", date(2022, 1, 5), "M"))
