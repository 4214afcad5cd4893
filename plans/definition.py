"""Where a template is found, shipped as a file or written by the hospital: what is published never changes, so it is read once."""

from collections.abc import Iterable
from typing import Any
from weakref import WeakKeyDictionary

from sqlalchemy import select, tuple_
from sqlalchemy.ext.asyncio import AsyncSession

from plans.template import PlanTemplate, TemplateError, find_template, shipped
from plans.template.mistake import sentence
from records.plan_definition import PlanDefinition

Key = tuple[str, int]
# By database: the same number means another template in another one.
_READ: WeakKeyDictionary[Any, dict[Key, PlanTemplate]] = WeakKeyDictionary()


async def template_at(tx: AsyncSession, id: str, version: int) -> PlanTemplate:
    """The very version that a patient was enrolled on. Raises TemplateError when it is gone."""
    found = await templates_at(tx, [(id, version)])
    if (id, version) not in found:
        raise TemplateError(sentence("version_gone", id=id, version=version))
    return found[id, version]


async def templates_at(tx: AsyncSession, keys: Iterable[Key]) -> dict[Key, PlanTemplate]:
    """These versions, those left out that there are not: shipped ones, and published ones even when they are retired by now."""
    wanted, known = set(keys), _READ.setdefault(tx.get_bind(), {})
    found = {key: find_template(*key) for key in wanted if key in shipped()}
    if left := wanted - found.keys() - known.keys():
        columns = (PlanDefinition.template, PlanDefinition.version)
        rows = await tx.scalars(select(PlanDefinition).where(tuple_(*columns).in_(sorted(left)), PlanDefinition.state != "draft"))
        known |= {(row.template, row.version): PlanTemplate.model_validate(row.body) for row in rows}
    return found | {key: known[key] for key in wanted & known.keys()}


async def newest_templates(tx: AsyncSession) -> dict[str, PlanTemplate]:
    """The newest version of each template on which somebody can be enrolled, by id."""
    rows = (await tx.execute(select(PlanDefinition.template, PlanDefinition.version, PlanDefinition.state))).all()
    own = {(row.template, row.version): row.state for row in rows}
    keys = [key for key in {*shipped(), *own} if own.get(key, "active") == "active"]
    newest = {id: max(version for each, version in keys if each == id) for id, _ in keys}
    found = await templates_at(tx, newest.items())
    return {id: found[id, version] for id, version in sorted(newest.items())}


async def newest_template(tx: AsyncSession, id: str) -> PlanTemplate:
    """The newest version of one template. Raises TemplateError where there is none."""
    found = await newest_templates(tx)
    if id not in found:
        raise TemplateError(sentence("template_unknown", id=id, known="、".join(found) or "-"))
    return found[id]
