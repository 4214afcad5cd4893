"""Where else a child's names and numbers stand: in messages to staff, in what came from the hospital, in a chat that a brother has too."""

import json
from collections.abc import Collection, Iterable
from dataclasses import dataclass
from typing import Any

from sqlalchemy import ColumnElement, Delete, Text, Update, and_, cast, delete, false, or_, select, update
from sqlalchemy.ext.asyncio import AsyncSession

from records.binding import BindingAttempt
from records.chat import Chat, Conversation
from records.cohort_enrolment import CohortEnrolment
from records.erasing import Doomed
from records.feed import FeedMessage
from records.friendship import Friendship
from records.mass_message import MassMessage
from records.message import Inbound, Outbound
from records.observation import Observation
from records.patient import Carer, Patient, PatientCarer
from records.patient_identifier import PatientIdentifier
from records.search_entry import WHOM, SearchEntry
from records.wecom import CallbackEvent

HIDDEN = "＊"
# Cards, and what changes them, are named after their alert.
_CARDS = ("card:flag-{id}-", "update:flag-{id}-")


@dataclass(frozen=True)
class Strings:
    """How the child is called: `name`; `numbers` that are nobody else's, in their `systems`; `accounts` of its carers in WeChat; and all
    that must not be read any more, `hidden`, the longest first."""

    name: str
    numbers: tuple[str, ...]
    systems: tuple[tuple[str, str], ...]
    accounts: tuple[str, ...]
    hidden: tuple[str, ...]

    def hide(self, text: str) -> str:
        """The text without any of them."""
        for each in self.hidden:
            text = text.replace(each, HIDDEN)
        return text

    def hide_in(self, body: dict[str, Any]) -> dict[str, Any]:
        """The same for all texts in a structure."""
        found: dict[str, Any] = json.loads(self.hide(json.dumps(body, ensure_ascii=False)))
        return found


async def strings_of(tx: AsyncSession, patient: Patient, doomed: Doomed) -> Strings:
    """All that names the child and those who speak for it."""
    known = select(PatientIdentifier.system, PatientIdentifier.value).where(PatientIdentifier.patient_id == patient.id)
    systems = tuple(await tx.execute(known))
    speak = select(Carer).join(PatientCarer, PatientCarer.carer_id == Carer.id).where(PatientCarer.patient_id == patient.id)
    carers = list(await tx.scalars(speak))
    numbers = {patient.record_number, patient.record_number.rpartition(":")[2], *(value for _, value in systems)}
    accounts = set(await tx.scalars(select(Chat.external_userid).where(Chat.id.in_(doomed["chat"]))))
    accounts |= {carer.external_userid for carer in carers if carer.id in doomed["carer"] and carer.external_userid}
    people = {text for carer in carers for text in (carer.name, carer.phone, carer.external_userid) if text}
    mother = {each.rpartition(":")[2] for each in patient.mother}
    hidden = [text for text in {patient.name, *numbers, *accounts, *mother, *patient.phones, *people} if len(text) > 1]
    return Strings(patient.name, tuple(numbers), systems, tuple(accounts), tuple(sorted(hidden, key=len, reverse=True)))


async def blank_shared(tx: AsyncSession, patient_id: int, doomed: Doomed, strings: Strings) -> int:
    """In a chat that speaks for other children too, words that name the child are blanked; the rest is theirs. How many messages."""
    carers = select(PatientCarer.carer_id).where(PatientCarer.patient_id == patient_id)
    mine = or_(Chat.patient_id == patient_id, Chat.carer_id.in_(carers))
    shared = list(await tx.scalars(select(Chat.id).where(mine, Chat.id.not_in(doomed["chat"]))))
    if not shared:
        return 0
    told = (strings.name, *strings.numbers)
    heard = and_(
        Inbound.chat_id.in_(shared),
        or_(
            _contains(Inbound.text, told),
            _contains(Inbound.body, told),
            Inbound.outcome["page"]["patient"].astext == str(patient_id),
            Inbound.id.in_(select(Observation.message_id).where(Observation.patient_id == patient_id)),
        ),
    )
    blanked = await _done(tx, update(Inbound).where(heard).values(text=None, body={}, outcome={}))
    blanked += await _done(tx, delete(Outbound).where(Outbound.chat_id.in_(shared), _contains(Outbound.payload, told)))
    loose = {"patient_id": None, "task_id": None, "binding_id": None, "clarification_id": None}
    await tx.execute(update(Chat).where(Chat.id.in_(shared), Chat.patient_id == patient_id).values(loose))
    await tx.execute(delete(Conversation).where(Conversation.chat_id.in_(shared)))
    return blanked


