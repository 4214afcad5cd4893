"""Who speaks for a child: a carer joins, parts, becomes the one whom follow-ups go to. Every change is a row."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from records.chat import Chat, latest_chat
from records.message import enqueue
from records.patient import Carer, Patient, PatientCarer
from records.retag import ask_retag
from records.state import StateChange

# More than these and a nurse should look at what is going on.
MOST_CARERS, MOST_CHILDREN = 6, 8
# That somebody joined is worth knowing for as long as the family may stay silent.
NEWS_FOR = timedelta(days=30)


@dataclass(frozen=True)
class Joined:
    """A carer who now speaks for a child; `others` were there before."""

    carer: Carer
    primary: bool
    others: int


async def carers_of(tx: AsyncSession, patient_id: int, *, lock: bool = False) -> list[tuple[PatientCarer, Carer]]:
    """The carers of a child, the primary one first. With `lock` nobody joins or parts meanwhile."""
    if lock:
        # The patient's row is the lock: two who join at once cannot both find nobody.
        await tx.execute(select(Patient.id).where(Patient.id == patient_id).with_for_update())
    rows = await tx.execute(
        select(PatientCarer, Carer)
        .join(Carer, Carer.id == PatientCarer.carer_id)
        .where(PatientCarer.patient_id == patient_id)
        .order_by(PatientCarer.primary.desc(), Carer.id)
    )
    return [(link, carer) for link, carer in rows]


async def join(
    tx: AsyncSession, patient: Patient, chat: Chat, *, relationship: str, phone: str | None, now: datetime, by: str = "family"
) -> Joined:
    """Bind the account of `chat` to `patient`: its chats are his from now on. The first carer is the primary one."""
    before = await carers_of(tx, patient.id, lock=True)
    carer = await tx.scalar(select(Carer).where(Carer.external_userid == chat.external_userid))
    if carer is None:
        carer = Carer(name=f"{patient.name}的{relationship}", external_userid=chat.external_userid, phone=phone)
        tx.add(carer)
        await tx.flush()
    carer.phone = carer.phone or phone
    link = next((link for link, each in before if each.id == carer.id), None)
    if link is None:
        link = PatientCarer(patient_id=patient.id, carer_id=carer.id, relationship=relationship, primary=not before)
        tx.add(link)
        await tx.flush()
        note(tx, patient.id, "bound", by=by, now=now, carer=carer.id, relationship=relationship, primary=link.primary)
    first_child = await tx.scalar(
        select(PatientCarer.patient_id).where(PatientCarer.carer_id == carer.id, PatientCarer.patient_id != patient.id)
    )
    for each in [chat, *await tx.scalars(select(Chat).where(Chat.external_userid == chat.external_userid, Chat.id != chat.id))]:
        each.carer_id = carer.id
        if first_child is None:
            each.team_id = patient.team_id
    chat.patient_id = patient.id
    await ask_retag(tx, [patient.id], now)
    return Joined(carer, link.primary, sum(each.id != carer.id for _, each in before))


async def part(tx: AsyncSession, patient: Patient, carer: Carer, *, by: str, reason: str, now: datetime) -> bool:
    """Unbind `carer` from `patient`; False when he was not bound. The longest-standing of the others then gets the follow-ups."""
    there = await carers_of(tx, patient.id, lock=True)
    link = next((link for link, each in there if each.id == carer.id), None)
    if link is None:
        return False
    primary, relationship = link.primary, link.relationship
    await tx.delete(link)
    await tx.flush()
    note(tx, patient.id, "unbound", by=by, now=now, reason=reason, carer=carer.id, relationship=relationship, primary=primary)
    for chat in await tx.scalars(select(Chat).where(Chat.carer_id == carer.id, Chat.patient_id == patient.id)):
        chat.patient_id = chat.task_id = None
    if primary and (others := [each for _, each in there if each.id != carer.id]):
        await make_primary(tx, patient, others[0], by=by, now=now)
    await ask_retag(tx, [patient.id], now)
    return True


async def make_primary(tx: AsyncSession, patient: Patient, carer: Carer, *, by: str, now: datetime) -> bool:
    """Follow-ups about `patient` go to `carer` from now on; False when he is not bound."""
    there = await carers_of(tx, patient.id, lock=True)
    if carer.id not in {each.id for _, each in there}:
        return False
    for link, each in there:
        link.primary = each.id == carer.id
    note(tx, patient.id, "primary", by=by, now=now, carer=carer.id)
    return True


async def tell_others(tx: AsyncSession, patient: Patient, newcomer: Carer, words: str, *, key: str, now: datetime) -> None:
    """Tell the primary carer who joined, in the chat where he wrote last, as soon as WeCom lets us."""
    primary = next((carer for link, carer in await carers_of(tx, patient.id) if link.primary and carer.id != newcomer.id), None)
    if primary is None:
        return
    chat = await latest_chat(tx, primary.id)
    if chat is not None:
        body = {"msgtype": "text", "text": {"content": words}}
        line = f"chat:{chat.id}"
        await enqueue(tx, key, line=line, route="kf", payload=body, purpose="notice", chat_id=chat.id, now=now, useful_until=now + NEWS_FOR)


def note(tx: AsyncSession, patient_id: int, new: str, *, by: str, now: datetime, reason: str | None = None, **detail: Any) -> None:
    """Write down a change of who speaks for a child."""
    tx.add(StateChange(entity="patient_carer", entity_id=patient_id, old=None, new=new, at=now, by=by, reason=reason, detail=detail))
