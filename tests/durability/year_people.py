"""Families of a year: who they are, on which plans, and what the harness knows of each plan by itself, for the books."""

from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from random import Random

from sqlalchemy.ext.asyncio import AsyncSession

from plans.enrolment import enrol
from plans.template import PlanTemplate, load_templates
from records.patient import Carer, Patient, PatientCarer
from records.staff import OnCall, Staff, Team, TeamMember
from records.wecom import KfAccount
from tests.durability.hospital import ZONE

ACCOUNT = "wkSimulatedChildrensHospital01"
NURSE, DOCTOR = "linyue", "hemin"
# The hours at which families want to be asked.
HOURS = (8, 9, 9, 9, 12, 19)
# How old a patient on a plan is, in days; the others are schoolchildren.
AGES = {"neonatal": 6, "newborn_care": 4, "nicu": 40, "vaccination": 20, "kawasaki": 900}
SCHOOL = 3400
# What is known of a patient beside the plan, as triage's tags; the portrait has its own.
WITH_A_SECOND, SIBLINGS = 0.25, 0.2

Anchors = dict[str, date | list[date]]


@dataclass
class Era:
    """A stretch of a plan's life that begins `at`: its dates, and whether it is active. `taken_up`: it begins with an enrolment."""

    at: datetime
    anchors: Anchors
    active: bool = True
    resumed: bool = False


@dataclass
class Enrolled:
    """A plan as the clinicians know it."""

    id: int
    patient: int
    template: PlanTemplate
    eras: list[Era] = field(default_factory=list)

    @property
    def now(self) -> Era:
        return self.eras[-1]


@dataclass
class Kid:
    """A patient; `plan_on` are the templates he is still to be put on, with the day of the run on which that happens."""

    id: int
    name: str
    birth: date
    plan_on: list[tuple[int, str]] = field(default_factory=list)
    died: datetime | None = None


@dataclass
class Household:
    """One carer's phone. `answers` is how likely she is to answer, `chats` how likely to write of her own accord on a day."""

    user: str
    carer: int
    kids: list[Kid]
    answers: float
    chats: float
    stops: list[tuple[datetime, datetime | None]] = field(default_factory=list)
    said: list[str] = field(default_factory=list)

    @property
    def stopped(self) -> bool:
        return bool(self.stops) and self.stops[-1][1] is None


async def plant_team(tx: AsyncSession) -> int:
    team = Team(name="随访中心", phone="010-5555-0101")
    tx.add(team)
    await tx.flush()
    for tier, userid in enumerate((NURSE, DOCTOR), 1):
        staff = Staff(userid=userid, name=userid, title="护士")
        tx.add(staff)
        await tx.flush()
        tx.add_all([TeamMember(team_id=team.id, staff_id=staff.id), OnCall(team_id=team.id, staff_id=staff.id, tier=tier)])
    tx.add(KfAccount(open_kfid=ACCOUNT, name="儿童医院随访", team_id=team.id))
    return team.id


async def plant_households(tx: AsyncSession, team: int, patients: int, rng: Random, *, today: date, days: int) -> list[Household]:
    """So many patients, all templates in turn, with their carers; plans begin in the first quarter of the run."""
    templates, households, made = list(load_templates()), list[Household](), 0
    while made < patients:
        children = min(patients - made, rng.choice((2, 3)) if rng.random() < SIBLINGS else 1)
        carer = Carer(name=f"家长{len(households)}", external_userid=f"wmYear{len(households):04d}", follow_up_hour=rng.choice(HOURS))
        tx.add(carer)
        await tx.flush()
        answers, chats = rng.choice(((0.9, 0.5), (0.7, 0.35), (0.7, 0.35), (0.35, 0.2), (0.05, 0.03)))
        household = Household(str(carer.external_userid), carer.id, [], answers, chats)
        for _ in range(children):
            wanted = [templates[made % len(templates)]]
            if rng.random() < WITH_A_SECOND:
                wanted.append(rng.choice([each for each in ("satisfaction", "medicine_adherence", "fever_watch") if each not in wanted]))
            begins = [1 + rng.randrange(max(1, days // 4)) for _ in wanted]
            age = AGES.get(wanted[0], SCHOOL)
            patient = Patient(
                team_id=team,
                record_number=f"Y{made:04d}",
                name=f"宝宝{made:03d}号",
                sex=rng.choice("FM"),
                birth_date=today + timedelta(days=begins[0] - age),
                birth_weight_g=rng.randrange(1500, 3900),
                gestational_age_weeks=rng.randrange(30, 41),
                tags=[],
            )
            tx.add(patient)
            await tx.flush()
            tx.add(PatientCarer(patient_id=patient.id, carer_id=carer.id, relationship="母亲"))
            kid = Kid(patient.id, patient.name, patient.birth_date, list(zip(begins, wanted, strict=True)))
            household.kids.append(kid)
            made += 1
        households.append(household)
    return households


def anchors_for(template: PlanTemplate, kid: Kid, today: date, rng: Random) -> Anchors:
    """Plausible dates of a plan that begins today."""
    lately = today - timedelta(days=rng.randrange(3))
    anchors: Anchors = {name: kid.birth if name == "birth" else today if name == "enrolment" else lately for name in template.anchors}
    if "discharge" in anchors:
        anchors["discharge"] = max(lately, kid.birth)
    return anchors


async def put_on(tx: AsyncSession, household: Household, kid: Kid, template: PlanTemplate, rng: Random, now: datetime) -> Enrolled:
    """Put him on the plan, as a clinician does."""
    patient = await tx.get_one(Patient, kid.id)
    anchors = anchors_for(template, kid, now.astimezone(ZONE).date(), rng)
    plan = await enrol(tx, patient, template, anchors=anchors, hour=None, by="nurse", now=now, zone=ZONE)
    return Enrolled(plan.id, kid.id, template, [Era(now, anchors)])
