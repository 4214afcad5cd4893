"""Bindings as rows: begun, put aside and taken up again, compared with the record under a limit, and ended."""

from datetime import date, datetime, timedelta
from typing import Literal

from sqlalchemy import func, or_, select
from sqlalchemy.ext.asyncio import AsyncSession

from records.binding import Binding, BindingAttempt, Invitation
from records.chat import Chat
from records.patient import Patient, patients_numbered
from records.state import Moves, created, move
from tagging.particulars import read_phone, record_key

MOVES: Moves = {
    "open": frozenset({"bound", "refused", "left", "locked", "superseded"}),
    **{end: frozenset[str]() for end in ("bound", "refused", "left", "locked", "superseded")},
}
# What is asked, in this order. An invitation knows the child already; its birth date proves that the link is in the right hands.
BY_NUMBER = ("record_number", "birth_date", "phone", "relationship", "consent")
BY_LINK = ("relationship", "birth_date", "consent")
# So many comparisons may fail in a day, for one account and for one record number: who guesses numbers soon talks to a nurse.
LIMIT, LIMIT_FOR = 5, timedelta(hours=24)
FAILED = ("mismatch", "no_phone")
# A binding of which nothing was heard for so long is begun anew; with a family that has other things to tell us it gives way sooner,
# and is taken up again when asked for.
KEPT_FOR, GIVES_WAY_AFTER = timedelta(hours=24), timedelta(hours=2)


def road(binding: Binding) -> tuple[str, ...]:
    """The steps of this binding."""
    return BY_LINK if binding.invitation_id is not None else BY_NUMBER


async def open_binding(tx: AsyncSession, chat: Chat, now: datetime) -> Binding | None:
    """The binding that waits for an answer in `chat`."""
    if chat.binding_id is None:
        return None
    binding = await tx.get(Binding, chat.binding_id)
    if binding is None or binding.state != "open":
        return None
    return binding if now - binding.updated_at < (KEPT_FOR if chat.carer_id is None else GIVES_WAY_AFTER) else None


async def begin(tx: AsyncSession, chat: Chat, now: datetime, *, invitation: Invitation | None = None) -> Binding:
    """The chat's binding on this road: the one that was put aside a while ago, else a new one. Another one that is open gives way."""
    left = await tx.scalars(select(Binding).where(Binding.chat_id == chat.id, Binding.state == "open").order_by(Binding.id.desc()))
    for binding in left.all():
        fits = invitation is None or binding.invitation_id == invitation.id
        if fits and now - binding.updated_at < KEPT_FOR:
            chat.binding_id, binding.updated_at, binding.failed = binding.id, now, 0
            return binding
        await move(tx, binding, "superseded", moves=MOVES, at=now, by="family")
    binding = Binding(
        chat_id=chat.id,
        external_userid=chat.external_userid,
        invitation_id=invitation.id if invitation is not None else None,
        patient_id=invitation.patient_id if invitation is not None else None,
        state="open",
        step=(BY_LINK if invitation is not None else BY_NUMBER)[0],
        given={},
        failed=0,
        started_at=now,
        updated_at=now,
    )
    tx.add(binding)
    await tx.flush()
    created(tx, binding, at=now, by="family")
    chat.binding_id = binding.id
    return binding


async def end(tx: AsyncSession, chat: Chat, binding: Binding, state: str, *, now: datetime, reason: str | None = None) -> None:
    """End the binding; what was typed on the way is not kept."""
    await tx.flush()
    await move(tx, binding, state, moves=MOVES, at=now, by="family", reason=reason, given={}, updated_at=now)
    chat.binding_id = None


def aside(chat: Chat) -> None:
    """Something else is asked in this chat now; the binding is taken up again when the family asks for it."""
    chat.binding_id = None


async def failures(tx: AsyncSession, now: datetime, *, external_userid: str, number: str | None = None) -> int:
    """How many comparisons failed within a day: those of this account, or those for this record number if that were more."""
    recent = BindingAttempt.at > now - LIMIT_FOR, BindingAttempt.outcome.in_(FAILED)
    counted = (
        await tx.execute(
            select(
                func.count().filter(BindingAttempt.external_userid == external_userid),
                func.count().filter(BindingAttempt.record_number == (number or "")),
            ).where(or_(BindingAttempt.external_userid == external_userid, BindingAttempt.record_number == (number or "")), *recent)
        )
    ).one()
    return max(counted)


async def compare(tx: AsyncSession, binding: Binding, now: datetime) -> Patient | Literal["mismatch", "locked"]:
    """The child that everything given agrees with, or that it does not, or that no more may be compared today.

    An account and a record number are counted alike, whether or not there is such a number.
    """
    invited = await tx.get_one(Patient, binding.patient_id) if binding.patient_id is not None else None
    number = record_key(invited.record_number) if invited is not None else str(binding.given["record_number"])
    if await failures(tx, now, external_userid=binding.external_userid, number=number) >= LIMIT:
        _attempted(tx, binding, number, "locked", now)
        return "locked"
    born = date.fromisoformat(binding.given["birth_date"])
    agreeing, outcome = [], "mismatch"
    for patient in [invited] if invited is not None else await patients_numbered(tx, number):
        on_file = {read_phone(phone) or phone for phone in patient.phones}
        if invited is None and patient.birth_date == born and not on_file:
            outcome = "no_phone"
        if patient.birth_date == born and (invited is not None or binding.given["phone"] in on_file):
            agreeing.append(patient)
    found = agreeing[0] if len(agreeing) == 1 else None
    _attempted(tx, binding, number, "matched" if found is not None else outcome, now)
    return found or "mismatch"


def _attempted(tx: AsyncSession, binding: Binding, number: str, outcome: str, now: datetime) -> None:
    tx.add(
        BindingAttempt(binding_id=binding.id, external_userid=binding.external_userid, record_number=number[:40], outcome=outcome, at=now)
    )
