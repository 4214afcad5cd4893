"""What the sandbox page asks the running product: people, desk, work list, and the clock that can be moved."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from http import HTTPStatus
from typing import Any
from zoneinfo import ZoneInfo

from aiohttp import ClientSession
from sqlalchemy import select

from bot.cards import age_text
from bot.clock import Clock
from bot.demo import demo_people
from bot.links import SCENE
from plans.invitation import standing_token
from plans.work_list import work_list
from records.database import Database
from records.patient import Carer, Patient, PatientCarer
from records.staff import Staff, Team, TeamMember
from records.wecom import KfAccount

# So many parents and children fit on the page.
SHOWN = 60
# The page's kinds of work for those of plans/work_list.py; all others are follow-ups that want a nurse.
KINDS = {"flag": "alert", "undeliverable": "route_failed"}


class SimulatorControl:
    """The simulators' control APIs, as this process reaches them: WeCom's at `base_url`, WeChat's (if it runs) at `weixin_url`; `others`
    are further ones that have a clock."""

    def __init__(self, session: ClientSession, base_url: str, weixin_url: str | None = None, others: Sequence[str] = ()) -> None:
        self._session, self._base_url, self._weixin_url = session, base_url, weixin_url
        self._clocks = [base_url, *([weixin_url] if weixin_url else []), *others]

    async def set_clock(self, moment: datetime) -> None:
        """Put the simulators' clocks to `moment`."""
        for url in self._clocks:
            async with self._session.post(f"{url}/sim/clock", json={"set": moment.isoformat()}) as answer:
                answer.raise_for_status()

    async def introduce(self, carers: list[dict[str, Any]]) -> None:
        """Make the demo parents known to the simulated WeChat, as followers of the hospital's account; those it knows already stay as they
        are."""
        for carer in carers:
            customer = {name: carer[name] for name in ("external_userid", "nickname", "gender")}
            customer["unionid"] = unionid = f"u-{carer['external_userid']}"
            await self._unless_known(f"{self._base_url}/sim/customers", customer)
            if self._weixin_url and await self._unless_known(
                f"{self._weixin_url}/sim/people", {"unionid": unionid, "name": carer["nickname"]}
            ):
                await self._unless_known(f"{self._weixin_url}/sim/follow", {"unionid": unionid})

    async def _unless_known(self, url: str, body: dict[str, Any]) -> bool:
        async with self._session.post(url, json=body) as answer:
            if answer.status == HTTPStatus.CONFLICT:
                return False
            answer.raise_for_status()
            return True


class Backend:
    """A SandboxBackend (console/sandbox.py) over the real database."""

    def __init__(self, db: Database, clock: Clock, zone: ZoneInfo, simulator: SimulatorControl) -> None:
        self._db, self._clock, self._zone, self._simulator = db, clock, zone, simulator

    async def people(self) -> list[dict[str, Any]]:
        """The demo parents, and who has been bound since, with their children as the database has them now."""
        known = {each["external_userid"]: each for each in demo_people()["carers"]}
        notes = {child["record_number"]: child.get("note", "") for each in known.values() for child in each["patients"]}
        today = self._clock().astimezone(self._zone).date()
        async with self._db.transaction() as tx:
            account = await tx.scalar(select(KfAccount.open_kfid).order_by(KfAccount.open_kfid).limit(1))
            rows = await tx.execute(
                select(Carer, Patient, PatientCarer.relationship)
                .join(PatientCarer, PatientCarer.carer_id == Carer.id)
                .join(Patient, Patient.id == PatientCarer.patient_id)
                .where(Carer.external_userid.is_not(None))
                .order_by(Carer.id, Patient.id)
                .limit(SHOWN)
            )
            people: dict[int, dict[str, Any]] = {}
            for carer, patient, relationship in rows:
                person = people.setdefault(
                    carer.id,
                    {
                        "external_userid": carer.external_userid,
                        "nickname": carer.name,
                        "role": known[carer.external_userid]["role"] if carer.external_userid in known else relationship,
                        "open_kfid": account,
                        "patients": [],
                    },
                )
                person["patients"].append(
                    {
                        "name": patient.name,
                        "sex": patient.sex,
                        "age_text": age_text((today - patient.birth_date).days),
                        "note": notes.get(patient.record_number, ""),
                    }
                )
        return list(people.values())

    async def sheets(self) -> list[dict[str, Any]]:
        """The discharge sheets that a newcomer may hold, each with a link that is not used up."""
        numbers = [child["record_number"] for child in demo_people()["discharged_unbound"]]
        async with self._db.transaction() as tx:
            patients = await tx.scalars(select(Patient).where(Patient.record_number.in_(numbers)).order_by(Patient.id))
            return [
                {
                    "name": patient.name,
                    "record_number": patient.record_number,
                    "birth_date": patient.birth_date.isoformat(),
                    "phone": next(iter(patient.phones), ""),
                    "scene": SCENE,
                    "scene_param": await standing_token(tx, patient, by="sandbox", now=self._clock()),
                }
                for patient in patients.all()
            ]

    async def desk(self) -> list[dict[str, Any]]:
        """The clinicians who can be played."""
        async with self._db.transaction() as tx:
            rows = await tx.execute(
                select(Staff, Team.name)
                .join(TeamMember, TeamMember.staff_id == Staff.id)
                .join(Team, Team.id == TeamMember.team_id)
                .order_by(Team.id, Staff.id)
            )
            return [{"userid": staff.userid, "name": staff.name, "title": staff.title, "team": team} for staff, team in rows]

    async def work_list(self, userid: str) -> list[dict[str, Any]]:
        """The clinician's open work."""
        async with self._db.transaction() as tx:
            staff = await tx.scalar(select(Staff).where(Staff.userid == userid))
            if staff is None:
                return []
            items = await work_list(tx, staff, self._clock())
        return [
            {
                "kind": KINDS.get(item.kind, "missed_task"),
                "level": item.level,
                "patient": item.name,
                "text": item.text,
                "at": item.at.isoformat(),
                "state": item.kind,
            }
            for item in items
        ]

    async def now(self) -> datetime:
        """The sandbox's time."""
        return self._clock()

    async def advance(self, seconds: float) -> datetime:
        """Move the clock of the simulator and of every process forward."""
        await self._clock.store(self._db, self._clock.offset + timedelta(seconds=seconds))
        await self._simulator.set_clock(self._clock())
        return self._clock()
