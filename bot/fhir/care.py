"""What is done for a patient: plans, follow-ups, questionnaires, alerts, messages."""

from collections.abc import Sequence

from sqlalchemy import Text, and_, cast, func, literal, select
from sqlalchemy.ext.asyncio import AsyncSession

from bot.fhir import shown
from bot.fhir.codes import (
    CARE_PLAN,
    COMMUNICATION,
    FLAG,
    OURS,
    RESPONSE,
    TASK,
)
from bot.fhir.rows import about_patient, codes_of, loaded, plain, rows_of, simply
from bot.fhir.search import Key, Kind
from integrations.fhir.write import Json
from plans.definition import templates_at
from plans.task_key import tasks_in
from records.care_plan import CarePlan, Task
from records.flag import Flag
from records.message import Outbound
from records.questionnaire import QuestionnaireResponse


def care_plans() -> Kind:
    """Enrolments in plans."""
    rows = rows_of(CarePlan, state=CarePlan.state, at=CarePlan.created_at)

    async def several(tx: AsyncSession, keys: Sequence[Key], client_id: int) -> list[Json]:
        plans = await loaded(tx, CarePlan, keys)
        templates = await templates_at(tx, {(plan.template, plan.template_version) for plan in plans.values()})
        titles = {key: template.title for key, template in templates.items()}
        found = [plans[key.id] for key in keys if key.id in plans]
        return [shown.care_plan(plan, titles.get((plan.template, plan.template_version))) for plan in found]

    return Kind(
        "CarePlan", rows, several,
        tokens={"status": codes_of(rows.c.state, CARE_PLAN)}, dates={"date": rows.c.at}, references=about_patient(rows),
    )  # fmt: skip


def tasks() -> Kind:
    """Follow-ups."""
    rows = rows_of(Task, state=Task.state, step=Task.step, at=Task.due_at, plan=Task.care_plan_id)
    return Kind(
        "Task", rows, simply(Task, shown.task),
        tokens={
            "status": codes_of(rows.c.state, TASK), "business-status": plain(rows.c.state, f"{OURS}:task-state"),
            "code": plain(rows.c.step, f"{OURS}:step"),
        },
        dates={"period": rows.c.at, "modified": rows.c.changed_at},
        references={**about_patient(rows), "based-on": ("CarePlan", rows.c.plan)},
    )  # fmt: skip


def responses() -> Kind:
    """Questionnaires as they are filled in."""
    table = QuestionnaireResponse
    written = func.coalesce(table.completed_at, table.created_at)
    form = cast(func.concat(f"{OURS}:questionnaire:", table.questionnaire), Text())
    rows = rows_of(table, state=table.state, form=form, at=written)

    def show(row: QuestionnaireResponse) -> Json:
        from plans.questionnaire import questionnaires

        form = questionnaires().get((row.questionnaire, row.version))
        items = {item.id: item.text for item in form.items} if form is not None else {}
        return shown.questionnaire_response(row, items)

    return Kind(
        "QuestionnaireResponse", rows, simply(table, show),
        tokens={"status": codes_of(rows.c.state, RESPONSE)}, dates={"authored": rows.c.at},
        references=about_patient(rows), words={"questionnaire": lambda word: rows.c.form == word.partition("|")[0]},
    )  # fmt: skip


def flags() -> Kind:
    """Alerts about patients."""
    rows = rows_of(Flag, state=Flag.state, at=Flag.raised_at, level=Flag.level)
    return Kind(
        "Flag", rows, simply(Flag, shown.flag),
        tokens={"status": codes_of(rows.c.state, FLAG), "category": plain(rows.c.level, f"{OURS}:level")},
        dates={"date": rows.c.at}, references=about_patient(rows),
    )  # fmt: skip


def communications() -> Kind:
    """Messages of follow-ups: of those the patient is known, whoever else is in the same chat."""
    at = func.coalesce(Outbound.sent_at, Outbound.created_at)
    first = func.split_part(func.split_part(Outbound.key, ":", 2), "+", 1)
    rows = (
        select(
            literal("", Text()).label("part"), Outbound.seq.label("id"), Task.patient_id, at.label("changed_at"), Outbound.state,
            at.label("at"), Task.id.label("task_id"),
        )
        # One message may be about several follow-ups: it is shown with the first.
        .join(Task, and_(Task.chat_id == Outbound.chat_id, first == cast(Task.id, Text())))
        .where(Outbound.purpose.in_(["task", "reminder"]))
        .subquery("communication_rows")
    )  # fmt: skip

    async def show(tx: AsyncSession, keys: Sequence[Key], client_id: int) -> list[Json]:
        messages = {row.seq: row for row in await tx.scalars(select(Outbound).where(Outbound.seq.in_([key.id for key in keys])))}
        about = {number: tasks_in(row.key)[0] for number, row in messages.items()}
        tasks = {row.id: row for row in await tx.scalars(select(Task).where(Task.id.in_(about.values())))}
        return [shown.communication(messages[key.id], tasks[about[key.id]]) for key in keys if key.id in messages]

    return Kind(
        "Communication", rows, show,
        tokens={"status": codes_of(rows.c.state, COMMUNICATION)}, dates={"sent": rows.c.at},
        references={**about_patient(rows), "based-on": ("Task", rows.c.task_id)},
    )  # fmt: skip
