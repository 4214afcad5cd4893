"""The family has come: by the link of a push, or because it wrote. What was announced to it opens now."""

from collections.abc import Sequence
from datetime import datetime, timedelta

from sqlalchemy import BigInteger, any_, bindparam, exists, func, select
from sqlalchemy.dialects.postgresql import ARRAY, distinct_on
from sqlalchemy.ext.asyncio import AsyncSession

from plans.invitation import signing_key
from plans.reach.link import verify
from records.care_plan import Task
from records.chat import Chat
from records.contact import CONTACT_MOVES, NOT_MADE, Contact, move_contacts
from records.patient import PatientCarer

# An answer after this is no answer to that attempt any more.
ANSWERED_WITHIN = timedelta(days=7)
_OPEN = tuple(state for state, moves in CONTACT_MOVES.items() if "answered" in moves)


async def answered_by(tx: AsyncSession, carer_ids: Sequence[int], now: datetime) -> None:
    """These carers have written: what was sent to them in the last week was answered."""
    rows = await tx.execute(
        select(Contact.key, Contact.state).where(
            Contact.carer_id.in_(carer_ids), Contact.at > now - ANSWERED_WITHIN, Contact.state.in_(_OPEN), Contact.state != "planned"
        )
    )
    if keys := [row.key for row in rows]:
        await move_contacts(tx, keys, "answered", now=now)


async def announced_to(tx: AsyncSession, carer_ids: Sequence[int], now: datetime) -> list[int]:
    """The follow-ups that were announced to these carers, or whose opening found their window closed; still useful and not opened."""
    rows = await tx.scalars(
        select(Task.id)
        .join(Contact, Task.id == any_(Contact.tasks))
        .where(
            Contact.carer_id.in_(carer_ids),
            Contact.at > now - ANSWERED_WITHIN,
            Task.state.in_(("sent", "reminded")),
            Task.chat_id.is_(None),
            Task.useful_until > now,
        )
        .order_by(Task.due_at, Task.id)
        .ext(distinct_on(Task.due_at, Task.id))
    )
    return list(rows)


async def entered(tx: AsyncSession, chat: Chat, token: str | None, now: datetime) -> list[int]:
    """Somebody has entered the chat, perhaps by the link of a push (`token`): the follow-ups that open for him.

    A link that was passed on opens nothing for others, and says nothing about whose it was.
    """
    if chat.carer_id is None:
        return []
    contact_id = verify(await signing_key(tx), token, now) if token else None
    contact = await tx.get(Contact, contact_id) if contact_id is not None else None
    if contact is not None and contact.carer_id == chat.carer_id:
        await move_contacts(tx, [contact.key], "opened", now=now)
    return await announced_to(tx, [chat.carer_id], now)


async def is_under_way(tx: AsyncSession, about: str) -> bool:
    """Whether an attempt for this has been made, or is about to be, that did not fail."""
    made = exists().where(Contact.about == about, Contact.state.not_in(("failed", "refused", "withdrawn")))
    return bool(await tx.scalar(select(made)))


_TASKS = bindparam("tasks", type_=ARRAY(BigInteger))
_OF_TASKS = (
    select(func.unnest(Contact.tasks), Contact.state, Contact.route, Contact.purpose)
    .where(
        Contact.tasks.overlap(_TASKS),
        Contact.carer_id.in_(
            select(PatientCarer.carer_id).where(PatientCarer.patient_id.in_(select(Task.patient_id).where(Task.id == any_(_TASKS))))
        ),
    )
    .order_by(Contact.id)
)


async def under_way(tx: AsyncSession, task_ids: Sequence[int]) -> dict[int, str]:
    """Those of these follow-ups for whose opening an attempt has been made, or is about to be, that did not fail; and how it stands."""
    return {id: state for id, state, _, purpose in await _attempts(tx, task_ids) if purpose == "task" and state not in NOT_MADE}


async def told_by(tx: AsyncSession, task_ids: Sequence[int]) -> dict[int, str]:
    """What became of the last message in the chat that told of each of these follow-ups; those without one are left out."""
    return {id: state for id, state, route, purpose in await _attempts(tx, task_ids) if route == "kf" and purpose == "task"}


async def _attempts(tx: AsyncSession, task_ids: Sequence[int]) -> list[tuple[int, str, str, str]]:
    wanted = set(task_ids)
    if not wanted:
        return []
    rows = await tx.execute(_OF_TASKS, {"tasks": list(wanted)})
    return [(row[0], row[1], row[2], row[3]) for row in rows if row[0] in wanted]
