"""Putting people on file by hand, until hospital data comes in: clinicians with their on-call tier, patients with carer and plan."""

from dataclasses import dataclass
from datetime import date, datetime
from zoneinfo import ZoneInfo

from sqlalchemy import select, update
from sqlalchemy.ext.asyncio import AsyncSession

from plans.enrolment import enrol
from plans.template import load_templates
from records.chat import Chat
from records.patient import Carer, Patient, PatientCarer
from records.staff import OnCall, Staff, Team, TeamMember


class RegistryError(Exception):
    """What was given cannot be put on file; the text says why."""

    code, permanent = "registry", True


@dataclass(frozen=True)
class NewPatient:
    """A patient as the command line gives him; dates are the hospital's calendar days."""

    record_number: str
    name: str
    born: date
    discharged: date
    sex: str | None
    birth_weight_g: float | None
    weeks: int | None
    carer_userid: str
    carer_name: str
    relationship: str
    hour: int
    team: str
    plan: str


async def register_staff(tx: AsyncSession, userid: str, name: str, *, title: str, team: str, phone: str | None, tier: int | None) -> None:
    """Put a clinician on file, or bring the entry up to date; the team is made when it is new. `tier` None takes him off call."""
    where = await tx.scalar(select(Team).where(Team.name == team))
    if where is None:
        where = Team(name=team, phone=phone)
        tx.add(where)
    elif phone is not None:
        where.phone = phone
    staff = await tx.scalar(select(Staff).where(Staff.userid == userid))
    if staff is None:
        staff = Staff(userid=userid, name=name, title=title)
        tx.add(staff)
    staff.name, staff.title, staff.active = name, title, True
    await tx.flush()
    if await tx.get(TeamMember, (where.id, staff.id)) is None:
        tx.add(TeamMember(team_id=where.id, staff_id=staff.id))
    for duty in await tx.scalars(select(OnCall).where(OnCall.team_id == where.id, OnCall.staff_id == staff.id)):
        await tx.delete(duty)
    if tier is not None:
        tx.add(OnCall(team_id=where.id, staff_id=staff.id, tier=tier))


async def register_patient(tx: AsyncSession, new: NewPatient, *, now: datetime, zone: ZoneInfo) -> int:
    """Put a patient and his carer on file and on the plan; the number of the plan.

    Raises RegistryError (unknown team or plan, record number taken) and EnrolmentError (dates or weight missing or absurd).
    """
    team = await tx.scalar(select(Team).where(Team.name == new.team))
    if team is None:
        raise RegistryError(f"There is no team {new.team!r}; `careloop staff` makes one.")
    templates = load_templates()
    if new.plan not in templates:
        raise RegistryError(f"There is no plan {new.plan!r}; there are: {', '.join(sorted(templates))}.")
    if await tx.scalar(select(Patient.id).where(Patient.record_number == new.record_number)) is not None:
        raise RegistryError(f"Record number {new.record_number!r} is on file already.")
    carer = await tx.scalar(select(Carer).where(Carer.external_userid == new.carer_userid))
    if carer is None:
        carer = Carer(name=new.carer_name, external_userid=new.carer_userid, follow_up_hour=new.hour)
        tx.add(carer)
    patient = Patient(
        team_id=team.id,
        record_number=new.record_number,
        name=new.name,
        sex=new.sex,
        birth_date=new.born,
        birth_weight_g=new.birth_weight_g,
        gestational_age_weeks=new.weeks,
        tags=["preterm"] if new.weeks is not None and new.weeks < 37 else [],
    )
    tx.add(patient)
    await tx.flush()
    tx.add(PatientCarer(patient_id=patient.id, carer_id=carer.id, relationship=new.relationship))
    # A chat that began before the family was on file is theirs from now on.
    await tx.execute(
        update(Chat).where(Chat.external_userid == new.carer_userid, Chat.carer_id.is_(None)).values(carer_id=carer.id, team_id=team.id)
    )
    anchors = {"birth": new.born, "discharge": new.discharged}
    plan = await enrol(tx, patient, templates[new.plan], anchors=anchors, hour=new.hour, by="command line", now=now, zone=zone)
    return plan.id
