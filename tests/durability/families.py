"""Fifty families in two teams, and what they say."""

import asyncio
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from random import Random
from typing import Any

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from bot.outbox import HELD
from plans.template import load_templates
from records.care_plan import CarePlan, Task
from records.chat import Chat
from records.message import Outbound
from records.patient import Carer, Patient, PatientCarer
from records.staff import OnCall, Staff, Team, TeamMember
from records.wecom import KfAccount
from tests.durability.hospital import ZONE, Hospital

FAMILIES = 50
TASKS_EACH = 4
ACCOUNTS = ("wkSimulatedChildrensHospital01", "wkSecondAccountOfTheHospital0001")
# Tier 1 and 2 of each team; all are members and servicers of the simulated corp.
TEAMS = (("新生儿随访组", "linyue", "hemin"), ("早产儿随访组", "qinlan", "suyang"))

ORDINARY = ("今天挺好的", "谢谢", "你好", "可以洗澡吗", "怎么喂奶比较好", "今天有什么要做的", "1", "👶🏻❤️", "晚上睡得不错", "多久复查一次")
SYMPTOMS = ("宝宝有点咳嗽", "流鼻涕了", "拉肚子两次", "有点吐奶", "鼻子有点塞", "没发烧，就是有点咳嗽")
RED_FLAGS = ("刚才抽搐了两分钟", "叫不醒了，嘴唇发紫", "发烧38.6度", "呼吸很快，喘不上气", "拉了带血的大便")
HUMAN = "转人工"
# How often each kind is said; a person is asked for by one family in each team, see `storm`.
MIX = ((ORDINARY, 50), (SYMPTOMS, 20), (RED_FLAGS, 10), (None, 20))


@dataclass
class Family:
    """One carer's phone. `said` is what WeCom took, in order: (message id, text)."""

    number: int
    user: str
    account: str
    said: list[tuple[str, str]] = field(default_factory=list)
    lock: asyncio.Lock = field(default_factory=asyncio.Lock)

    async def says(self, hospital: Hospital, *texts: str) -> None:
        for words in texts:
            await self.sends(hospital, "text", {"content": words})

    async def sends(self, hospital: Hospital, msgtype: str, body: dict[str, Any]) -> None:
        async with self.lock:
            answer = await hospital.control("POST", f"chats/{self.account}/{self.user}/say", **{"msgtype": msgtype, msgtype: body})
            self.said.append((answer["msgid"], body.get("content", msgtype)))

    def answers(self, rng: Random) -> str:
        """Today's weight, or the feeding: what the follow-up asks for."""
        if rng.random() < 0.5:
            return f"今天{3.45 + 0.01 * len(self.said):.2f}公斤"
        return f"吃了{rng.randint(7, 10)}次，每次{rng.randint(5, 9)}0毫升，尿布湿了{rng.randint(6, 9)}片"

    def picks(self, rng: Random) -> str:
        """Anything that a family says."""
        (kind,) = rng.choices([kind for kind, _ in MIX], [weight for _, weight in MIX])
        return self.answers(rng) if kind is None else rng.choice(kind)


def families() -> list[Family]:
    return [Family(number, f"wmDurable{number:04d}", ACCOUNTS[number % 2]) for number in range(FAMILIES)]


def total(everybody: list[Family]) -> int:
    return sum(len(family.said) for family in everybody)


async def introduce(hospital: Hospital, everybody: list[Family]) -> None:
    """Make the second account and the families known to WeCom."""
    servicers: list[Any] = [person for _, *people in TEAMS for person in people]
    await hospital.control("POST", "accounts", name="早产儿随访", open_kfid=ACCOUNTS[1], servicers=servicers)
    for family in everybody:
        await hospital.control("POST", "customers", nickname=f"家长{family.number}", external_userid=family.user)


