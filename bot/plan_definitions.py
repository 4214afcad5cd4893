"""What `careloop plan list|show|check|import|export|publish|retire|diff` do."""

import json
from pathlib import Path

from sqlalchemy.ext.asyncio import AsyncSession

from bot.app import Core
from bot.plan_command import Asked, asked, in_transaction
from plans.definition import newest_template
from plans.planning_words import say, words
from plans.publishing import DefinitionRefused, draft_or_version, keep_draft, listed, publish, read_definition, references, retire
from plans.template import PlanTemplate, Step, anchor_title
from plans.template.diff import difference
from plans.template.fhir import to_fhir
from plans.template.written import to_yaml


def list_command() -> None:
    """`careloop plan list`."""

    async def work(tx: AsyncSession, parts: Core) -> str:
        states = words("definition_states")
        return "\n".join(
            f"{each.id:<24} v{each.version:<3} {states[each.state]:<4} {each.title}"
            + (f"（{each.author} → {each.reviewer or '-'}）" if each.author else "")
            for each in await listed(tx)
        )

    print(in_transaction(work))


def show_command(id: str, version: int | None) -> None:
    """`careloop plan show`."""
    print(in_transaction(lambda tx, parts: _shown(tx, id, version)))


async def _shown(tx: AsyncSession, id: str, version: int | None) -> str:
    template = await _template(tx, id, version)
    dates = "、".join(anchor_title(name) for name in template.anchors)
    later = "、".join(anchor_title(name) for name in template.later)
    lines = [
        f"{template.title}（{template.id} v{template.version}，{template.department}）"
        + say("shown.review") * template.needs_clinician_review,
        say("shown.dates", dates=dates) + (say("shown.later", dates=later) if later else ""),
    ]
    if template.enrol_if is not None:
        lines.append(say("shown.enrol_if", condition=template.enrol_if))
    return "\n".join([*lines, *(_step(step) for step in template.steps)])


def _step(step: Step) -> str:
    phases = "；".join(
        ", ".join(f"{name} {value}" for name, value in phase.model_dump(mode="json", exclude_defaults=True).items() if name != "src")
        for phase in step.schedule
    )
    hours = "、".join(f"{hour}:00" for hour in step.hours) or say("shown.family_hour")
    condition = say("shown.only_if", condition=step.only_if) if step.only_if is not None else ""
    return f"- {step.title}（{step.id}，{step.kind}）：{anchor_title(step.anchor)} {phases}，{hours}{condition}"


def check_command(file: Path, *, here: bool) -> None:
    """`careloop plan check`. Raises AuthoringError with a line for each mistake."""
    template = read_definition(file)
    if here:

        async def work(tx: AsyncSession, parts: Core) -> str:
            wrong = await references(tx, template, now=parts.clock(), zone=parts.settings.tz)
            if wrong:
                raise DefinitionRefused("references", what="\n".join(wrong))
            return ""

        in_transaction(work)
    print(say("shown.good", title=template.title, id=template.id, version=template.version, steps=len(template.steps)))


def import_command(file: Path, by: str) -> None:
    """`careloop plan import`."""
    template = read_definition(file)

    async def work(who: Asked) -> str:
        await keep_draft(who.tx, template, by=who.staff.userid, now=who.now)
        return say("shown.kept", id=template.id, version=template.version)

    print(asked(work, by))


def export_command(id: str, version: int | None, *, as_fhir: bool) -> None:
    """`careloop plan export`."""

    async def work(tx: AsyncSession, parts: Core) -> str:
        template = await _template(tx, id, version)
        return json.dumps(to_fhir(template), ensure_ascii=False, indent=1) if as_fhir else to_yaml(template).rstrip()

    print(in_transaction(work))


def publish_command(id: str, version: int, by: str) -> None:
    """`careloop plan publish`."""

    async def work(who: Asked) -> str:
        template = await publish(who.tx, id, version, by=who.staff.userid, now=who.now, zone=who.zone)
        return say("shown.published", title=template.title, id=id, version=version)

    print(asked(work, by))


def retire_command(id: str, version: int, by: str) -> None:
    """`careloop plan retire`."""

    async def work(who: Asked) -> str:
        await retire(who.tx, id, version, by=who.staff.userid, now=who.now)
        return say("shown.retired", id=id, version=version)

    print(asked(work, by))


def diff_command(id: str, old: int, new: int) -> None:
    """`careloop plan diff`."""

    async def work(tx: AsyncSession, parts: Core) -> str:
        return difference_text(await _template(tx, id, old), await _template(tx, id, new))

    print(in_transaction(work))


def difference_text(old: PlanTemplate, new: PlanTemplate) -> str:
    """What differs, a line each."""
    found = difference(old, new)
    titles = old.titles | new.titles
    lines = [f"+ {id} {titles[id]}" for id in found.added] + [f"- {id} {titles[id]}" for id in found.removed]
    lines += [f"~ {id} {titles[id]}：{'、'.join(fields)}" for id, fields in found.changed.items()]
    lines += [f"~ {name}" for name in found.head]
    return "\n".join(lines) or say("shown.same")


async def _template(tx: AsyncSession, id: str, version: int | None) -> PlanTemplate:
    if version is None:
        return await newest_template(tx, id)
    found = await draft_or_version(tx, id, version)
    if found is None:
        raise DefinitionRefused("none", id=id, version=version)
    return found
