"""The template as one patient has it: the version that he is on, with what was changed for him alone."""

from collections import defaultdict
from collections.abc import Sequence

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from plans.change import personal
from plans.definition import templates_at
from plans.template import PlanTemplate, TemplateError
from plans.template.mistake import sentence
from records.care_plan import CarePlan, CarePlanChange, Task


async def changes_of(tx: AsyncSession, plans: Sequence[CarePlan]) -> dict[int, list[CarePlanChange]]:
    """What holds of these plans beside their template, by plan, in the order in which it was said; plans without any are left out."""
    changed = [plan.id for plan in plans if plan.changes]
    found: dict[int, list[CarePlanChange]] = defaultdict(list)
    if changed:
        stands = (CarePlanChange.care_plan_id.in_(changed), CarePlanChange.undone_at.is_(None))
        for row in await tx.scalars(select(CarePlanChange).where(*stands).order_by(CarePlanChange.id)):
            found[row.care_plan_id].append(row)
    return dict(found)


async def plan_templates(tx: AsyncSession, plans: Sequence[CarePlan]) -> dict[int, PlanTemplate]:
    """The patient's own template of each of these plans, by plan; those whose version is gone are left out."""
    found = await templates_at(tx, {(plan.template, plan.template_version) for plan in plans})
    changes = await changes_of(tx, plans)
    known = ((plan.id, found.get((plan.template, plan.template_version))) for plan in plans)
    return {id: personal(template, changes[id]) if id in changes else template for id, template in known if template is not None}


async def task_templates(tx: AsyncSession, tasks: Sequence[Task]) -> dict[int, PlanTemplate]:
    """The patient's own template for each of these tasks, by task: of the version under which it was planned where its plan has moved on
    since. Those whose version is gone are left out."""
    plans = (await tx.scalars(select(CarePlan).where(CarePlan.id.in_({task.care_plan_id for task in tasks})))).all() if tasks else []
    by_id = {plan.id: plan for plan in plans}
    versions = {task.id: task.template_version or by_id[task.care_plan_id].template_version for task in tasks}
    found = await templates_at(tx, {(by_id[task.care_plan_id].template, versions[task.id]) for task in tasks})
    changes = await changes_of(tx, plans)
    own: dict[tuple[int, int], PlanTemplate] = {}
    for plan, version in {(task.care_plan_id, versions[task.id]) for task in tasks}:
        template = found.get((by_id[plan].template, version))
        if template is not None:
            own[plan, version] = personal(template, changes[plan]) if plan in changes else template
    return {task.id: own[key] for task in tasks if (key := (task.care_plan_id, versions[task.id])) in own}


async def template_of(tx: AsyncSession, task: Task) -> PlanTemplate:
    """`task_templates` of one task. Raises TemplateError when its version is gone."""
    found = await task_templates(tx, [task])
    if task.id not in found:
        plan = await tx.get_one(CarePlan, task.care_plan_id)
        raise TemplateError(sentence("version_gone", id=plan.template, version=task.template_version or plan.template_version))
    return found[task.id]
