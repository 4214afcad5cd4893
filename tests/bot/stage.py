"""The whole loop in one process for tests: simulated WeCom, gateway, worker's handlers on the real engine, a real database."""

import asyncio
import random
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, nullcontext
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import aiohttp
from sqlalchemy import select, text
from sqlalchemy.dialects.postgresql import insert

from bot.app import Core, wecom_client
from bot.clock import Clock
from bot.jobs import Engine
from bot.ocr import OcrProcess
from bot.pictures import Reader
from bot.private import free_port, listening
from bot.process import end
from bot.push import PushPorts
from bot.settings import Settings, WecomSettings
from bot.sweep import sweep
from bot.turn import Talker, TurnTaker
from bot.web import gateway_app
from bot.worker import compose
from integrations.speech.port import Recogniser
from integrations.wecom.simulator import SimClock, create_app, demo_config
from integrations.wecom.simulator.control_http import SIMULATOR
from integrations.wecom.simulator.simulator import Simulator
from plans.enrolment import enrol
from plans.reach.purpose import PROACTIVE
from plans.template import load_templates
from records.database import Database
from records.flag import Flag
from records.patient import Carer, Patient, PatientCarer
from records.sending import sending
from records.setting import Setting
from records.staff import OnCall, Staff, Team, TeamMember
from records.wecom import KfAccount
from tests.bot.channels import Channels

ZONE = ZoneInfo("Asia/Shanghai")
ACCOUNT = "wkSimulatedChildrensHospital01"
MORNING = datetime(2026, 3, 2, 9, 30, tzinfo=ZONE).astimezone(UTC)


