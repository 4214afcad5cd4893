"""Invented families in a throw-away database."""

from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from rich.console import Console
from rich.progress import Progress
from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from bot.synthetic.plant import Planting, plant_hospital
from records.chat import Chat
from records.database import Database
from records.patient import Carer, Patient, PatientCarer
from records.staff import OnCall, Staff, Team, TeamMember
from records.wecom import KfAccount

# A week old and well: their numbers raise no alert.
AGE, BIRTH_WEIGHT_G, WEEKS = timedelta(days=9), 3300, 39


async def plant_team(tx: AsyncSession, accounts: list[str], *, member: str = "linyue") -> int:
    """A team with one clinician on call and its service accounts; the team's id."""
    team, staff = Team(name="bench", phone="010-5555-0101"), Staff(userid=member, name="bench", title="nurse")
    tx.add_all([team, staff])
    await tx.flush()
    tx.add_all([TeamMember(team_id=team.id, staff_id=staff.id), OnCall(team_id=team.id, staff_id=staff.id, tier=1)])
    tx.add_all([KfAccount(open_kfid=account, name=account, team_id=team.id) for account in accounts])
    await tx.flush()
    return team.id


async def plant_families(tx: AsyncSession, count: int, *, prefix: str, now: datetime, zone: ZoneInfo) -> list[Carer]:
    """`count` carers, each with one child in the first team; WeChat knows them as PREFIX0000 and so on."""
    team = (await tx.scalars(select(Team.id).order_by(Team.id).limit(1))).one()
    born = (now - AGE).astimezone(zone).date()
    carers = [Carer(name=f"{prefix}{number}", external_userid=f"{prefix}{number:04d}") for number in range(count)]
    patients = [
        Patient(
            team_id=team,
            record_number=f"{prefix}{number:04d}",
            name=f"Child {number}",
            sex="F",
            birth_date=born,
            birth_weight_g=BIRTH_WEIGHT_G,
            gestational_age_weeks=WEEKS,
        )
        for number in range(count)
    ]
    tx.add_all([*carers, *patients])
    await tx.flush()
    pairs = zip(carers, patients, strict=True)
    tx.add_all([PatientCarer(patient_id=patient.id, carer_id=carer.id, relationship="mother") for carer, patient in pairs])
    return carers


async def plant_chats(tx: AsyncSession, count: int, *, prefix: str, now: datetime, zone: ZoneInfo) -> list[int]:
    """Families as above, each with a chat of its own; the chats' ids."""
    account, team = (await tx.execute(select(KfAccount.open_kfid, KfAccount.team_id).limit(1))).one()
    carers = await plant_families(tx, count, prefix=prefix, now=now, zone=zone)
    chats = [
        Chat(open_kfid=account, external_userid=carer.external_userid or "", carer_id=carer.id, team_id=team, opened_at=now)
        for carer in carers
    ]
    tx.add_all(chats)
    await tx.flush()
    return [chat.id for chat in chats]


async def plant_synthetic(db: Database, size: int, now: datetime, zone: ZoneInfo) -> None:
    """A synthetic hospital of `size` patients and a year, in an empty database; how far it is shows on a terminal. Raises SeedRefused."""
    with Progress(console=Console(stderr=True), transient=True, refresh_per_second=1) as bar:
        task = bar.add_task("", total=1.0)
        planting = Planting(size, 365, 1, now, zone)
        await plant_hospital(db, planting, lambda step, share: bar.update(task, description=f"{size} {step}", completed=share))
