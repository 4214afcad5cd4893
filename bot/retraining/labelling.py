"""One group after the other for everybody who labels: who looks at one has it for himself, and nobody decides what he has not seen."""

import asyncio
from collections import Counter
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

from sqlalchemy import func, or_, select, update
from sqlalchemy.ext.asyncio import AsyncSession

from bot.retraining import queue
from bot.retraining.data import domain_intents, normal_text
from bot.retraining.deidentify import deidentify
from bot.retraining.on_file import on_file
from bot.retraining.texts import RetrainingError
from records.labelled_example import LabelledExample
from records.review import ReviewGroup, ReviewItem

# Who looks at a group and does nothing for so long has gone away.
HOLD = timedelta(minutes=5)


@dataclass(frozen=True)
class Line:
    """One different text of a group: how often it was said, when last, why it is here, and what the model read at the time."""

    item_id: int
    text: str
    times: int
    said_at: datetime
    why: tuple[str, ...]
    intent: str | None
    confidence: float | None


@dataclass(frozen=True)
class Seen:
    """A group as somebody sees it. `mark` stands for its messages: with it a decision says what it is about."""

    group: ReviewGroup
    lines: list[Line]
    mark: str


@dataclass(frozen=True)
class Progress:
    """How many groups and messages wait, by reason; how many were decided since `since`; how many others hold."""

    groups: int
    messages: int
    why: dict[str, int]
    decided: int
    held: int


async def look_at(tx: AsyncSession, group_id: int) -> Seen:
    """The group, in whatever state it is. Raises RetrainingError when there is none."""
    group = await tx.get(ReviewGroup, group_id)
    if group is None:
        raise RetrainingError("no_group", group=group_id)
    items = (await queue.items_of(tx, [group_id])).get(group_id, [])
    return Seen(group, _lines(items), _mark(items))


async def take(tx: AsyncSession, group_id: int, *, who: str, now: datetime) -> bool:
    """Hold an open group, and let go of all others; False when somebody else holds it."""
    free = or_(ReviewGroup.held_by.is_(None), ReviewGroup.held_by == who, ReviewGroup.held_until < now)
    wanted = update(ReviewGroup).where(ReviewGroup.id == group_id, ReviewGroup.state == "open", free)
    taken = await tx.scalar(wanted.values(held_by=who, held_until=now + HOLD).returning(ReviewGroup.id))
    if taken is None:
        return False
    await tx.execute(
        update(ReviewGroup).where(ReviewGroup.held_by == who, ReviewGroup.id != group_id).values(held_by=None, held_until=None)
    )
    return True


async def take_next(tx: AsyncSession, *, who: str, now: datetime, why: str | None = None, after: int | None = None) -> Seen | None:
    """The biggest open group that nobody else holds, or the one that follows `after`; None when there is none (behind it)."""
    size = func.count(ReviewItem.id)
    rows = select(ReviewGroup.id, size).join(ReviewItem, ReviewItem.group_id == ReviewGroup.id).group_by(ReviewGroup.id)
    rows = rows.where(ReviewGroup.state == "open")
    if why is not None:
        rows = rows.having(func.bool_or(ReviewItem.why.has_key(why)))
    order = sorted((-count, group_id) for group_id, count in (await tx.execute(rows)))
    if after is not None:
        place = (-int(await tx.scalar(select(func.count()).where(ReviewItem.group_id == after)) or 0), after)
        order = [each for each in order if each > place]
    for _, group_id in order:
        if await take(tx, group_id, who=who, now=now):
            return await look_at(tx, group_id)
    return None


