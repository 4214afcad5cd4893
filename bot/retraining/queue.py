"""The review queue as an administrator works on it: look, label, split, merge, reject, open again. Every move is a row."""

import asyncio
from collections import Counter
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from sqlalchemy import func, select
from sqlalchemy.ext.asyncio import AsyncSession

from bot.retraining.checks import Problem, check_new
from bot.retraining.data import accepted, base, domain_intents, held_out, normal_text
from bot.retraining.deidentify import placeholder
from bot.retraining.texts import RetrainingError
from records.labelled_example import EXAMPLE_MOVES, LabelledExample
from records.review import GROUP_MOVES, ReviewGroup, ReviewItem
from records.state import StateChange, created, move


@dataclass(frozen=True)
class GroupView:
    """A group as it is listed: how many messages for which reasons, each different text with how often it was said, first said first."""

    id: int
    state: str
    intent: str | None
    count: int
    why: dict[str, int]
    texts: list[tuple[int, str, int]]
    suggestions: list[dict[str, Any]]
    by: str | None = None
    at: datetime | None = None


@dataclass(frozen=True)
class Labelled:
    """What came of a label: the texts that became examples, and what was refused or is odd about the others."""

    examples: list[str]
    problems: list[Problem]


async def groups(
    tx: AsyncSession, *, state: str = "open", limit: int = 20, ids: Sequence[int] | None = None, newest: bool = False
) -> list[GroupView]:
    """The groups in `state` (or those of `ids`), the biggest first, or the last decided. A text comes as (item id, text, times said)."""
    order = ReviewGroup.decided_at.desc().nulls_last() if newest else func.count(ReviewItem.id).desc()
    chosen = (
        select(ReviewGroup, func.count(ReviewItem.id).label("count"))
        .outerjoin(ReviewItem, ReviewItem.group_id == ReviewGroup.id)
        .where(ReviewGroup.id.in_(ids) if ids is not None else ReviewGroup.state == state)
        .group_by(ReviewGroup.id)
        .order_by(order, ReviewGroup.id)
        .limit(limit)
    )
    found = [(group, count) for group, count in await tx.execute(chosen)]
    items = await items_of(tx, [group.id for group, _ in found])
    views = []
    for group, count in found:
        mine = items.get(group.id, [])
        first = {item.text: item.id for item in reversed(mine)}
        said = Counter(item.text for item in mine)
        texts = sorted((first[text], text, times) for text, times in said.items())
        why = dict(Counter(reason for item in mine for reason in item.why).most_common())
        views.append(
            GroupView(group.id, group.state, group.intent, count, why, texts, group.suggestions, group.decided_by, group.decided_at)
        )
    return views


async def label(tx: AsyncSession, root: Path, group_id: int, intent: str, *, by: str, now: datetime, words: str | None = None) -> Labelled:
    """Give the group its intent: its texts (or `words` in their place) become examples, but for those that the checks refuse.

    Raises RetrainingError when there is no such intent or open group, or when nothing is left to learn.
    """
    if intent not in domain_intents(root):
        raise RetrainingError("no_intent", intent=intent)
    group = await open_group(tx, group_id)
    texts = [words] if words is not None else [item.text for item in (await items_of(tx, [group_id])).get(group_id, [])]
    wanted = list(dict.fromkeys(filter(None, map(normal_text, texts))))
    problems = await weigh(tx, root, [(text, intent) for text in wanted])
    refused = {text for problem in problems if problem.refused for text in problem.texts}
    examples = [text for text in wanted if text not in refused]
    if not examples and any(problem.refused and problem.kind != "duplicate" for problem in problems):
        raise RetrainingError("nothing_to_learn", why=problems[0].sentence)
    await move(tx, group, "labelled", moves=GROUP_MOVES, at=now, by=by, reason=intent, intent=intent, decided_at=now, decided_by=by)
    await add_examples(tx, [(text, intent) for text in examples], by=by, now=now, source="review", group_id=group_id)
    return Labelled(examples, problems)


async def weigh(tx: AsyncSession, root: Path, wanted: Sequence[tuple[str, str]]) -> list[Problem]:
    """What is wrong with taking these (text, intent) beside all that is known; the loop goes on meanwhile."""
    known = await accepted(tx)
    return await asyncio.to_thread(lambda: check_new(wanted, base(root) + known, held_out(root)))


async def add_examples(
    tx: AsyncSession, examples: Sequence[tuple[str, str]], *, by: str, now: datetime, source: str, group_id: int | None = None
) -> None:
    """Take (text, intent) into the administrators' examples."""
    for text, intent in examples:
        row = LabelledExample(text=text, intent=intent, group_id=group_id, source=source, by=by, at=now)
        tx.add(row)
        await tx.flush()
        created(tx, row, at=now, by=by)


async def withdraw_examples(tx: AsyncSession, rows: Collection[LabelledExample], *, by: str, now: datetime, reason: str) -> None:
    """Take examples out again; models that have learned from them stay as they are."""
    for row in rows:
        await move(tx, row, "withdrawn", moves=EXAMPLE_MOVES, at=now, by=by, reason=reason)


