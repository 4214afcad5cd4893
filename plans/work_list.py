"""What waits for a clinician of the patient's team: alerts, and follow-ups that did not go as planned."""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from sqlalchemy import ColumnElement, exists, func, or_, select, true
from sqlalchemy.ext.asyncio import AsyncSession

from plans.clarify_talk import told_of
from plans.dealt_with import not_dealt_with
from plans.enrolment import RUNNING
from plans.personal import task_templates
from plans.reach.decide import NO_ROUTE
from plans.template import PlanTemplate, TemplateError
from plans.wording import say, words
from records.care_plan import CarePlan, Task
from records.errand import Errand
from records.flag import Flag, worst_first
from records.observation import Observation
from records.patient import Carer, Patient, PatientCarer, note_reads
from records.staff import Staff, teams_of
from records.tag import PatientTag, Tag, TagEvidence

# How far back ended follow-ups are listed (R).
LAST_DAYS = timedelta(days=3)
# Of each sort so many lines, the newest; alerts and questions are all there. Nobody works through more, and a page must open at once.
MOST = 100
ENDINGS = ("missed", "undeliverable", "declined", "partial")
WHY = "work_list"


@dataclass(frozen=True)
class WorkItem:
    """One line. kind: flag, missed, undeliverable, declined, partial, unconfirmed, stopped, tag, errand; `level` is the flag's.

    `key` names the line among all (`flag:12`); `group` is the flag's category or the errand's kind; `owner_id` is who has taken it.
    `dismissible`: it has no end of its own, and leaves the list when a clinician says that it is dealt with (plans/dealt_with.py).
    """

    kind: str
    level: str | None
    patient_id: int | None
    name: str
    at: datetime
    text: str
    flag_id: int | None = None
    task_id: int | None = None
    errand_id: int | None = None
    key: str = ""
    team_id: int = 0
    group: str | None = None
    owner_id: int | None = None
    dismissible: bool = False


async def work_list(tx: AsyncSession, staff: Staff, now: datetime, *, team: int | None = None, mine: bool | None = None) -> list[WorkItem]:
    """The list of `staff`: only patients of his teams, open alerts first (the worst, then the oldest), then the newest of the rest.

    Of the rest there are MOST of each sort at most. `team`: of that team alone; `mine`: of what somebody can take, what `staff` has
    (True) or nobody (False). Each patient that is shown is a read in the audit.
    """
    if not staff.active:
        return []
    teams = [each for each in await tx.scalars(teams_of(staff.id)) if team in (None, each)]
    flags = await _flags(tx, teams, now)
    rest = [
        *await _errands(tx, teams, None if mine is None else Errand.owner_id == staff.id if mine else Errand.owner_id.is_(None)),
        *await _endings(tx, teams, now),
        *await _unconfirmed(tx, teams, now),
        *await _stopped(tx, teams),
        *await _tags(tx, teams),
    ]
    items = [*flags, *sorted(rest, key=lambda item: item.at, reverse=True)]
    await note_reads(tx, staff, {item.patient_id for item in items if item.patient_id is not None}, why=WHY, now=now)
    return items


async def _flags(tx: AsyncSession, teams: list[int], now: datetime) -> list[WorkItem]:
    query = select(Flag, Patient).outerjoin(Patient, Patient.id == Flag.patient_id)
    rows = (await tx.execute(query.where(Flag.team_id.in_(teams), Flag.state != "closed"))).all()
    # A patient who is in another team now is that team's to see.
    mine = [(flag, patient) for flag, patient in rows if patient is None or patient.team_id in teams]
    mine.sort(key=lambda row: worst_first(row[0]))
    answered = await told_of(tx, sorted({patient.id for _, patient in mine if patient is not None}), now)
    return [
        WorkItem(
            "flag",
            flag.level,
            flag.patient_id,
            patient.name if patient else "",
            flag.raised_at,
            _because(flag, answered),
            flag_id=flag.id,
            key=f"flag:{flag.id}",
            team_id=flag.team_id,
            group=flag.category,
            owner_id=flag.owner_id,
        )
        for flag, patient in mine
    ]


def _because(flag: Flag, answered: dict[int, str]) -> str:
    """Why, and what the family has answered since to clarifying questions."""
    what = answered.get(flag.patient_id) if flag.patient_id is not None else None
    return flag.because if what is None or what in flag.because else flag.because + say("work.clarified", what=what)


def is_cut(items: Iterable[WorkItem]) -> bool:
    """Whether there may be more of a sort than the list has."""
    sorts = Counter(item.key.partition(":")[0] for item in items if item.flag_id is None)
    return max(sorts.values(), default=0) >= MOST


def _of(key: str, kind: str, patient: Patient, at: datetime, text: str, **more: Any) -> WorkItem:
    return WorkItem(kind, None, patient.id, patient.name, at, text, key=key, team_id=patient.team_id, **more)


async def _errands(tx: AsyncSession, teams: list[int], whose: ColumnElement[bool] | None) -> list[WorkItem]:
    """What stands until somebody closes it. A patient who is in another team now is that team's to see."""
    query = (
        select(Errand, Patient, Staff.name)
        .join(Patient, Patient.id == Errand.patient_id)
        .outerjoin(Staff, Staff.id == Errand.owner_id)
        .where(Patient.team_id.in_(teams), Errand.state == "open", *(() if whose is None else (whose,)))
        .order_by(Errand.raised_at.desc(), Errand.id.desc())
        .limit(MOST)
    )
    return [
        _of(
            f"errand:{errand.id}",
            "errand",
            patient,
            errand.raised_at,
            _errand(errand, owner),
            errand_id=errand.id,
            group=errand.kind,
            owner_id=errand.owner_id,
        )
        for errand, patient, owner in (await tx.execute(query))
    ]