async def plant(tx: AsyncSession, now: datetime) -> None:
    """Teams on call, accounts, carers with a newborn each, who is on a plan without tasks as yet."""
    born = now.astimezone(ZONE).date() - timedelta(days=12)
    teams = []
    for account, (name, *people) in zip(ACCOUNTS, TEAMS, strict=True):
        team = Team(name=name, phone="010-5555-0101")
        tx.add(team)
        await tx.flush()
        teams.append(team.id)
        tx.add(KfAccount(open_kfid=account, name=name, team_id=team.id))
        for tier, userid in enumerate(people, 1):
            staff = Staff(userid=userid, name=userid, title="护士")
            tx.add(staff)
            await tx.flush()
            tx.add_all([TeamMember(team_id=team.id, staff_id=staff.id), OnCall(team_id=team.id, staff_id=staff.id, tier=tier)])
    for family in families():
        carer = Carer(name=f"家长{family.number}", external_userid=family.user)
        patient = Patient(
            team_id=teams[family.number % 2],
            record_number=f"R{family.number:04d}",
            name=f"宝宝{family.number}",
            sex="F",
            birth_date=born,
            birth_weight_g=3200,
            gestational_age_weeks=39,
        )
        tx.add_all([carer, patient])
        await tx.flush()
        tx.add(PatientCarer(patient_id=patient.id, carer_id=carer.id, relationship="母亲"))
        tx.add(
            CarePlan(
                patient_id=patient.id,
                template="neonatal",
                template_version=load_templates()["neonatal"].version,
                anchors={"birth": born.isoformat(), "discharge": (born + timedelta(days=3)).isoformat()},
                created_at=now,
                created_by="durability",
                # The follow-ups are those of the test: none are planned on.
                planned_until=date.max,
            )
        )


async def plan_tasks(tx: AsyncSession, now: datetime) -> int:
    """`TASKS_EACH` follow-ups for every plan, all due now and useful for two days; how many."""
    plans = list(await tx.scalars(select(CarePlan).order_by(CarePlan.id)))
    today = now.astimezone(ZONE).date()
    for plan in plans:
        for number in range(TASKS_EACH):
            tx.add(
                Task(
                    care_plan_id=plan.id,
                    patient_id=plan.patient_id,
                    step="weight_and_feeding",
                    day=today + timedelta(days=number),
                    due_at=now,
                    useful_until=now + timedelta(days=2),
                )
            )
    return len(plans) * TASKS_EACH


async def talking(hospital: Hospital, everybody: list[Family], rng: Random, messages: int) -> None:
    """So many messages of families picked at random, a few of them writing at once."""
    lines = [(rng.choice(everybody), rng.random() / 5) for _ in range(messages)]
    for family, pause in lines:
        await family.says(hospital, family.picks(rng))
        if rng.random() < 0.5:
            await asyncio.sleep(pause)


async def held(tx: AsyncSession) -> set[str]:
    """The families for whom a message waits until they write."""
    rows = select(Chat.external_userid).join(Outbound, Outbound.chat_id == Chat.id)
    return set(await tx.scalars(rows.where(Outbound.error == HELD, Outbound.state == "queued")))


async def end_human_sessions(hospital: Hospital, everybody: list[Family]) -> None:
    """Clinicians give the chats back to the bot."""
    for family in everybody:
        chat = await hospital.control("GET", f"chats/{family.account}/{family.user}")
        if chat["service_state"] == 3:
            await hospital.control("POST", f"chats/{family.account}/{family.user}/servicer", userid=chat["servicer_userid"], act="end")


async def close_alerts(hospital: Hospital) -> None:
    """Nurses tap 已处理 on every card that still has its buttons."""
    for _, *people in TEAMS:
        for userid in people:
            for message in await hospital.control("GET", f"members/{userid}/messages"):
                card = message.get("template_card", {})
                if any(button.get("key") == "close" for button in card.get("button_list", [])):
                    await hospital.control("POST", f"members/{userid}/cards/{message['task_id']}/click", key="close")


async def farewell(hospital: Hospital, everybody: list[Family]) -> None:
    """What waits for a family's word gets it: one word opens the window for five messages."""
    await end_human_sessions(hospital, everybody)
    for _ in range(5):
        if not (waiting := await hospital.ask(held)):
            break
        await asyncio.gather(*(family.says(hospital, "还有吗") for family in everybody if family.user in waiting))
        await hospital.settle(total(everybody))
