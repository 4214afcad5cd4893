"""Collecting what was not understood, was read unsurely, was corrected by the family, or was answered by a person."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import and_, delete, func, select, true
from sqlalchemy.dialects.postgresql import distinct_on
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import aliased

from bot.dialogue.features import LONGEST
from bot.dialogue.intent import FALLBACK
from bot.retraining.deidentify import deidentify, placeholders
from bot.retraining.likeness import Groups, normal
from bot.retraining.limits import Limits, limits
from bot.retraining.on_file import on_file
from records.chat import Chat
from records.labelled_example import LabelledExample
from records.message import CUSTOMER, SERVICER, Inbound
from records.patient import patients_by_carer
from records.review import ReviewGroup, ReviewItem
from records.state import created

# wecom-api §3.4: who wrote an item.
# Two who collect at once would group the same messages twice.
_LOCK = 5281


@dataclass(frozen=True)
class Message:
    """A family's message, what the dialogue read in it, and what came next in the chat."""

    read: dict[str, Any]
    sent_at: datetime
    next_origin: int | None
    next_read: dict[str, Any]
    next_at: datetime | None


def reasons(message: Message, limits: Limits) -> list[str]:
    """Why an administrator should look at it; empty when there is no need."""
    read, found = message.read, []
    in_form = "form" in read
    if read.get("missed") or (read.get("intent") == FALLBACK and not in_form):
        found.append("not_understood")
    elif read and not in_form and read["confidence"] < limits.unsure_below:
        found.append("unsure")
    waited = message.next_at - message.sent_at if message.next_at is not None else timedelta.max
    if (
        message.next_origin == CUSTOMER
        and message.next_read.get("intent") in limits.correcting
        and waited <= timedelta(minutes=limits.corrected_within_minutes)
    ):
        found.append("corrected")
    if message.next_origin == SERVICER and waited <= timedelta(minutes=limits.answered_within_minutes):
        found.append("answered_by_human")
    return found


async def collect(tx: AsyncSession, *, since: datetime, now: datetime, by: str) -> dict[str, int]:
    """Put the messages since `since` that need a look into groups, each once. How many, by reason.

    What has been labelled or rejected in the same words is left out.
    """
    await tx.execute(select(func.pg_advisory_xact_lock(_LOCK)))
    await _drop_recalled(tx)
    known, rules = await on_file(tx), limits()
    groups = Groups(await _leaders(tx), alike=rules.alike)
    decided = await _decided(tx)
    rows = (await tx.execute(_messages(since))).all()
    carers = {carer_id for row in rows if (carer_id := row.carer_id) is not None}
    children = await patients_by_carer(tx, sorted(carers)) if carers else {}
    counts: dict[str, int] = {}
    for row in rows:
        read, next_read = row.outcome.get("read") or {}, (row.next_outcome or {}).get("read") or {}
        why = reasons(Message(read, row.sent_at, row.next_origin, next_read, row.next_at), rules)
        if not why:
            continue
        text = deidentify(" ".join(row.text.split()), known.with_family(children.get(row.carer_id, [])))[:LONGEST]
        if not _says_something(text) or normal(text).rstrip("?") in decided:
            continue
        group_id = groups.find(text)
        if group_id is None:
            group = ReviewGroup(created_at=now)
            tx.add(group)
            await tx.flush()
            created(tx, group, at=now, by=by, reason=why[0])
            group_id = group.id
            groups.add(group_id, text)
        tx.add(
            ReviewItem(
                group_id=group_id,
                inbound_id=row.id,
                text=text,
                why=why,
                intent=read.get("intent"),
                confidence=read.get("confidence"),
                said_at=row.sent_at,
            )
        )
        for reason in why:
            counts[reason] = counts.get(reason, 0) + 1
    return counts


def _messages(since: datetime) -> Any:
    after = aliased(Inbound)
    following = (
        select(after.origin, after.outcome, after.sent_at)
        .where(after.chat_id == Inbound.chat_id, after.id > Inbound.id, after.origin.in_((CUSTOMER, SERVICER)))
        .order_by(after.id)
        .limit(1)
        .lateral("following")
    )
    return (
        select(
            Inbound.id,
            Inbound.text,
            Inbound.sent_at,
            Inbound.outcome,
            Chat.carer_id,
            following.c.origin.label("next_origin"),
            following.c.outcome.label("next_outcome"),
            following.c.sent_at.label("next_at"),
        )
        .join(Chat, Chat.id == Inbound.chat_id)
        .outerjoin(following, true())
        .outerjoin(ReviewItem, ReviewItem.inbound_id == Inbound.id)
        .where(
            and_(
                Inbound.origin == CUSTOMER,
                Inbound.msgtype == "text",
                Inbound.text.is_not(None),
                Inbound.menu_id.is_(None),
                Inbound.state != "new",
                # What a family took back is not kept a second time.
                ~Inbound.outcome.has_key("recalled_at"),
                Inbound.sent_at >= since,
                ReviewItem.id.is_(None),
            )
        )
        .order_by(Inbound.id)
    )


async def _drop_recalled(tx: AsyncSession) -> None:
    """What a family took back after it was collected goes too."""
    recalled = select(Inbound.id).where(Inbound.id == ReviewItem.inbound_id, Inbound.outcome.has_key("recalled_at"))
    await tx.execute(delete(ReviewItem).where(recalled.exists()).execution_options(synchronize_session=False))


async def _leaders(tx: AsyncSession) -> list[tuple[int, str]]:
    """The open groups with the first text of each."""
    rows = await tx.execute(
        select(ReviewItem.group_id, ReviewItem.text)
        .ext(distinct_on(ReviewItem.group_id))
        .join(ReviewGroup, ReviewGroup.id == ReviewItem.group_id)
        .where(ReviewGroup.state == "open")
        .order_by(ReviewItem.group_id, ReviewItem.id)
    )
    return [(group_id, text) for group_id, text in rows]


async def _decided(tx: AsyncSession) -> set[str]:
    """The words about which a decision stands."""
    accepted = await tx.scalars(select(LabelledExample.text).where(LabelledExample.state == "accepted"))
    rejected = await tx.scalars(
        select(ReviewItem.text).join(ReviewGroup, ReviewGroup.id == ReviewItem.group_id).where(ReviewGroup.state == "rejected")
    )
    return {normal(text).rstrip("?") for text in [*accepted, *rejected]}


def _says_something(text: str) -> bool:
    """Whether anything is left beside placeholders."""
    for placeholder in placeholders():
        text = text.replace(placeholder, "")
    return bool(normal(text))
