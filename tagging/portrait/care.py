"""What is done for a patient: plans, follow-ups, alerts, questionnaires, questions that wait. The latest of each, so many at most."""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime, timedelta

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from records.care_plan import CarePlan, Task
from records.flag import Flag
from records.question import QuestionToTeam
from records.questionnaire import QuestionnaireResponse
from records.staff import Staff

PLANS, TASKS, FLAGS, RESPONSES, QUESTIONS = 10, 120, 30, 12, 10
# Follow-ups are counted over three months, and shown for the next two weeks.
TASKS_SINCE, TASKS_UNTIL = timedelta(days=90), timedelta(days=14)
OPEN_TASKS = frozenset({"scheduled", "sent", "reminded", "started"})


@dataclass(frozen=True)
class PlanView:
    """An enrolment in a plan template."""

    template: str
    version: int
    state: str
    since: datetime


@dataclass(frozen=True)
class TaskView:
    """One follow-up."""

    step: str
    day: date
    due_at: datetime
    state: str
    closed_at: datetime | None


@dataclass(frozen=True)
class AlertView:
    """One alert; open ones come first. `owner` is the clinician who took it."""

    id: int
    level: str
    category: str
    because: str
    state: str
    outcome: str | None
    owner: str | None
    raised_at: datetime
    closed_at: datetime | None


@dataclass(frozen=True)
class ResponseView:
    """A questionnaire that was filled in, with its score and band."""

    questionnaire: str
    version: int
    state: str
    score: float | None
    band: str | None
    at: datetime | None


@dataclass(frozen=True)
class QuestionView:
    """A question of the family that nobody has answered yet."""

    text: str
    asked_at: datetime


@dataclass(frozen=True)
class Care:
    """All of it. `counted` is how the follow-ups of the last three months ended, by state."""

    plans: tuple[PlanView, ...]
    open_tasks: tuple[TaskView, ...]
    past_tasks: tuple[TaskView, ...]
    counted: Mapping[str, int]
    alerts: tuple[AlertView, ...]
    responses: tuple[ResponseView, ...]
    questions: tuple[QuestionView, ...]


async def care(tx: AsyncSession, patient_id: int, *, now: datetime, today: date) -> Care:
    """What is done for a patient, in five statements."""
    plans = await tx.execute(
        select(CarePlan.template, CarePlan.template_version, CarePlan.state, CarePlan.created_at)
        .where(CarePlan.patient_id == patient_id)
        .order_by(CarePlan.state != "active", CarePlan.id.desc())
        .limit(PLANS)
    )
    rows = await tx.execute(
        select(Task.step, Task.day, Task.due_at, Task.state, Task.closed_at)
        .where(Task.patient_id == patient_id, Task.day > today - TASKS_SINCE, Task.day <= today + TASKS_UNTIL, Task.state != "withdrawn")
        .order_by(Task.day.desc(), Task.due_at.desc())
        .limit(TASKS)
    )
    tasks = [TaskView(*row) for row in rows]
    past = [each for each in tasks if each.state not in OPEN_TASKS]
    return Care(
        plans=tuple(PlanView(*row) for row in plans),
        open_tasks=tuple(sorted((each for each in tasks if each.state in OPEN_TASKS), key=lambda each: each.due_at)),
        past_tasks=tuple(past),
        counted=dict(Counter(each.state for each in past)),
        alerts=await _alerts(tx, patient_id),
        responses=await _responses(tx, patient_id),
        questions=await _questions(tx, patient_id),
    )


async def _alerts(tx: AsyncSession, patient_id: int) -> tuple[AlertView, ...]:
    rows = await tx.execute(
        select(Flag.id, Flag.level, Flag.category, Flag.because, Flag.state, Flag.outcome, Staff.name, Flag.raised_at, Flag.closed_at)
        .outerjoin(Staff, Staff.id == Flag.owner_id)
        .where(Flag.patient_id == patient_id)
        .order_by(Flag.state == "closed", Flag.raised_at.desc())
        .limit(FLAGS)
    )
    return tuple(AlertView(*row) for row in rows)


async def _responses(tx: AsyncSession, patient_id: int) -> tuple[ResponseView, ...]:
    q = QuestionnaireResponse
    rows = await tx.execute(
        select(q.questionnaire, q.version, q.state, q.score, q.band, q.completed_at)
        .where(q.patient_id == patient_id, q.completed_at.is_not(None))
        .order_by(q.completed_at.desc())
        .limit(RESPONSES)
    )
    return tuple(ResponseView(*row) for row in rows)


async def _questions(tx: AsyncSession, patient_id: int) -> tuple[QuestionView, ...]:
    rows = await tx.execute(
        select(QuestionToTeam.text, QuestionToTeam.asked_at)
        .where(QuestionToTeam.patient_id == patient_id, QuestionToTeam.state == "asked")
        .order_by(QuestionToTeam.asked_at.desc())
        .limit(QUESTIONS)
    )
    return tuple(QuestionView(*row) for row in rows)
