"""A hospital's own rules: written as drafts, approved by somebody else, in force, retired. Versions stay on file."""

import asyncio
from collections.abc import Sequence
from datetime import datetime
from zoneinfo import ZoneInfo

from sqlalchemy import func, select
from sqlalchemy.ext.asyncio import AsyncSession

from plans.adaptation.book import in_force, loop_library, own_rules
from plans.adaptation.loops import check_no_loop
from plans.adaptation.names import unknown_names
from plans.adaptation.ready import RuleError, make_book
from plans.adaptation.rule import Rule, read_rules, shipped_rules
from plans.adaptation.try_out import run_examples
from plans.adaptation.words import say, words
from plans.authored import AuthoringError, open_authored
from records.adaptation import RULE_MOVES, AdaptationRule
from records.cohort import Cohort
from records.staff import Staff
from records.state import created, move
from tagging.cohort.scope import library_of
from tagging.tags.catalogue import tags


async def save_draft(tx: AsyncSession, text: str, *, author: Staff, now: datetime, zone: ZoneInfo, name: str = "text") -> AdaptationRule:
    """Keep the one rule of a text as a draft of its next version.

    Raises AuthoringError (what is written, with its line) and RuleError (examples that fail, names that there are not, circles).
    """
    _check_active(author)
    authored = await asyncio.to_thread(open_authored, text, name=name)
    rules = await asyncio.to_thread(read_rules, authored)
    if len(rules) != 1:
        raise AuthoringError(authored.problem(("rules",), say("own.one")))
    [rule] = rules
    last = await tx.scalar(
        select(func.max(AdaptationRule.version)).where(AdaptationRule.rule == rule.id, AdaptationRule.department == rule.department)
    )
    shipped = next((each.version for each in shipped_rules() if each.key == rule.key), 0)
    due = max(last or 0, shipped) + 1
    if rule.version != due:
        raise AuthoringError(authored.problem(("rules", 0, "version"), say("own.version", version=due)))
    await check_usable(tx, rule, now=now, zone=zone)
    draft = AdaptationRule(
        rule=rule.id,
        department=rule.department,
        version=rule.version,
        state="draft",
        definition=text,
        author=author.userid,
        created_at=now,
        changed_at=now,
    )
    tx.add(draft)
    await tx.flush()
    created(tx, draft, at=now, by=author.userid)
    return draft


async def activate(tx: AsyncSession, key: str, version: int, *, approver: Staff, now: datetime, zone: ZoneInfo) -> AdaptationRule:
    """Put a draft in force in place of the version before. Raises RuleError, also where the approver has written it himself."""
    _check_active(approver)
    draft = await _find(tx, key, version)
    if draft.state != "draft":
        raise RuleError(say("own.state", rule=key, version=version, state=words("states")[draft.state]))
    if draft.author == approver.userid:
        raise RuleError(say("own.same"))
    [rule] = read_rules(draft.definition, name=key)
    await check_usable(tx, rule, now=now, zone=zone)
    for row in await _active(tx, draft):
        await move(tx, row, "retired", moves=RULE_MOVES, at=now, by=approver.userid, reason=f"version {version}", changed_at=now)
    await move(tx, draft, "active", moves=RULE_MOVES, at=now, by=approver.userid, approver=approver.userid, changed_at=now)
    return draft


async def retire(tx: AsyncSession, key: str, version: int, *, by: Staff, now: datetime) -> AdaptationRule:
    """Take a version out of force, or drop a draft; a shipped rule of the name counts again. Raises RuleError."""
    _check_active(by)
    row = await _find(tx, key, version)
    if row.state == "retired":
        raise RuleError(say("own.state", rule=key, version=version, state=words("states")[row.state]))
    await move(tx, row, "retired", moves=RULE_MOVES, at=now, by=by.userid, changed_at=now)
    return row


async def check_usable(tx: AsyncSession, rule: Rule, *, now: datetime, zone: ZoneInfo) -> None:
    """Its examples come out as they say, what it names is there, and with the rules in force it makes no circle.

    Raises RuleError or LoopError.
    """
    await tags(tx, now)
    scope = (await library_of(tx)).scope(teams=None, private_of=(), now=now, zone=zone)
    cohorts = {row.name: row.id for row in await tx.execute(select(Cohort.name, Cohort.id).where(Cohort.state == "active"))}
    make_book([rule], scope, cohorts)
    if failures := run_examples([rule], scope):
        raise RuleError(say("own.failed", what="；".join(map(str, failures))))
    if unknown := await unknown_names(tx, rule):
        raise RuleError(say("mistakes.of_rule", rule=rule.key, what="；".join(unknown)))
    others = [each for each in in_force(await own_rules(tx, without=rule.key)) if each.key != rule.key]
    check_no_loop(make_book([*others, rule], scope, cohorts), await loop_library(tx))


async def _find(tx: AsyncSession, key: str, version: int) -> AdaptationRule:
    rule, _, department = key.partition("@")
    chosen = select(AdaptationRule).where(
        AdaptationRule.rule == rule, AdaptationRule.department == department, AdaptationRule.version == version
    )
    row: AdaptationRule | None = await tx.scalar(chosen.with_for_update())
    if row is None:
        raise RuleError(say("own.missing", rule=key, version=version))
    return row


async def _active(tx: AsyncSession, draft: AdaptationRule) -> Sequence[AdaptationRule]:
    chosen = select(AdaptationRule).where(
        AdaptationRule.rule == draft.rule, AdaptationRule.department == draft.department, AdaptationRule.state == "active"
    )
    return (await tx.scalars(chosen.with_for_update())).all()


def _check_active(staff: Staff) -> None:
    if not staff.active:
        raise RuleError(say("own.inactive"))
