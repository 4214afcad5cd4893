"""A family whose messages take the whole road: triage, whoever is in charge, the dialogue, the outbox; and time that passes."""

from datetime import datetime, timedelta
from typing import Any
from uuid import uuid4

from sqlalchemy import select

from bot.dialogue.agent import Reply
from bot.drain import Drain
from bot.follow_up import FollowUps
from bot.handover import HUMAN, handed_over
from bot.kf_events import CUSTOMER, ENDED, EVENT, SERVICER
from bot.reach import Means
from bot.turn import Answer, TurnTaker
from plans.enrolment import enrol
from plans.family import due_families
from plans.schedule import useful_until
from plans.template import load_templates
from records.care_plan import CarePlan, Task
from records.chat import Chat
from records.message import Inbound, Outbound
from records.patient import Patient
from records.staff import OnCall, Staff, TeamMember
from tests.dialogue.conftest import NOW, ZONE, Family

EMERGENCY, HOSPITAL = "120", "示范儿童医院"
# Following a plan for a month means a task a day, each with an opening, a reminder and an end.
MOST_DUE = 200


class Road:
    """`family` in WeChat. What the dialogue raises is raised here; `said` is what came in answer to the last step."""

    def __init__(self, family: Family) -> None:
        self.family = family
        turns = self._turns = _LoudTurns(family.dialogue, ZONE, emergency_phone=EMERGENCY)
        self._drain = Drain(family.db, turns, _delivered, self.clock, emergency_phone=EMERGENCY, hospital=HOSPITAL, means=Means(ZONE))
        self._follow_ups = FollowUps(family.db, turns, self.clock, Means(ZONE))
        self._seen = 0
        self.failures: list[BaseException] = []
        turns.failures = self.failures
        self.said: list[Reply] = []
        self.offered: dict[str, str] = {}
        self.handled: list[tuple[str, dict[str, Any]]] = []

    def breaks(self) -> None:
        """From now on the dialogue fails, and nobody minds."""
        self._turns.talker = _Broken()
        self._turns.failures = []

    def is_mended(self) -> None:
        """The dialogue works again."""
        self._turns.talker, self._turns.failures = self.family.dialogue, self.failures

    def clock(self) -> datetime:
        """What time it is for everybody."""
        return self.family.now

    @property
    def words(self) -> str:
        """What was said in answer to the last step, with the choices."""
        return "\n".join("\n".join([reply.text, *(f"【{label}】" for _, label in reply.buttons)]) for reply in self.said)

    async def says(self, *texts: str, menu_id: str | None = None) -> str:
        """One text, or several that came before anybody looked; what was said."""
        return await self.sends(*({"msgtype": "text", "text": text, "menu_id": menu_id} for text in texts))

    async def sends(self, *messages: dict[str, Any], origin: int = CUSTOMER) -> str:
        """Messages of any kind, as rows of `inbound`; what was said."""
        ids = []
        async with self.family.db.transaction() as tx:
            for message in messages:
                row = Inbound(
                    chat_id=self.family.chat_id,
                    msgid=uuid4().hex,
                    origin=origin,
                    sent_at=self.family.now,
                    received_at=self.family.now,
                    **{"text": None, "menu_id": None, "body": {}} | message,
                )
                tx.add(row)
                await tx.flush()
                ids.append(row.id)
        await self._drain.drain(str(self.family.chat_id))
        if self.failures:
            raise self.failures[0]
        await self._hear()
        async with self.family.db.transaction() as tx:
            rows = await tx.scalars(select(Inbound).where(Inbound.id.in_(ids)).order_by(Inbound.id))
            self.handled = [(row.state, row.outcome) for row in rows]
        self.family.now += timedelta(minutes=1)
        return self.words

    async def taps(self, label: str) -> str:
        """A choice that was offered at any time; what was said. Raises KeyError when it never was."""
        return await self.says(label, menu_id=self.offered[label])

    async def event(self, msgtype: str, **event: Any) -> str:
        """A system event of WeCom; what was said."""
        return await self.sends({"msgtype": msgtype, "body": {"event": event}}, origin=EVENT)

    async def enters(self, scene_param: str | None = None) -> str:
        """The family opens the chat, perhaps by a link."""
        link = {"scene_param": scene_param} if scene_param else {}
        return await self.event("enter_session", welcome_code=uuid4().hex, **link)

    async def nurse_takes(self) -> None:
        """WeCom has given the chat to the nurse."""
        async with self.family.db.transaction() as tx:
            chat = await tx.get_one(Chat, self.family.chat_id)
            nurse = await tx.scalar(select(Staff).order_by(Staff.id).limit(1))
            await handed_over(tx, chat, service_state=HUMAN, owner=nurse, now=self.family.now, reason="asked")

    async def nurse_says(self, text: str) -> str:
        """The nurse writes in the chat."""
        return await self.sends({"msgtype": "text", "text": text, "body": {"servicer_userid": "linyue"}}, origin=SERVICER)

    async def nurse_ends(self) -> str:
        """The nurse ends the session."""
        return await self.event("session_status_change", change_type=ENDED, old_servicer_userid="linyue")

    async def passes(self, time: timedelta) -> str:
        """Time goes by, and what falls due in it happens at its moment; what was said meanwhile."""
        until = self.family.now + time
        for _ in range(MOST_DUE):
            due = await self._next_due()
            if due is None or due > until:
                break
            self.family.now = max(self.family.now, due)
            async with self.family.db.transaction() as tx:
                lanes = {key.lane for key in await due_families(tx, self.family.now, most=10)}
            for lane in lanes:
                await self._follow_ups.run_lane(str(lane))
        self.family.now = until
        await self._hear()
        return self.words

    async def is_on_plan(self, *, child: int = 0) -> None:
        """A child is on the newborns' plan as of today's first hour."""
        async with self.family.db.transaction() as tx:
            chat = await tx.get_one(Chat, self.family.chat_id)
            chat.window_from = self.family.now
            patient = await tx.get_one(Patient, self.family.children[child])
            midnight = self.family.now.astimezone(ZONE).replace(hour=0, minute=1)
            anchors = {"birth": patient.birth_date, "discharge": NOW.date() - timedelta(days=3)}
            await enrol(tx, patient, load_templates()["neonatal"], anchors=anchors, hour=9, by="linyue", now=midnight, zone=ZONE)

    async def falls_due(self, template_id: str, step_id: str, *, child: int = 0) -> None:
        """A step of a shipped plan is due now for a child; its plan begins today."""
        now = self.family.now
        async with self.family.db.transaction() as tx:
            chat = await tx.get_one(Chat, self.family.chat_id)
            chat.window_from = chat.window_from or now
            patient = await tx.get_one(Patient, self.family.children[child])
            template, day = load_templates()[template_id], now.astimezone(ZONE).date()
            mine = select(CarePlan).where(CarePlan.patient_id == patient.id, CarePlan.template == template_id)
            plan = await tx.scalar(mine) or CarePlan(
                patient_id=patient.id, template=template_id, template_version=template.version, anchors={}, state="active",
                created_at=now, created_by="linyue",
            )  # fmt: skip
            tx.add(plan)
            await tx.flush()
            until = useful_until(template.step(step_id), now, day, ZONE)
            tx.add(Task(care_plan_id=plan.id, patient_id=patient.id, step=step_id, day=day, due_at=now, useful_until=until))

    async def has_nurse(self) -> None:
        """林月 is on call."""
        async with self.family.db.transaction() as tx:
            chat = await tx.get_one(Chat, self.family.chat_id)
            nurse = await tx.scalar(select(Staff).where(Staff.userid == "linyue"))
            if nurse is None:
                nurse = Staff(userid="linyue", name="林月", title="护士")
                tx.add(nurse)
                await tx.flush()
                tx.add_all([TeamMember(team_id=chat.team_id, staff_id=nurse.id), OnCall(team_id=chat.team_id, staff_id=nurse.id, tier=1)])

    async def chat(self) -> Chat:
        """The chat as it is now."""
        async with self.family.db.transaction() as tx:
            return await tx.get_one(Chat, self.family.chat_id)

    async def _next_due(self) -> datetime | None:
        async with self.family.db.transaction() as tx:
            tasks = await tx.scalars(select(Task).where(Task.patient_id.in_(self.family.children), Task.closed_at.is_(None)))
            moments = [task.next_at or (task.due_at if task.state == "scheduled" else None) for task in tasks]
        return min((moment for moment in moments if moment is not None), default=None)

    async def _hear(self) -> None:
        async with self.family.db.transaction() as tx:
            new = select(Outbound).where(Outbound.chat_id == self.family.chat_id, Outbound.seq > self._seen).order_by(Outbound.seq)
            rows = list(await tx.scalars(new))
        self._seen = max([self._seen, *(row.seq for row in rows)])
        self.said = [_heard(row.payload) for row in rows if row.route in ("kf", "kf_event")]
        for reply in self.said:
            self.offered |= {label: key for key, label in reply.buttons}


class _LoudTurns(TurnTaker):
    """Turns whose failures the road remembers: the service would answer a family that something is wrong, and go on."""

    failures: list[BaseException]

    async def take(self, *args: Any, **kwargs: Any) -> Answer:
        try:
            return await super().take(*args, **kwargs)
        except Exception as err:
            self.failures.append(err.__cause__ or err)
            raise


class _Broken:
    """A dialogue in which nothing works."""

    async def turn(self, turn: Any) -> Any:
        raise RuntimeError

    async def prepare(self, *_: Any) -> None:
        """Nothing."""

    save = prepare

    def forget(self, chat_id: int) -> None:
        """Nothing."""


async def _delivered(line: str) -> None:
    """The outbox is read by the test; nothing is sent."""


def _heard(body: dict[str, Any]) -> Reply:
    if "text" in body:
        return Reply(str(body["text"]["content"]))
    menu = body["msgmenu"]
    clicks = [item["click"] for item in menu["list"] if "click" in item]
    return Reply(menu.get("head_content", ""), tuple((click["id"], click["content"]) for click in clicks))
