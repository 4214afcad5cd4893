"""Demo data on the sandbox's first start: two teams, four families, newborns on a plan, two of them not yet bound to anybody."""

from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import yaml
from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from plans.enrolment import enrol
from plans.template import load_templates
from records.encounter import Encounter
from records.patient import Carer, Patient, PatientCarer
from records.retag import ask_retag
from records.role import Role, StaffRole
from records.staff import OnCall, Staff, Team, TeamMember
from records.wecom import KfAccount

# Of families who have not said yet when they want to be asked.
FOLLOW_UP_HOUR = 9


def demo_people() -> dict[str, Any]:
    """The people of demo.yml."""
    loaded: dict[str, Any] = yaml.safe_load(Path(__file__).with_name("demo.yml").read_text("utf-8"))
    return loaded


async def plant(tx: AsyncSession, now: datetime, zone: ZoneInfo) -> bool:
    """Write the demo data into an empty database; False when there are teams already."""
    if await tx.scalar(select(Team.id).limit(1)) is not None:
        return False
    people, today = demo_people(), now.astimezone(zone).date()
    for number, described in enumerate(people["teams"]):
        team = Team(name=described["name"], phone=described["phone"])
        tx.add(team)
        await tx.flush()
        for account in described["accounts"]:
            tx.add(KfAccount(open_kfid=account, name=people["hospital"], team_id=team.id))
        for person in described["staff"]:
            staff = Staff(userid=person["userid"], name=person["name"], title=person["title"])
            tx.add(staff)
            await tx.flush()
            tx.add(TeamMember(team_id=team.id, staff_id=staff.id))
            if "tier" in person:
                tx.add(OnCall(team_id=team.id, staff_id=staff.id, tier=person["tier"]))
            await _give(tx, staff, person, team)
        if number == 0:
            first_team = team
    for person in people["others"]:
        staff = Staff(userid=person["userid"], name=person["name"], title=person["title"])
        tx.add(staff)
        await tx.flush()
        await _give(tx, staff, person, None)
    for described in people["carers"]:
        carer = Carer(name=described["nickname"], external_userid=described["external_userid"], follow_up_hour=described["hour"])
        tx.add(carer)
        await tx.flush()
        for child in described["patients"]:
            patient = await _child(tx, child, first_team, today, now, zone, hour=carer.follow_up_hour)
            tx.add(PatientCarer(patient_id=patient.id, carer_id=carer.id, relationship=described["role"]))
    for child in people["discharged_unbound"]:
        await _child(tx, child, first_team, today, now, zone, hour=FOLLOW_UP_HOUR)
    return True


async def _give(tx: AsyncSession, staff: Staff, person: dict[str, Any], team: Team | None) -> None:
    if "role" in person:
        role = (await tx.scalars(select(Role.id).where(Role.code == person["role"]))).one()
        tx.add(StaffRole(staff_id=staff.id, role_id=role, team_id=team.id if team is not None else None))


async def _child(tx: AsyncSession, child: dict[str, Any], team: Team, today: date, now: datetime, zone: ZoneInfo, *, hour: int) -> Patient:
    born = today - timedelta(days=child["days"])
    patient = Patient(
        team_id=team.id,
        record_number=child["record_number"],
        name=child["name"],
        sex=child["sex"],
        birth_date=born,
        birth_weight_g=child.get("birth_weight_g"),
        gestational_age_weeks=child.get("weeks"),
        tags=child.get("tags", []),
        phones=[child["phone"]] if "phone" in child else [],
    )
    tx.add(patient)
    await tx.flush()
    await ask_retag(tx, [patient.id], now)
    if "discharged" in child:
        left = now - timedelta(days=child["discharged"])
        tx.add(
            Encounter(patient_id=patient.id, kind="inpatient", department="新生儿科", started_at=left - timedelta(days=3), ended_at=left)
        )
    if "plan" in child:
        template = load_templates()[child["plan"]]
        anchors = {"birth": born, "discharge": today - timedelta(days=child["discharged"])}
        await enrol(tx, patient, template, anchors=anchors, hour=hour, by="demo", now=now, zone=zone)
    return patient
