"""A patient's plans: what is due, what was, what was changed for him alone, and one follow-up explained."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from aiohttp import web
from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from bot.plan_changes import told
from console.desk import DESK, SEAT
from console.page import today
from console.patients.head import Head, open_patient, patient_page
from plans.enrolment import RUNNING
from plans.history import task_history
from plans.personal import plan_templates, task_templates
from plans.planning_words import words
from plans.task import OPEN
from plans.template import Step
from plans.template.anchor import anchor_title
from plans.upcoming import Coming, coming
from records.care_plan import CarePlan, CarePlanChange, Task
from records.patient import AccessRefused
from records.staff import names_of

# So far back follow-ups are listed, and so many.
BACK, MOST = timedelta(days=90), 150


@dataclass(frozen=True)
class TaskLine:
    """One follow-up with its title; `open` while it can still be changed."""

    task: Task
    title: str
    open: bool


@dataclass(frozen=True)
class ChangeLine:
    """A change for this patient, in a sentence."""

    row: CarePlanChange
    text: str
    by: str


@dataclass(frozen=True)
class PlanView:
    """One enrolment. `anchors` are its dates by name; `steps` what the clinician may change."""

    plan: CarePlan
    title: str
    running: bool
    anchors: dict[str, str]
    steps: Sequence[Step]
    changes: Sequence[ChangeLine]
    today: Sequence[TaskLine]
    coming: Sequence[TaskLine]
    past: Sequence[TaskLine]
    beyond: Sequence[tuple[str, datetime]]

    @property
    def sentences(self) -> dict[str, str]:
        """What families are told or asked, by `step` or `step/question`, with its step's title."""
        told = {step.id: f"{step.title}：{step.text}" for step in self.steps if step.text}
        return told | {f"{step.id}/{each.id}": f"{step.title}：{each.ask}" for step in self.steps for each in step.questions}


async def show(request: web.Request) -> web.StreamResponse:
    """All plans, running ones first."""
    return await plan_page(request)


async def plan_page(request: web.Request, mistake: str | None = None, typed: Mapping[str, Any] | None = None) -> web.StreamResponse:
    """The page of plans; with a `mistake` it says why nothing was changed, and what was `typed` stands in its form, open."""
    async with request.app[DESK].db.transaction() as tx:
        head = await open_patient(tx, request)
        views = await plan_views(tx, request, head)
    # The form that was sent: of which plan, and what for.
    sent = {"plan": request.match_info["number"], "act": request.path.rsplit("/", 1)[-1]} if typed is not None else {}
    given = defaultdict(str, {**(typed or {}), **sent})
    return patient_page(
        request, head, "plan", status=422 if mistake else 200, plans=views, mistake=mistake, given=given,
        blank=defaultdict(str), p_words=_words(),
    )  # fmt: skip


async def task(request: web.Request) -> web.StreamResponse:
    """One follow-up: why it came, what held it, what was said, what became of it."""
    desk, seat = request.app[DESK], request[SEAT]
    async with desk.db.transaction() as tx:
        head = await open_patient(tx, request)
        history = await task_history(tx, seat.staff, int(request.match_info["number"]), now=desk.clock(), zone=desk.zone)
        if history.patient_id != head.patient.id:
            raise AccessRefused(f"task {history.task_id}")
    return patient_page(request, head, "plan", template="task", history=history)


def _words() -> dict[str, dict[str, str]]:
    return {"states": words("states"), "pauses": words("pauses")}


async def plan_views(tx: AsyncSession, request: web.Request, head: Head) -> list[PlanView]:
    """The plans of a patient whom the reader has been let in to."""
    desk = request.app[DESK]
    now, zone, day = desk.clock(), desk.zone, today(desk)
    rows = list(await tx.scalars(select(CarePlan).where(CarePlan.patient_id == head.patient.id).order_by(CarePlan.id.desc())))
    rows.sort(key=lambda plan: plan.state not in RUNNING)
    templates = await plan_templates(tx, rows)
    recent = select(Task).where(Task.patient_id == head.patient.id, Task.state != "withdrawn", Task.day > day - BACK)
    tasks = list(await tx.scalars(recent.order_by(Task.due_at.desc()).limit(MOST)))
    titles = await _titles(tx, tasks)
    changes = list(
        await tx.scalars(
            select(CarePlanChange).where(CarePlanChange.care_plan_id.in_([plan.id for plan in rows])).order_by(CarePlanChange.id.desc())
        )
    )
    names = await names_of(tx, {row.by for row in changes})
    beyond = await coming(tx, [head.patient], now, zone)
    views = []
    for plan in rows:
        template = templates.get(plan.id)
        lines = [
            TaskLine(task, titles.get(task.id, task.step), task.state == "scheduled") for task in tasks if task.care_plan_id == plan.id
        ]
        views.append(
            PlanView(
                plan,
                template.title if template is not None else plan.template,
                plan.state in RUNNING,
                {anchor_title(name): _dates(said) for name, said in plan.anchors.items() if isinstance(said, str | list)},
                template.steps if template is not None else (),
                [
                    ChangeLine(row, told(row, template.titles if template is not None else {}), names.get(row.by, row.by))
                    for row in changes
                    if row.care_plan_id == plan.id
                ],
                [line for line in reversed(lines) if line.task.day == day],
                [line for line in reversed(lines) if line.task.day > day],
                [line for line in lines if line.task.day < day and line.task.state not in OPEN]
                + [line for line in lines if line.task.day < day and line.task.state in OPEN],
                _after(beyond, plan, max((line.task.due_at for line in lines), default=now)),
            )
        )
    return views


def _after(found: Sequence[Coming], plan: CarePlan, last: datetime) -> list[tuple[str, datetime]]:
    """What comes behind the follow-ups that are listed one by one: each step, and when it is next."""
    own = ((each.title, [due for due in each.due if due > last]) for each in found if each.plan_id == plan.id)
    return sorted(((title, due[0]) for title, due in own if due), key=lambda each: each[1])


async def _titles(tx: AsyncSession, tasks: Sequence[Task]) -> dict[int, str]:
    templates = await task_templates(tx, tasks)
    return {task.id: templates[task.id].titles.get(task.step, task.step) for task in tasks if task.id in templates}


def _dates(said: str | list[str]) -> str:
    return said if isinstance(said, str) else "、".join(said)
