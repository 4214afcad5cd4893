"""What is done for a patient: plans, follow-ups, alerts, questionnaires, questions that wait. The latest of each, so many at most."""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime, timedelta

from sqlalchemy import BindParameter, bindparam, select
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


# Made once: most of what a short statement costs is its making.
_PATIENT: BindParameter[int] = bindparam("patient")
_q = QuestionnaireResponse
_PLANS = (
    select(CarePlan.template, CarePlan.template_version, CarePlan.state, CarePlan.created_at)
    .where(CarePlan.patient_id == _PATIENT)
    .order_by(CarePlan.state != "active", CarePlan.id.desc())
    .limit(PLANS)
)
_TASKS = (
    select(Task.step, Task.day, Task.due_at, Task.state, Task.closed_at)
    .where(Task.patient_id == _PATIENT, Task.day > bindparam("after"), Task.day <= bindparam("until"), Task.state != "withdrawn")
    .order_by(Task.day.desc(), Task.due_at.desc())
    .limit(TASKS)
)
_ALERTS = (
    select(Flag.id, Flag.level, Flag.category, Flag.because, Flag.state, Flag.outcome, Staff.name, Flag.raised_at, Flag.closed_at)
    .outerjoin(Staff, Staff.id == Flag.owner_id)
    .where(Flag.patient_id == _PATIENT)
    .order_by(Flag.state == "closed", Flag.raised_at.desc())
    .limit(FLAGS)
)
_RESPONSES = (
    select(_q.questionnaire, _q.version, _q.state, _q.score, _q.band, _q.completed_at)
    .where(_q.patient_id == _PATIENT, _q.completed_at.is_not(None))
    .order_by(_q.completed_at.desc())
    .limit(RESPONSES)
)
_QUESTIONS = (
    select(QuestionToTeam.text, QuestionToTeam.asked_at)
    .where(QuestionToTeam.patient_id == _PATIENT, QuestionToTeam.state == "asked")
    .order_by(QuestionToTeam.asked_at.desc())
    .limit(QUESTIONS)
)


async def care(tx: AsyncSession, patient_id: int, *, now: datetime, today: date) -> Care:
    """What is done for a patient, in five statements."""
    his = {"patient": patient_id}
    plans = await tx.execute(_PLANS, his)
    rows = await tx.execute(_TASKS, {**his, "after": today - TASKS_SINCE, "until": today + TASKS_UNTIL})
    tasks = [TaskView(*row) for row in rows]
    past = [each for each in tasks if each.state not in OPEN_TASKS]
    return Care(
        plans=tuple(PlanView(*row) for row in plans),
        open_tasks=tuple(sorted((each for each in tasks if each.state in OPEN_TASKS), key=lambda each: each.due_at)),
        past_tasks=tuple(past),
        counted=dict(Counter(each.state for each in past)),
        alerts=tuple(AlertView(*row) for row in await tx.execute(_ALERTS, his)),
        responses=tuple(ResponseView(*row) for row in await tx.execute(_RESPONSES, his)),
        questions=tuple(QuestionView(*row) for row in await tx.execute(_QUESTIONS, his)),
    )