def _errand(errand: Errand, owner: str | None) -> str:
    taken = say("work.errand_taken", owner=owner) if owner is not None else ""
    return say("work.errand", text=errand.text, because=errand.because) + taken


async def _endings(tx: AsyncSession, teams: list[int], now: datetime) -> list[WorkItem]:
    query = (
        select(Task, Patient, CarePlan)
        .join(Patient, Patient.id == Task.patient_id)
        .join(CarePlan, CarePlan.id == Task.care_plan_id)
        # The days lost to a stop are one line (see _stopped), not one each; those of a pause the family wants itself.
        .where(
            Patient.team_id.in_(teams),
            Task.state.in_(ENDINGS),
            Task.closed_at >= now - LAST_DAYS,
            Task.outcome.not_in(("stopped", "paused")),
            # A family that no route reaches is one errand, whatever could not be sent to it meanwhile.
            or_(
                Task.state != "undeliverable",
                ~exists().where(Errand.patient_id == Task.patient_id, Errand.kind == NO_ROUTE, Errand.state == "open"),
            ),
            not_dealt_with(func.concat("task:", Task.id)),
        )
        .order_by(Task.closed_at.desc(), Task.id.desc())
        .limit(MOST)
    )
    rows = (await tx.execute(query)).all()
    templates = await task_templates(tx, [task for task, _, _ in rows])
    return [
        _of(
            f"task:{task.id}",
            task.state,
            patient,
            task.closed_at or now,
            _ending(task, plan, templates.get(task.id)),
            task_id=task.id,
            dismissible=True,
        )
        for task, patient, plan in rows
    ]


def _ending(task: Task, plan: CarePlan, template: PlanTemplate | None) -> str:
    try:
        title = template.step(task.step).title if template is not None else plan.template
    except TemplateError:
        title = plan.template
    reasons = words("undeliverable" if task.state == "undeliverable" else "decline_reasons")
    outcome = task.outcome or ""
    return say(f"work.{task.state}", title=title, day=task.day, why=reasons.get(outcome, outcome))


async def _unconfirmed(tx: AsyncSession, teams: list[int], now: datetime) -> list[WorkItem]:
    query = (
        select(Observation, Patient)
        .join(Patient, Patient.id == Observation.patient_id)
        .where(
            Patient.team_id.in_(teams),
            Observation.code == "weight",
            Observation.status == "preliminary",
            Observation.effective_at >= now - LAST_DAYS,
            not_dealt_with(func.concat("reading:", Observation.id)),
        )
        .order_by(Observation.effective_at.desc(), Observation.id.desc())
        .limit(MOST)
    )
    return [
        _of(
            f"reading:{row.id}",
            "unconfirmed",
            patient,
            row.effective_at,
            say("work.unconfirmed", value=f"{row.value:.2f}"),
            dismissible=True,
        )
        for row, patient in (await tx.execute(query))
    ]


async def _stopped(tx: AsyncSession, teams: list[int]) -> list[WorkItem]:
    since = func.to_char(func.timezone("UTC", Carer.stopped_at), "YYYYMMDDHH24MISS")
    query = (
        select(Carer, Patient)
        .join(PatientCarer, PatientCarer.carer_id == Carer.id)
        .join(Patient, Patient.id == PatientCarer.patient_id)
        .where(
            Patient.team_id.in_(teams),
            exists().where(CarePlan.patient_id == Patient.id, CarePlan.state.in_(RUNNING)),
            Carer.stopped_at.is_not(None),
            PatientCarer.primary,
            not_dealt_with(func.concat("stopped:", Patient.id, ":", since)),
        )
        .order_by(Carer.stopped_at.desc(), Patient.id.desc())
        .limit(MOST)
    )
    return [
        _of(
            f"stopped:{patient.id}:{carer.stopped_at.astimezone(UTC):%Y%m%d%H%M%S}",
            "stopped",
            patient,
            carer.stopped_at,
            say("work.stopped"),
            dismissible=True,
        )
        for carer, patient in (await tx.execute(query))
        if carer.stopped_at is not None
    ]


async def _tags(tx: AsyncSession, teams: list[int]) -> list[WorkItem]:
    """Tags about which something new was said after a clinician's word, or against what is carried."""
    latest = select(TagEvidence.because, TagEvidence.recorded_at).where(TagEvidence.patient_tag_id == PatientTag.id)
    newest = latest.order_by(TagEvidence.id.desc()).limit(1).correlate(PatientTag).lateral("newest")
    query = (
        select(PatientTag, Tag.name, Patient, newest.c.because, newest.c.recorded_at)
        .join(Tag, Tag.id == PatientTag.tag_id)
        .join(Patient, Patient.id == PatientTag.patient_id)
        .join(newest, true())
        .where(PatientTag.asks, Patient.team_id.in_(teams), or_(Tag.shared, Tag.team_id.in_(teams)))
        .order_by(newest.c.recorded_at.desc(), PatientTag.id.desc())
        .limit(MOST)
    )
    return [
        _of(f"tag:{row.id}", "tag", patient, at, say(f"work.tag_{row.state}", tag=name, because=because))
        for row, name, patient, because, at in (await tx.execute(query))
    ]