async def progress(tx: AsyncSession, *, who: str, now: datetime, since: datetime) -> Progress:
    """How far the work is."""
    items = (await tx.execute(select(ReviewItem.group_id, ReviewItem.why).join(ReviewGroup).where(ReviewGroup.state == "open"))).all()
    why: dict[str, set[int]] = {}
    for group_id, reasons in items:
        for reason in reasons:
            why.setdefault(reason, set()).add(group_id)
    decided = select(func.count()).where(ReviewGroup.state.in_(("labelled", "rejected")), ReviewGroup.decided_at >= since)
    held = select(func.count()).where(ReviewGroup.state == "open", ReviewGroup.held_by != who, ReviewGroup.held_until >= now)
    counts = {reason: len(groups) for reason, groups in sorted(why.items(), key=lambda each: -len(each[1]))}
    return Progress(len({group_id for group_id, _ in items}), len(items), counts, await tx.scalar(decided) or 0, await tx.scalar(held) or 0)


async def label(
    tx: AsyncSession,
    root: Path,
    group_id: int,
    intent: str,
    *,
    by: str,
    now: datetime,
    mark: str,
    chosen: Collection[int],
    words: str | None,
) -> queue.Labelled:
    """Label what was seen and is `chosen` (item ids); the rest becomes a group of its own and waits. Raises RetrainingError."""
    await check_seen(tx, group_id, mark)
    items = (await queue.items_of(tx, [group_id])).get(group_id, [])
    texts = {item.text for item in items if item.id in chosen}
    others = [item.id for item in items if item.text not in texts]
    if not texts:
        raise RetrainingError("not_in_group", group=group_id)
    if others:
        await queue.split(tx, group_id, others, by=by, now=now)
    return await queue.label(tx, root, group_id, intent, by=by, now=now, words=words)


async def check_seen(tx: AsyncSession, group_id: int, mark: str) -> None:
    """Lock the group. Raises RetrainingError when it is decided already, or is not what was seen any more."""
    await queue.open_group(tx, group_id)
    if _mark((await queue.items_of(tx, [group_id])).get(group_id, [])) != mark:
        raise RetrainingError("changed", group=group_id)


async def reword(
    tx: AsyncSession, root: Path, row: LabelledExample, words: str, intent: str, *, by: str, now: datetime, forget: bool
) -> None:
    """Put other words, or another intent, in the place of an example; `forget` the old words for good. Raises RetrainingError."""
    text = normal_text(words)
    if not text:
        raise RetrainingError("not_text")
    if intent not in domain_intents(root):
        raise RetrainingError("no_intent", intent=intent)
    await queue.withdraw_examples(tx, [row], by=by, now=now, reason="mended")
    if forget:
        row.text = ""
        await tx.flush()
    problems = await queue.weigh(tx, root, [(text, intent)])
    if wrong := [problem for problem in problems if problem.kind != "duplicate"]:
        raise RetrainingError("nothing_to_learn", why=wrong[0].sentence)
    if not problems:
        await queue.add_examples(tx, [(text, intent)], by=by, now=now, source=row.source, group_id=row.group_id)


async def mask_examples(tx: AsyncSession, root: Path, *, by: str, now: datetime) -> int:
    """Put placeholders into all examples that still tell who somebody is, and forget the old words; how many."""
    known = await on_file(tx)
    rows = list(await tx.scalars(select(LabelledExample).where(LabelledExample.state == "accepted").order_by(LabelledExample.id)))
    clean = await asyncio.to_thread(lambda: [deidentify(row.text, known) for row in rows])
    mended = [(row, text) for row, text in zip(rows, clean, strict=True) if text != row.text]
    for row, text in mended:
        await reword(tx, root, row, text, row.intent, by=by, now=now, forget=True)
    return len(mended)


def _lines(items: Sequence[ReviewItem]) -> list[Line]:
    said = Counter(item.text for item in items)
    lines = []
    for text, times in said.items():
        mine = [item for item in items if item.text == text]
        last = max(mine, key=lambda item: item.said_at)
        why = tuple(dict.fromkeys(reason for item in mine for reason in item.why))
        lines.append(Line(mine[0].id, text, times, last.said_at, why, last.intent, last.confidence))
    return lines


def _mark(items: Sequence[ReviewItem]) -> str:
    return f"{len(items)}-{max((item.id for item in items), default=0)}"
