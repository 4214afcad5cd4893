"""From a decision of plans/reach to the outbox, and from what became of it to the ledger and the next route."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import structlog
from sqlalchemy import select, update
from sqlalchemy.ext.asyncio import AsyncSession

from bot.jobs import BULK, NORMAL, URGENT, Job, defer
from bot.lines import hand_over
from bot.push import PushPorts
from bot.texts import say as words
from integrations.push import PushReceipt, PushRefused
from plans.death import DIED
from plans.errand import BY_HAND
from plans.reach.decide import NO_ROUTE, decide_many
from plans.reach.purpose import is_proactive
from plans.reach.route import PUSHES, Channels, Decision, Want
from plans.task import unopened
from plans.task_key import tasks_in
from plans.wording import words as wording
from records.care_plan import Task
from records.contact import Contact, move_contacts
from records.errand import Errand, NewErrand, raise_errands
from records.message import HELD, Outbound, enqueue_all
from records.patient import Patient
from records.staff import Team

log = structlog.get_logger(__name__)

# The one template that every push channel has for "something waits in the chat" (docs/routes.md).
TEMPLATE = "task"
# A member confirms one mass message for many families rather than many for one each (R).
COLLECT_FOR = timedelta(minutes=10)
# The outbox lines of what a member is to confirm.
GROUP_LINE = "group:"
# The purpose of an opening that a family has come for: an answer to it, which neither the night nor the budget holds back.
OPENED = "opened"
# Why a row that nobody has tried to send was taken back.
TASK_ENDED, STOPPED, USELESS = "task_ended", "stopped", "no longer useful"
_NEVER_TRIED = frozenset({TASK_ENDED, STOPPED, USELESS, DIED})


@dataclass(frozen=True)
class Means:
    """What this installation can do to reach a family, and the zone of its calendar."""

    zone: ZoneInfo
    channels: Channels = field(default_factory=Channels)


@dataclass(frozen=True)
class Message:
    """What one want is to say: a WeCom body for the chat, and the title (integrations/push.yml) that a push has instead of it.

    `body` None: nothing is kept for the chat; the caller says it himself when the family comes, as follow-ups do.
    """

    want: Want
    body: dict[str, Any] | None
    title: str = "task"


def channels_of(ports: PushPorts, *, group_send: bool = True) -> Channels:
    """The push channels of this installation that can announce something, as the choice of a route wants to know them."""
    templates: dict[str, str | None] = {}
    for channel in ports.channels:
        try:
            templates[channel] = ports.consent_template(channel, TEMPLATE)
        except PushRefused as err:
            log.error("a push channel has no template", channel=channel, code=err.code)
    return Channels(templates, group_send=group_send)


async def reach_many(tx: AsyncSession, messages: Sequence[Message], *, now: datetime, means: Means) -> dict[str, Decision]:
    """Decide for all (see decide_many) and put what is to be sent into the outbox; what became of each want, by its key.

    A message whose family is announced to by another route waits in the chat's line until the family comes. A family that is a
    clinician's to write to becomes an errand with the words to say. What may wait, or cannot be done, is the caller's.
    """
    decided = await decide_many(tx, [each.want for each in messages], now=now, zone=means.zone, channels=means.channels)
    await carry_out(tx, messages, decided, now)
    return decided


async def carry_out(tx: AsyncSession, messages: Sequence[Message], decided: Mapping[str, Decision], now: datetime) -> None:
    """Put what is to be sent into the outbox, and hand its lines to the engine."""
    rows: list[dict[str, Any]] = []
    by_hand: list[tuple[Message, Decision]] = []
    for each in messages:
        decision = decided[each.want.key]
        if decision.kind != "send":
            continue
        if decision.route == "hand":
            by_hand.append((each, decision))
        elif decision.route != "kf":
            rows.append(_row(each, decision, now))
        if each.body is not None and decision.chat is not None:
            rows.append(_in_chat(each, decision, now))
    await enqueue_all(tx, rows)
    await _ask_clinicians(tx, by_hand, now)
    await hand_over(tx, [row for row in rows if row["not_before"] <= now and row["error"] is None], priority=BULK)


def _in_chat(each: Message, decision: Decision, now: datetime) -> dict[str, Any]:
    """The message itself: now, or when the family has come."""
    chat = decision.chat
    assert chat is not None  # noqa: S101 - the caller has looked
    held = None if decision.route == "kf" else HELD
    key = decision.key if decision.route == "kf" else each.want.key
    row = _outbound(key, f"chat:{chat.id}", "kf", each.body or {}, each.want, now)
    return row | {"chat_id": chat.id, "error": held}


def _row(each: Message, decision: Decision, now: datetime) -> dict[str, Any]:
    """What announces it by another route."""
    want = each.want
    if decision.route == "group_send":
        row = _outbound(
            decision.key, f"{GROUP_LINE}{decision.member}", "group_send", {"title": each.title, "carer_id": want.carer_id}, want, now
        )
        return row | {"not_before": now + COLLECT_FOR}
    assert decision.address is not None and decision.route in PUSHES  # noqa: S101 - what a push decision is
    payload = {"title": each.title, "address": decision.address.id, "carer_id": want.carer_id}
    return _outbound(decision.key, f"family:{want.carer_id}", str(decision.route), payload, want, now)


def _outbound(key: str, line: str, route: str, payload: dict[str, Any], want: Want, now: datetime) -> dict[str, Any]:
    return {
        "key": key,
        "line": line,
        "route": route,
        "payload": payload,
        "purpose": want.purpose,
        "chat_id": None,
        "not_before": now,
        "useful_until": want.useful_until,
        "created_at": now,
        "error": None,
    }


async def _ask_clinicians(tx: AsyncSession, by_hand: Sequence[tuple[Message, Decision]], now: datetime) -> None:
    """An errand with the words to say, for each family that only a clinician can write to."""
    ids = [each.want.patient_id for each, _ in by_hand if each.want.patient_id is not None]
    if not ids:
        return
    patients = {patient.id: patient for patient in await tx.scalars(select(Patient).where(Patient.id.in_(ids)))}
    errands = [
        NewErrand(
            patient_id=patient.id,
            team_id=patient.team_id,
            kind=BY_HAND,
            text=words("reach.by_hand"),
            because=words("reach.by_hand_because"),
            key=f"{BY_HAND}:{decision.key}",
            due_at=each.want.useful_until,
        )
        for each, decision in by_hand
        if (patient := patients.get(each.want.patient_id or 0)) is not None
    ]
    await raise_errands(tx, errands, now=now)
    await move_contacts(tx, [decision.key for _, decision in by_hand], "sent", now=now)


async def unreachable(tx: AsyncSession, patients: Sequence[Patient], reason: str, now: datetime) -> None:
    """No lawful route leads to the family of these patients: one errand each, until the family can be reached again."""
    known = set(
        await tx.scalars(
            select(Errand.patient_id).where(
                Errand.patient_id.in_([patient.id for patient in patients]), Errand.state == "open", Errand.kind == NO_ROUTE
            )
        )
    )
    because = str(wording("undeliverable").get(reason, reason))
    errands = [
        NewErrand(patient.id, patient.team_id, NO_ROUTE, words("reach.no_route"), because, f"{NO_ROUTE}:{patient.id}:{now:%Y%m%d%H%M%S}")
        for patient in patients
        if patient.id not in known
    ]
    await raise_errands(tx, errands, now=now)


async def not_arrived(tx: AsyncSession, row: Outbound, code: str, *, refused: bool, now: datetime, means: Means) -> bool:
    """An attempt did not reach the family: the ledger learns why, and the next lawful route is looked for. False when it is no attempt.

    `refused`: the family does not want it there. Follow-ups look for their next route by themselves (bot/follow_up.py), at once.
    """
    if not is_proactive(row.purpose):
        return False
    state = "refused" if refused else "withdrawn" if row.state == "withdrawn" and code in _NEVER_TRIED else "failed"
    moved = await move_contacts(tx, [row.key], state, now=now, error=code)
    contact = await tx.scalar(select(Contact).where(Contact.key == row.key))
    if contact is None or not moved:
        return contact is not None
    if contact.purpose == "task":
        await again(tx, contact.tasks, code, now)
    elif contact.purpose != "reminder" and (row.useful_until is None or now < row.useful_until):
        await _another_route(tx, contact, row, code, now=now, means=means)
    return True


async def _another_route(tx: AsyncSession, contact: Contact, row: Outbound, code: str, *, now: datetime, means: Means) -> None:
    """The message itself waits for the family in its chat, as before; only what announces it goes another way."""
    patient = await tx.get(Patient, contact.patient_id) if contact.patient_id is not None else None
    team = await tx.get(Team, patient.team_id) if patient is not None else None
    want = Want(
        contact.about,
        contact.carer_id,
        contact.purpose,
        contact.patient_id,
        department=team.name if team is not None else None,
        useful_until=row.useful_until,
    )
    title = str(row.payload.get("title", "message"))
    decided = await reach_many(tx, [Message(want, None, title)], now=now, means=means)
    decision = decided[contact.about]
    if decision.kind == "no" and contact.purpose == "push" and patient is not None:
        await unreachable(tx, [patient], decision.reason if decision.reason != "refused" else code, now)


async def again(tx: AsyncSession, task_ids: Sequence[int], reason: str, now: datetime) -> None:
    """Have these follow-ups look for another route."""
    back = []
    for task_id in task_ids:
        task = await tx.get(Task, task_id)
        if task is not None and await unopened(tx, task, now=now, reason=reason):
            back.append(task_id)
    # They belong to one family, and one look is enough for all.
    await defer(tx, [Job("run_task", str(task_id)) for task_id in back[:1]], priority=NORMAL)


async def open_now(tx: AsyncSession, task_ids: Sequence[int], now: datetime) -> None:
    """The family has come: the follow-ups that were announced to it are opened at once, in one conversation if there are several."""
    await tx.execute(update(Task).where(Task.id.in_(task_ids)).values(next_at=now).execution_options(synchronize_session="fetch"))
    await defer(tx, [Job("run_task", str(task)) for task in task_ids[:1]], priority=URGENT)


async def taken_back(tx: AsyncSession, row: Outbound, code: str, now: datetime) -> None:
    """The opening that a family came for did not arrive: it is said when the family writes again."""
    for task_id in tasks_in(row.key):
        task = await tx.get(Task, task_id)
        if task is not None and await unopened(tx, task, now=now, reason=code):
            task.next_at = task.useful_until


async def receipt(tx: AsyncSession, told: PushReceipt, *, now: datetime, means: Means) -> None:
    """A platform tells what became of a push that it had taken."""
    found = select(Contact).where(Contact.route == told.channel)
    contact = await tx.scalar(found.where(Contact.key == told.key) if told.key else found.where(Contact.reference == told.message_id))
    if contact is None:
        log.info("a receipt for nothing that we sent", channel=told.channel)
        return
    if told.delivered:
        await move_contacts(tx, [contact.key], "delivered", now=now)
        return
    row = await tx.get(Outbound, contact.key, with_for_update=True)
    if row is not None:
        row.state, row.error = "failed", told.code
        await not_arrived(tx, row, str(told.code), refused=told.code == "user_blocked", now=now, means=means)
