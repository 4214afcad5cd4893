"""A hospital's own templates: drafts that one person writes, another publishes, and nobody changes afterwards."""

import json
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from zoneinfo import ZoneInfo

from sqlalchemy import func, select
from sqlalchemy.ext.asyncio import AsyncSession

from plans.authored import Authored, AuthoringError, Problem, open_authored
from plans.planning_words import say
from plans.questionnaire import questionnaires
from plans.rule import load_rules
from plans.template import PlanTemplate, TemplateError, find_template, query_of_condition, shipped
from plans.template.fhir import NotOurs, body_from_fhir
from plans.template.written import body_of
from records.plan_definition import DEFINITION_MOVES, PlanDefinition
from records.state import created, move
from tagging.cohort.scope import library_of
from tagging.cohort.words import CohortError


class DefinitionRefused(ValueError):
    """A version cannot be kept, published or retired; the text is a sentence."""

    permanent = True

    def __init__(self, code: str, **values: object) -> None:
        super().__init__(say(f"definition_refused.{code}", **values))
        self.code = code


@dataclass(frozen=True)
class Listed:
    """One version of a template. `state` is `shipped` for one that comes as a file."""

    id: str
    version: int
    title: str
    state: str
    author: str | None
    reviewer: str | None


def read_definition(source: Path | str | Authored, *, name: str | None = None) -> PlanTemplate:
    """The template in a YAML file, or in a FHIR PlanDefinition as JSON. Raises AuthoringError with every mistake and its line."""
    authored = source if isinstance(source, Authored) else open_authored(source, name=name)
    if not isinstance(authored.value, dict) or "resourceType" not in authored.value:
        return authored.read(PlanTemplate)
    return _from_fhir(authored)


def _from_fhir(authored: Authored) -> PlanTemplate:
    """Of a PlanDefinition the mistakes are those of the template that it comes to."""
    try:
        body = body_from_fhir(authored.value)
    except NotOurs as err:
        raise AuthoringError(Problem(authored.file, None, "", str(err).rstrip("。"))) from err
    return open_authored(json.dumps(body, ensure_ascii=False, indent=1), name=f"{authored.file}（FHIR）").read(PlanTemplate)


async def references(tx: AsyncSession, template: PlanTemplate, *, now: datetime, zone: ZoneInfo) -> list[str]:
    """What the template names and this hospital has not: tags and teams in conditions, questionnaires, rules. A sentence for each."""
    scope = (await library_of(tx)).whole(now=now, zone=zone)
    wrong = []
    conditions = [("enrol_if", template.enrol_if), *((step.id, step.only_if) for step in template.steps)]
    for place, condition in conditions:
        try:
            if condition is not None:
                scope.known(query_of_condition(condition))
        except CohortError as err:
            wrong.append(say("definition_refused.reference", place=place, error=str(err).rstrip("。")))
    forms = {id for id, _ in questionnaires()}
    for step in template.steps:
        if step.questionnaire is not None and step.questionnaire not in forms:
            wrong.append(say("definition_refused.questionnaire", place=step.id, name=step.questionnaire))
        for question in step.questions:
            try:
                if question.rules is not None:
                    load_rules(question.rules)
            except (TemplateError, OSError):
                wrong.append(say("definition_refused.rules", place=f"{step.id}.{question.id}", name=question.rules))
    return wrong


async def keep_draft(tx: AsyncSession, template: PlanTemplate, *, by: str, now: datetime) -> PlanDefinition:
    """Keep a version as a draft; a draft of the same version is replaced. Raises DefinitionRefused: that version is out already."""
    row = await _row(tx, template.id, template.version, lock=True)
    if (template.id, template.version) in shipped() or (row is not None and row.state != "draft"):
        raise DefinitionRefused("out", id=template.id, version=template.version)
    if row is None:
        row = PlanDefinition(template=template.id, version=template.version, body=body_of(template), author=by, created_at=now)
        row.state = "draft"
        tx.add(row)
        await tx.flush()
        created(tx, row, at=now, by=by)
    else:
        row.body, row.author, row.created_at = body_of(template), by, now
        await tx.flush()
    return row


async def publish(tx: AsyncSession, id: str, version: int, *, by: str, now: datetime, zone: ZoneInfo) -> PlanTemplate:
    """Let patients be enrolled on a draft from now on; it never changes again.

    Raises DefinitionRefused: no such draft, `by` wrote it himself, or it names what there is not.
    """
    row = await _row(tx, id, version, lock=True)
    if row is None or row.state != "draft":
        raise DefinitionRefused("no_draft", id=id, version=version)
    if row.author == by:
        raise DefinitionRefused("own", id=id, version=version)
    template = PlanTemplate.model_validate(row.body)
    if wrong := await references(tx, template, now=now, zone=zone):
        raise DefinitionRefused("references", what="\n".join(wrong))
    await move(tx, row, "active", moves=DEFINITION_MOVES, at=now, by=by, reviewer=by, published_at=now)
    return template


async def retire(tx: AsyncSession, id: str, version: int, *, by: str, now: datetime) -> None:
    """Enrol nobody new on a version; those who are on it stay. Raises DefinitionRefused: there is none that is out or a draft."""
    row = await _row(tx, id, version, lock=True)
    if row is None and (id, version) in shipped():
        # Of a shipped one only this is kept: its file stays what is read.
        row = PlanDefinition(template=id, version=version, body=body_of(find_template(id, version)), author="shipped", created_at=now)
        row.state = "active"
        tx.add(row)
        await tx.flush()
    if row is None or row.state == "retired":
        raise DefinitionRefused("none", id=id, version=version)
    await move(tx, row, "retired", moves=DEFINITION_MOVES, at=now, by=by, retired_at=now)


async def listed(tx: AsyncSession, id: str | None = None) -> list[Listed]:
    """All versions there are (of one template, if `id` is given), shipped and own, by id and version."""
    row = PlanDefinition
    chosen = select(row.template, row.version, func.coalesce(row.body["title"].astext, ""), row.state, row.author, row.reviewer)
    rows = await tx.execute(chosen.where(row.template == id) if id is not None else chosen)
    found = {each[:2]: Listed(*each) for each in rows}
    for key in shipped():
        if id in (None, key[0]):
            # Of a shipped one only that it is retired is kept here.
            found[key] = Listed(*key, find_template(*key).title, found[key].state if key in found else "shipped", None, None)
    return [found[key] for key in sorted(found)]


async def draft_or_version(tx: AsyncSession, id: str, version: int) -> PlanTemplate | None:
    """A version whatever its state, drafts too, to be looked at; None where there is none."""
    if (id, version) in shipped():
        return find_template(id, version)
    row = await _row(tx, id, version)
    return PlanTemplate.model_validate(row.body) if row is not None else None


async def _row(tx: AsyncSession, id: str, version: int, *, lock: bool = False) -> PlanDefinition | None:
    chosen = select(PlanDefinition).where(PlanDefinition.template == id, PlanDefinition.version == version)
    found: PlanDefinition | None = await tx.scalar(chosen.with_for_update().execution_options(populate_existing=True) if lock else chosen)
    return found
