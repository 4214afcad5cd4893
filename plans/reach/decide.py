"""Deciding for many families at once: a handful of statements, however many there are, and the ledger written in the same transaction."""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime
from zoneinfo import ZoneInfo

from sqlalchemy import BigInteger, any_, bindparam, exists, func, select
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.ext.asyncio import AsyncSession

from plans.errand import drop_errands
from plans.reach.budget import week_began
from plans.reach.policy import Policy, load_policy
from plans.reach.purpose import ORDER, PROACTIVE
from plans.reach.route import Channels, Decision, Known, Want, attempt_of, decide
from records.chat import Chat
from records.contact import Contact, attempts_since, plan_contacts
from records.errand import Errand
from records.friendship import friends_of
from records.message import Outbound
from records.patient import Carer
from records.push_address import addresses
from records.wecom import KfAccount

# The kind of errand that a family becomes which no route reaches.
NO_ROUTE = "no_route"

_IDS = any_(bindparam("carers", type_=ARRAY(BigInteger)))
# Chats before carers, each by id: in this order everybody locks them.
_CHATS = select(Chat).where(Chat.carer_id == _IDS).order_by(Chat.id).with_for_update().execution_options(populate_existing=True)
_CARERS = select(Carer).where(Carer.id == _IDS).order_by(Carer.id).with_for_update(key_share=True).execution_options(populate_existing=True)
_QUEUED = (
    select(Outbound.chat_id, func.count())
    .where(
        Outbound.chat_id == any_(bindparam("chats", type_=ARRAY(BigInteger))),
        Outbound.state == "queued",
        Outbound.route == "kf",
        Outbound.attempts == 0,
        Outbound.purpose.in_(sorted(PROACTIVE)),
    )
    .group_by(Outbound.chat_id)
)


async def decide_many(
    tx: AsyncSession, wants: Sequence[Want], *, now: datetime, zone: ZoneInfo, channels: Channels | None = None
) -> dict[str, Decision]:
    """What becomes of each want, by its key, and every attempt that is decided upon in the contact ledger as `planned`.

    The chats and carers stay locked until the transaction ends, so that two who decide for one family cannot both use the last of its
    budget. The caller puts what is to be sent into the outbox under `Decision.key`, in the same transaction. Several wants of one
    family are decided in the order of their purposes; each counts for the next.
    """
    if not wants:
        return {}
    channels = channels or Channels()
    ids = sorted({want.carer_id for want in wants})
    known = await known_of(tx, ids, now=now, zone=zone)
    policy = await load_policy(tx)
    decided = {}
    for want in sorted(wants, key=lambda each: ORDER.index(each.purpose) if each.purpose in ORDER else -1):
        if want.carer_id not in known:
            decided[want.key] = Decision("no", "no_carer")
            continue
        decided[want.key] = _decide(want, known, policy, channels, now=now, zone=zone)
    await _plan(tx, wants, decided, now)
    return decided


def _decide(want: Want, known: dict[int, Known], policy: Policy, channels: Channels, *, now: datetime, zone: ZoneInfo) -> Decision:
    family = known[want.carer_id]
    decision = decide(want, family, policy.of(want.department), channels, now=now, zone=zone)
    if decision.kind == "send":
        attempts = [*family.attempts, attempt_of(decision, want, now)]
        known[want.carer_id] = replace(family, attempts=attempts, queued=family.queued + (decision.route == "kf"))
    return decision


async def _plan(tx: AsyncSession, wants: Sequence[Want], decided: dict[str, Decision], now: datetime) -> None:
    """Write the attempts down. One that is in the ledger already is a repeat: its message is on its way."""
    rows = [
        Contact(
            key=decision.key,
            about=want.key,
            carer_id=want.carer_id,
            patient_id=want.patient_id,
            task_id=want.tasks[0] if want.tasks else None,
            tasks=list(want.tasks),
            purpose=want.purpose,
            route=decision.route,
            at=now,
        )
        for want in wants
        if (decision := decided[want.key]).kind == "send"
    ]
    fresh = await plan_contacts(tx, rows)
    for want in wants:
        decision = decided[want.key]
        if decision.kind == "send" and decision.key not in fresh:
            decided[want.key] = Decision("repeat", "due", route=decision.route, key=decision.key)
    await _reached(tx, {row.patient_id for row in rows if row.patient_id is not None}, now)


async def _reached(tx: AsyncSession, patients: set[int], now: datetime) -> None:
    """Families that can be reached again are no errand any more."""
    if patients and await tx.scalar(
        select(exists().where(Errand.patient_id.in_(patients), Errand.state == "open", Errand.kind == NO_ROUTE))
    ):
        await drop_errands(tx, sorted(patients), kinds=[NO_ROUTE], by="system", reason="reached", now=now)


async def known_of(tx: AsyncSession, ids: Sequence[int], *, now: datetime, zone: ZoneInfo) -> dict[int, Known]:
    """What is known of these carers now; their chats and rows stay locked."""
    chats: dict[int, list[Chat]] = defaultdict(list)
    for chat in await tx.scalars(_CHATS, {"carers": list(ids)}):
        chats[chat.carer_id or 0].append(chat)
    carers = {carer.id: carer for carer in await tx.scalars(_CARERS, {"carers": list(ids)})}
    latest = {carer: max(theirs, key=_lately) for carer, theirs in chats.items()}
    queued = {id: count for id, count in await tx.execute(_QUEUED, {"chats": [chat.id for chat in latest.values()]})}
    pushes = await addresses(tx, ids, now)
    friends = await friends_of(tx, [carer.external_userid for carer in carers.values() if carer.external_userid])
    attempts = await attempts_since(tx, ids, week_began(now, zone))
    link = bool(await tx.scalar(select(exists().where(KfAccount.contact_url.is_not(None)))))
    waiting = {carer: queued.get(chat.id, 0) for carer, chat in latest.items()}
    return {
        id: Known(
            carer,
            chat=latest.get(id),
            queued=waiting.get(id, 0),
            addresses=pushes.get(id, ()),
            friend=friends.get(carer.external_userid or ""),
            link=link,
            attempts=attempts.get(id, ()),
        )
        for id, carer in carers.items()
    }


def _lately(chat: Chat) -> tuple[bool, float, int]:
    """The chat in which the family wrote last comes last."""
    return (chat.window_from is not None, chat.window_from.timestamp() if chat.window_from else 0.0, chat.id)