async def erase_traces(tx: AsyncSession, doomed: Doomed, strings: Strings) -> dict[str, int]:
    """Delete what names the child without belonging to it by reference; how many rows of each table."""
    numbers = [number for number in strings.numbers if len(number) > 2]
    keys = [prefix.format(id=flag) for flag in doomed.get("flag", ()) for prefix in _CARDS]
    cards = or_(*(Outbound.key.startswith(each, autoescape=True) for each in keys), _contains(Outbound.payload, numbers))
    # A name may be another child's too: what was sent is history, what waits is told apart by the number alone.
    named = and_(Outbound.state == "sent", _contains(Outbound.payload, [strings.name]))
    orders = [*numbers, *(f"{system}:{value}" for system, value in strings.systems)]
    attempts = or_(BindingAttempt.record_number.in_(numbers), BindingAttempt.external_userid.in_(strings.accounts))
    search = or_(*(and_(SearchEntry.whom == whom, SearchEntry.id.in_(doomed[whom])) for whom in WHOM))
    # What has not been applied yet meets the tombstone.
    applied = and_(FeedMessage.order_key.in_(orders), FeedMessage.state != "new")
    return {
        "outbound": await _done(tx, delete(Outbound).where(Outbound.chat_id.is_(None), or_(cards, named))),
        "feed_message": await _done(tx, delete(FeedMessage).where(applied)),
        "friendship": await _done(tx, delete(Friendship).where(Friendship.external_userid.in_(strings.accounts))),
        "binding_attempt": await _done(tx, delete(BindingAttempt).where(attempts)),
        "callback_event": await _done(tx, delete(CallbackEvent).where(_contains(CallbackEvent.fields, strings.accounts))),
        "search_entry": await _done(tx, delete(SearchEntry).where(search)),
        "mass_message": await _leave_audiences(tx, set(numbers)),
        "cohort_enrolment": await _leave_lists(tx, doomed["patient"]),
    }


async def _leave_audiences(tx: AsyncSession, numbers: set[str]) -> int:
    """Take the child out of mass messages that named their receivers one by one."""
    found = list(await tx.scalars(select(MassMessage).where(_contains(MassMessage.audience, numbers)).with_for_update()))
    for each in found:
        people = each.audience.get("patients", [])
        each.audience = {**each.audience, "patients": [number for number in people if number not in numbers]}
    return len(found)


async def _leave_lists(tx: AsyncSession, patients: Collection[int]) -> int:
    """Take the child out of the lists of those who could not be enrolled."""
    mine = or_(*(CohortEnrolment.named.contains([[each]]) for each in patients))
    found = list(await tx.scalars(select(CohortEnrolment).where(mine).with_for_update()))
    for each in found:
        each.named = [row for row in each.named if row[0] not in patients]
    return len(found)


def _contains(column: Any, texts: Iterable[str]) -> ColumnElement[bool]:
    return or_(false(), *(cast(column, Text).contains(each, autoescape=True) for each in texts))


async def _done(tx: AsyncSession, statement: Delete | Update) -> int:
    done = await tx.execute(statement.execution_options(synchronize_session=False))
    return int(done.rowcount)  # type: ignore[attr-defined]
