"""What `careloop rule …` does."""

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from bot.app import Core, core
from bot.cli_run import command_settings
from bot.links import find_patient
from bot.rule_trial import standing, trial
from plans.adaptation.book import in_force, own_rules
from plans.adaptation.explain import told
from plans.adaptation.loops import Library, check_no_loop
from plans.adaptation.own import activate, retire, save_draft
from plans.adaptation.ready import RuleError
from plans.adaptation.rule import Rule, read_rules
from plans.adaptation.span import span_of
from plans.adaptation.try_out import book_alone, run_examples, shipped_scope
from plans.adaptation.undo import firings_of, undo
from plans.adaptation.words import say, words
from records.adaptation import AdaptationRule
from records.staff import Staff
from tagging.tags.library import shipped


def check_command(file: Path) -> None:
    """`careloop rule check`. Raises AuthoringError, RuleError or LoopError."""
    rules = read_rules(file)
    if failures := run_examples(rules):
        raise RuleError("\n".join(map(str, failures)))
    check_no_loop(book_alone(in_force(rules)), _shipped_library())
    print(say("cli.checked", rules=len(rules), tests=sum(len(rule.tests) for rule in rules)))


def list_command() -> None:
    """`careloop rule list`."""

    async def work(tx: AsyncSession, parts: Core) -> list[str]:
        rules = await standing(tx, now=parts.clock(), zone=parts.settings.tz)
        lines = [_line(each.rule, each.own, each.broken) for each in rules]
        drafts = select(AdaptationRule).where(AdaptationRule.state == "draft").order_by(AdaptationRule.id)
        for row in await tx.scalars(drafts):
            key = f"{row.rule}@{row.department}" if row.department else row.rule
            lines.append(say("cli.draft", rule=key, version=row.version, author=row.author))
        return lines

    print("\n".join(_run(work)))


def save_command(file: Path, by: str) -> None:
    """`careloop rule save`."""
    text = file.read_text(encoding="utf-8") if file.is_file() else ""
    # A file that cannot be read at all is told by the one reader.
    read_rules(file)

    async def work(tx: AsyncSession, parts: Core) -> list[str]:
        staff = await _staff(tx, by)
        row = await save_draft(tx, text, author=staff, now=parts.clock(), zone=parts.settings.tz, name=file.name)
        return [say("cli.saved", rule=row.rule, version=row.version)]

    print("\n".join(_run(work)))


def activate_command(name: str, version: int, by: str) -> None:
    """`careloop rule activate`."""

    async def work(tx: AsyncSession, parts: Core) -> list[str]:
        await activate(tx, name, version, approver=await _staff(tx, by), now=parts.clock(), zone=parts.settings.tz)
        return [say("cli.active", rule=name, version=version)]

    print("\n".join(_run(work)))


def retire_command(name: str, version: int, by: str) -> None:
    """`careloop rule retire`."""

    async def work(tx: AsyncSession, parts: Core) -> list[str]:
        await retire(tx, name, version, by=await _staff(tx, by), now=parts.clock())
        return [say("cli.retired", rule=name, version=version)]

    print("\n".join(_run(work)))


def firings_command(record_number: str, by: str, limit: int) -> None:
    """`careloop rule firings`."""

    async def work(tx: AsyncSession, parts: Core) -> list[str]:
        patient = await find_patient(tx, record_number)
        rows = await firings_of(tx, await _staff(tx, by), patient.id, now=parts.clock(), limit=limit)
        titles = {rule.id: rule.title for rule in in_force(await own_rules(tx))}
        return [line for row in rows for line in told(row, titles.get(row.rule, ""), parts.settings.tz)] or [say("cli.no_firing")]

    print("\n".join(_run(work)))


def undo_command(number: int, by: str, why: str) -> None:
    """`careloop rule undo`."""

    async def work(tx: AsyncSession, parts: Core) -> list[str]:
        return await undo(tx, await _staff(tx, by), number, why=why, now=parts.clock(), zone=parts.settings.tz)

    print("\n".join(_run(work)))


def dry_run_command(file: Path, since: str, by: str) -> None:
    """`careloop rule dry-run`."""
    rules = read_rules(file)
    try:
        back = span_of(since)
    except ValueError as err:
        raise RuleError(str(err)) from err

    async def work(tx: AsyncSession, parts: Core) -> list[str]:
        staff = await _staff(tx, by) if by else None
        return await trial(tx, rules, back, staff=staff, now=parts.clock(), zone=parts.settings.tz)

    print("\n".join(_run(work)))


def _line(rule: Rule, own: bool, broken: str | None) -> str:
    state = say("cli.broken", why=broken) if broken else say("cli.off") if rule.off else ""
    whose = say("cli.own" if own else "cli.shipped")
    review = say("cli.review") if rule.needs_clinician_review else ""
    does = "、".join(words("acts")[do.name] for do in rule.do)
    return say("cli.line", rule=rule.key, version=rule.version, title=rule.title, whose=whose, does=does, state=f"{review}{state}")


def _shipped_library() -> Library:
    """The exclusive groups of the shipped tags; cohorts are the hospital's own and are looked at when a rule is saved."""
    entries = shipped().entries
    return Library({id: group for id, tag in shipped_scope().tags.items() if (group := entries[tag.code].group)}, {})


async def _staff(tx: AsyncSession, userid: str) -> Staff:
    staff: Staff | None = await tx.scalar(select(Staff).where(Staff.userid == userid))
    if staff is None:
        raise RuleError(say("cli.no_staff", userid=userid))
    return staff


def _run(work: Callable[[AsyncSession, Core], Awaitable[list[str]]]) -> list[str]:
    async def run() -> list[str]:
        async with core(command_settings("rule"), role="rule", pool_size=2) as parts, parts.db.transaction() as tx:
            return await work(tx, parts)

    return asyncio.run(run())
