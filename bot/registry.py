"""Putting people on file by hand, until hospital data comes in: clinicians with their on-call tier, patients with carer and plan."""

from dataclasses import dataclass
from datetime import date, datetime
from zoneinfo import ZoneInfo

from sqlalchemy import select, update
from sqlalchemy.ext.asyncio import AsyncSession

from plans.carers import note
from plans.definition import newest_templates
from plans.enrolment import enrol
from plans.invitation import signing_key
from plans.privacy import ON_PAPER, record
from records.chat import Chat
from records.erasure import erased_under
from records.patient import Carer, Patient, PatientCarer
from records.patient_identifier import RECORD_NUMBER
from records.staff import OnCall, Staff, Team, TeamMember

BY = "command line"


class RegistryError(Exception):
    """What was given cannot be put on file; the text says why."""

    code, permanent = "registry", True


async def clinician(tx: AsyncSession, userid: str) -> Staff:
    """The clinician of this userid. Raises RegistryError where there is none."""
    staff: Staff | None = await tx.scalar(select(Staff).where(Staff.userid == userid))
    if staff is None:
        raise RegistryError(f"There is no clinician {userid!r}; `careloop staff` puts one on file.")
    return staff


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
    carer_userid: str | None
    carer_name: str
    relationship: str
    hour: int | None
    team: str
    plan: str
    phones: tuple[str, ...] = ()


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
    """Put a patient on file and on the plan; the number of the plan. A carer who is given has consented on paper; without one the family
    is bound later, by the link on its sheet or by record number, birth date and phone.

    Raises RegistryError (unknown team or plan, record number taken) and EnrolmentError (dates or weight missing or absurd).
    """
    team = await tx.scalar(select(Team).where(Team.name == new.team))
    if team is None:
        raise RegistryError(f"There is no team {new.team!r}; `careloop staff` makes one.")
    templates = await newest_templates(tx)
    if new.plan not in templates:
        raise RegistryError(f"There is no plan {new.plan!r}; there are: {', '.join(sorted(templates))}.")
    if await tx.scalar(select(Patient.id).where(Patient.record_number == new.record_number)) is not None:
        raise RegistryError(f"Record number {new.record_number!r} is on file already.")
    if await erased_under(tx, await signing_key(tx), [(RECORD_NUMBER, new.record_number)]) is not None:
        raise RegistryError(f"Record number {new.record_number!r} was erased on the family's request; lift that in the console first.")
    patient = Patient(
        team_id=team.id,
        record_number=new.record_number,
        name=new.name,
        sex=new.sex,
        birth_date=new.born,
        birth_weight_g=new.birth_weight_g,
        gestational_age_weeks=new.weeks,
        tags=["preterm"] if new.weeks is not None and new.weeks < 37 else [],
        phones=list(new.phones),
    )
    tx.add(patient)
    await tx.flush()
    if new.carer_userid is not None:
        await _carer(tx, patient, new, now)
    anchors = {"birth": new.born, "discharge": new.discharged}
    plan = await enrol(tx, patient, templates[new.plan], anchors=anchors, hour=new.hour, by=BY, now=now, zone=zone)
    return plan.id


async def _carer(tx: AsyncSession, patient: Patient, new: NewPatient, now: datetime) -> None:
    """The carer whose account is known, bound at once; a chat that began before is his from now on."""
    carer = await tx.scalar(select(Carer).where(Carer.external_userid == new.carer_userid))
    if carer is None:
        carer = Carer(name=new.carer_name, external_userid=new.carer_userid)
        if new.hour is not None:
            carer.follow_up_hour, carer.hour_chosen_at = new.hour, now
        tx.add(carer)
        await tx.flush()
    tx.add(PatientCarer(patient_id=patient.id, carer_id=carer.id, relationship=new.relationship))
    note(tx, patient.id, "bound", by=BY, now=now, carer=carer.id, relationship=new.relationship, primary=True)
    record(
        tx, patient, carer=carer, external_userid=str(new.carer_userid), answer="given", relationship=new.relationship, now=now,
        by=BY, version=ON_PAPER,
    )  # fmt: skip
    await tx.execute(
        update(Chat)
        .where(Chat.external_userid == new.carer_userid, Chat.carer_id.is_(None))
        .values(carer_id=carer.id, team_id=patient.team_id)
    )