@dataclass
class Stage:
    """Everything a scenario needs; `settle` waits until nothing is left to do."""

    db: Database
    session: aiohttp.ClientSession
    simulator_url: str
    gateway_url: str
    media: Path
    simulator: Simulator
    sim_clock: SimClock
    clock: Clock
    turns: TurnTaker
    client: Any
    handlers: Any
    team: int = 0
    channels: Channels | None = None
    ports: PushPorts = field(default_factory=PushPorts)
    _customers: dict[str, str] = field(default_factory=dict)

    async def control(self, method: str, path: str, /, **body: Any) -> Any:
        async with self.session.request(method, f"{self.simulator_url}/sim/{path}", json=body or None) as answer:
            assert answer.status < 300, await answer.text()
            return await answer.json()

    async def family(self, nickname: str, *children: dict[str, Any], hour: int = 9) -> "Family":
        """A carer known to the hospital, with these children."""
        user = f"wm{nickname}"
        await self.control("POST", "customers", nickname=nickname, external_userid=user)
        async with self.db.transaction() as tx:
            carer = Carer(name=nickname, external_userid=user, follow_up_hour=hour)
            tx.add(carer)
            await tx.flush()
            patients = []
            for number, child in enumerate(children):
                patient = Patient(
                    team_id=self.team,
                    record_number=f"R-{nickname}-{number}",
                    name=child["name"],
                    sex="F",
                    birth_date=self.today() - timedelta(days=child["days"]),
                    birth_weight_g=child.get("birth_weight_g"),
                    gestational_age_weeks=child.get("weeks"),
                    tags=child.get("tags", []),
                )
                tx.add(patient)
                await tx.flush()
                tx.add(PatientCarer(patient_id=patient.id, carer_id=carer.id, relationship="母亲"))
                patients.append(patient.id)
        return Family(self, user, patients)

    async def stranger(self, nickname: str) -> "Family":
        """Somebody in WeChat whom the hospital does not know."""
        user = f"wm{nickname}"
        await self.control("POST", "customers", nickname=nickname, external_userid=user)
        return Family(self, user, [])

    def today(self) -> date:
        return self.clock().astimezone(ZONE).date()

    async def enrol(self, patient_id: int, *, discharged_days_ago: int = 1, hour: int = 9) -> None:
        async with self.db.transaction() as tx:
            patient = await tx.get_one(Patient, patient_id)
            anchors = {"birth": patient.birth_date, "discharge": self.today() - timedelta(days=discharged_days_ago)}
            await enrol(tx, patient, load_templates()["neonatal"], anchors=anchors, hour=hour, by="test", now=self.clock(), zone=ZONE)

    async def move(self, by: timedelta) -> None:
        """Move all clocks, then do what is due."""
        self.clock.offset += by
        self.sim_clock.offset = self.clock.offset.total_seconds()
        await self.settle()

    async def settle(self, seconds: float = 20) -> None:
        """Until no message, callback, job or due work is left. Fails when it takes longer than `seconds`."""
        made: dict[str, int] = {}
        try:
            async with asyncio.timeout(seconds):
                quiet = 0
                while quiet < 2:
                    await self.simulator.callbacks.idle()
                    if self.channels is not None:
                        await self.channels.idle()
                    # Looking for more while jobs are at work would only take the processor from them.
                    while await self._jobs():  # noqa: ASYNC110 - they are the database's
                        await asyncio.sleep(0.01)
                    made = await sweep(self.db, self.clock)
                    quiet = quiet + 1 if not made and await self._idle() else 0
        except TimeoutError:
            ledger = await self.ledger()
            async with self.db.transaction() as tx:
                jobs = (await tx.execute(text("select task_name, args, status, lock, attempts from procrastinate_jobs"))).all()
            raise AssertionError(f"never at rest: the last sweep made {made}; jobs: {jobs}; refused calls: {ledger['rejected']}") from None

    async def _jobs(self) -> bool:
        async with self.db.transaction() as tx:
            return bool(await tx.scalar(text("select exists (select from procrastinate_jobs where status in ('todo', 'doing'))")))

    async def _idle(self) -> bool:
        waiting = text("""
            select exists (select from procrastinate_jobs where status in ('todo', 'doing'))
                or exists (select from inbound where state = 'new') or exists (select from callback_event where handled_at is null)
                or exists (select from outbound where state in ('queued', 'sending') and not_before <= :now
                           and error is distinct from 'window_closed'
                           and not (:held and purpose = any(:begun)))
        """)
        async with self.db.transaction() as tx:
            held = (await sending(tx)).waits
            return not await tx.scalar(waiting, {"now": self.clock(), "held": held, "begun": sorted(PROACTIVE)})

    async def flags(self) -> list[Flag]:
        async with self.db.transaction() as tx:
            return list(await tx.scalars(select(Flag).order_by(Flag.id)))

    async def cards(self, userid: str) -> list[dict[str, Any]]:
        """The cards on a clinician's phone, oldest first, as they look now."""
        found: list[dict[str, Any]] = await self.control("GET", f"members/{userid}/messages")
        return [message for message in found if message["msgtype"] == "template_card"]

    async def click(self, userid: str, card: dict[str, Any], key: str, **selected: list[str]) -> None:
        body: dict[str, Any] = {"key": key}
        if selected:
            body["selected"] = selected
        await self.control("POST", f"members/{userid}/cards/{card['task_id']}/click", **body)
        await self.settle()

    async def ledger(self) -> dict[str, Any]:
        return dict(await self.control("GET", "ledger"))


@dataclass
class Family:
    """One carer's phone."""

    stage: Stage
    user: str
    patients: list[int]

    @property
    def path(self) -> str:
        return f"chats/{ACCOUNT}/{self.user}"

    async def says(self, *texts: str, menu_id: str | None = None) -> None:
        """Send texts one after the other, then wait until all is done."""
        for said in texts:
            content: dict[str, Any] = {"content": said}
            if menu_id is not None:
                content["menu_id"] = menu_id
            await self.stage.control("POST", f"{self.path}/say", msgtype="text", text=content)
        await self.stage.settle()

    async def sends(self, msgtype: str, **body: Any) -> None:
        await self.stage.control("POST", f"{self.path}/say", msgtype=msgtype, **{msgtype: body})
        await self.stage.settle()

    async def enters(self) -> None:
        await self.stage.control("POST", f"{self.path}/enter")
        await self.stage.settle()

    async def chat(self) -> dict[str, Any]:
        return dict(await self.stage.control("GET", self.path))

    async def hears(self) -> list[str]:
        """Everything the bot has said here."""
        return [_words(message) for message in (await self.chat())["messages"] if message["from"] == "bot"]

    async def last(self) -> str:
        heard = await self.hears()
        assert heard, "the bot has said nothing"
        return heard[-1]