async def reject(tx: AsyncSession, group_id: int, *, by: str, now: datetime, reason: str | None = None) -> None:
    """There is nothing to learn from it; the same words are not collected again."""
    group = await open_group(tx, group_id)
    await move(tx, group, "rejected", moves=GROUP_MOVES, at=now, by=by, reason=reason, decided_at=now, decided_by=by)


async def reopen(tx: AsyncSession, group_id: int, *, by: str, now: datetime) -> None:
    """Take a decision back, and with it the examples that came of it. Raises RetrainingError; what was erased does not come back."""
    group = await _group(tx, group_id)
    if "open" not in GROUP_MOVES[group.state] or not any(item.text for item in (await items_of(tx, [group_id])).get(group_id, [])):
        raise RetrainingError("cannot_reopen", group=group_id)
    mine = select(LabelledExample).where(LabelledExample.group_id == group_id, LabelledExample.state == "accepted")
    await withdraw_examples(tx, list(await tx.scalars(mine)), by=by, now=now, reason="group opened again")
    await move(tx, group, "open", moves=GROUP_MOVES, at=now, by=by, intent=None, decided_at=None, decided_by=None)


async def mask(tx: AsyncSession, group_id: int, part: str, *, by: str, now: datetime) -> None:
    """Put a placeholder where `part` stands in the group's texts: a name that nobody has on file. Raises RetrainingError."""
    group = await open_group(tx, group_id)
    found = [item for item in (await items_of(tx, [group_id])).get(group_id, []) if part and part in item.text]
    if not found:
        raise RetrainingError("not_there", part=part)
    for item in found:
        item.text = item.text.replace(part, placeholder("person"))
    # The words themselves are nowhere kept.
    tx.add(StateChange(entity="review_group", entity_id=group.id, old="open", new="open", at=now, by=by, reason="masked"))
    await tx.flush()


async def erase(tx: AsyncSession, group_id: int, *, by: str, now: datetime) -> None:
    """Forget the group's texts for good and reject it: something private is in them. Raises RetrainingError."""
    group = await open_group(tx, group_id)
    for item in (await items_of(tx, [group_id])).get(group_id, []):
        item.text = ""
    await move(tx, group, "rejected", moves=GROUP_MOVES, at=now, by=by, reason="private", decided_at=now, decided_by=by)


async def split(tx: AsyncSession, group_id: int, item_ids: Collection[int], *, by: str, now: datetime) -> int:
    """Move these items, and those with the same words, into a group of their own; its id. Raises RetrainingError."""
    group = await open_group(tx, group_id)
    items = (await items_of(tx, [group_id])).get(group_id, [])
    words = {item.text for item in items if item.id in item_ids}
    if not set(item_ids) <= {item.id for item in items} or not words:
        raise RetrainingError("not_in_group", group=group_id)
    taken = [item for item in items if item.text in words]
    if len(taken) == len(items):
        raise RetrainingError("nothing_left", group=group_id)
    new = ReviewGroup(created_at=now, suggestions=group.suggestions)
    tx.add(new)
    await tx.flush()
    created(tx, new, at=now, by=by, reason=f"split from {group_id}")
    await _regroup(tx, taken, new.id, by=by, now=now)
    return new.id


async def merge(tx: AsyncSession, into_id: int, other_ids: Collection[int], *, by: str, now: datetime) -> None:
    """Move everything of the other groups into `into_id`. Raises RetrainingError when one of them is not open."""
    await open_group(tx, into_id)
    for other_id in sorted(set(other_ids) - {into_id}):
        other = await open_group(tx, other_id)
        await _regroup(tx, (await items_of(tx, [other_id])).get(other_id, []), into_id, by=by, now=now)
        await move(tx, other, "merged", moves=GROUP_MOVES, at=now, by=by, reason=f"into {into_id}", decided_at=now, decided_by=by)


async def _regroup(tx: AsyncSession, items: Sequence[ReviewItem], group_id: int, *, by: str, now: datetime) -> None:
    for item in items:
        change = StateChange(entity="review_item", entity_id=item.id, old=f"group {item.group_id}", new=f"group {group_id}", at=now, by=by)
        tx.add(change)
        item.group_id = group_id
    await tx.flush()


async def items_of(tx: AsyncSession, group_ids: Sequence[int]) -> dict[int, list[ReviewItem]]:
    """The messages of these groups, first collected first."""
    found: dict[int, list[ReviewItem]] = {}
    for item in await tx.scalars(select(ReviewItem).where(ReviewItem.group_id.in_(group_ids)).order_by(ReviewItem.id)):
        found.setdefault(item.group_id, []).append(item)
    return found


async def _group(tx: AsyncSession, group_id: int) -> ReviewGroup:
    group = await tx.get(ReviewGroup, group_id, with_for_update=True)
    if group is None:
        raise RetrainingError("no_group", group=group_id)
    return group


async def open_group(tx: AsyncSession, group_id: int) -> ReviewGroup:
    """The group, locked, if there is something to decide. Raises RetrainingError."""
    group = await _group(tx, group_id)
    if group.state != "open":
        raise RetrainingError("not_open", group=group_id)
    return group