async def _no_time(_: float) -> None:
    """The client's pause between two tries: what waits for longer is moved by the clock."""


def _words(message: dict[str, Any]) -> str:
    body = message[message["msgtype"]]
    return str(body.get("content") or body.get("head_content") or "")


@asynccontextmanager
async def open_stage(
    db: Database,
    talker: Talker | None,
    data: Path,
    *,
    at: datetime = MORNING,
    on_call: bool = True,
    patience: float = 5.0,
    reader: Reader | None = None,
    ears: Recogniser | None = None,
    ports: PushPorts | None = None,
    push: bool = False,
    at_work: bool = True,
) -> AsyncIterator[Stage]:
    """A stage at the moment `at`, with nurse 林悦 (tier 1) and doctor 何敏 (tier 2) on call and nurse 秦岚 in another team.

    `patience` (s) is how long the client waits for an answer of the simulator; `reader` reads pictures instead of the real process; `ears`
    hear voice messages, which nobody does without; `ports` are the push channels; with `push` they are simulated ones, which run too.
    Unless `at_work`, nobody takes the jobs.
    """
    clock, sim_clock = Clock(), SimClock()
    clock.offset = at - datetime.now(UTC)
    sim_clock.offset = clock.offset.total_seconds()
    gateway_port, simulator_port = free_port(), free_port()
    config = demo_config(f"http://127.0.0.1:{gateway_port}/wecom/callback")
    channels = Channels(free_port(), gateway_port, sim_clock) if push else None
    settings = Settings(
        data_dir=data, wecom=WecomSettings(base_url=f"http://127.0.0.1:{simulator_port}"), **(channels.settings() if channels else {})
    )
    async with db.transaction() as tx:
        team, other = Team(name="新生儿随访组", phone="010-5555-0101"), Team(name="血液肿瘤随访组", phone=None)
        tx.add_all([team, other])
        await tx.flush()
        people = [("linyue", "林悦", team, 1), ("hemin", "何敏", team, 2), ("qinlan", "秦岚", other, 1)]
        for userid, name, where, tier in people:
            staff = Staff(userid=userid, name=name, title="护士")
            tx.add(staff)
            await tx.flush()
            tx.add(TeamMember(team_id=where.id, staff_id=staff.id))
            if on_call:
                tx.add(OnCall(team_id=where.id, staff_id=staff.id, tier=tier))
        tx.add(KfAccount(open_kfid=ACCOUNT, name="儿童医院随访", team_id=team.id))
        await tx.execute(insert(Setting).values(name="clock", value={"offset": clock.offset.total_seconds()}))
    core = Core(settings, db, clock)
    simulated = create_app(config, clock=sim_clock, rng=random.Random(7))
    async with (
        listening(simulated, simulator_port),
        listening(gateway_app(core), gateway_port),
        aiohttp.ClientSession() as session,
        wecom_client(core, sleep=_no_time, patience=patience) as client,
        channels.open(core, _no_time) if channels else nullcontext(ports or PushPorts()) as ports,
    ):
        turns = TurnTaker(talker, ZONE, emergency_phone="120", hears=ears is not None, pages=settings.pages)
        ocr = OcrProcess()
        handlers = compose(core, client, turns, reader or ocr, ears, ports)
        engine = asyncio.create_task(Engine(db.url, handlers, concurrency=8).run() if at_work else asyncio.sleep(0))
        try:
            yield Stage(
                db=db,
                session=session,
                simulator_url=f"http://127.0.0.1:{simulator_port}",
                gateway_url=f"http://127.0.0.1:{gateway_port}",
                media=data / "media",
                simulator=simulated[SIMULATOR],
                sim_clock=sim_clock,
                clock=clock,
                turns=turns,
                client=client,
                handlers=handlers,
                team=team.id,
                channels=channels,
                ports=ports,
            )
        finally:
            if engine.done():
                engine.result()
            await end([engine], patience=2)
            await ocr.close()
