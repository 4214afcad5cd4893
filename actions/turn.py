"""The turn that an action runs in: whose message, about whom, in which transaction."""

import asyncio
import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from weakref import WeakKeyDictionary
from zoneinfo import ZoneInfo

from sqlalchemy.ext.asyncio import AsyncSession

from plans.finding import patient_facts
from records.chat import Chat
from records.database import Database
from records.keyring import KeyFile, Keyring
from records.message import Inbound
from records.patient import Patient, patients_of
from tagging.patient import PatientFacts
from tagging.triage import Triage
from tagging.understanding import Understanding, understand

# Of the hospital's calendar, where actions run in a stock action server without our settings.
DEFAULT_ZONE = "Asia/Shanghai"


@dataclass
class Turn:
    """One utterance of a family and what is known about it; an action may change `patient`, `wants_human` and `stop`.

    `patient` is None while it is open which child is meant. `notified` says that a clinician is on call, so that an alert of this
    turn reaches one; `phone` is what the family rings otherwise, and `opens` when the team works again, if it rests now. `read` is what
    the dialogue made of the words: intent, confidence, the form that was waiting, and whether they were `missed`. `asks` says that the
    turn's last words put a question about the report.
    """

    tx: AsyncSession
    chat: Chat
    patients: list[Patient]
    patient: Patient | None
    message: Inbound | None
    text: str
    understanding: Understanding
    triage: Triage
    now: datetime
    zone: ZoneInfo
    wants_human: str | None = None
    stop: bool = False
    notified: bool = False
    phone: str | None = None
    opens: datetime | None = None
    read: dict[str, Any] = field(default_factory=dict)
    asks: bool = False

    @property
    def message_id(self) -> int | None:
        """The id of the message that is answered, if it is one."""
        return self.message.id if self.message is not None else None


current_turn: ContextVar[Turn] = ContextVar("current_turn")


def ambient_turn() -> Turn | None:
    """The turn that this task is in, if any."""
    return current_turn.get(None)


@asynccontextmanager
async def turn_of(tracker: Any) -> AsyncIterator[Turn]:
    """The turn that `tracker` is about: the ambient one, or, under a stock action server, one of its own that commits at the end.

    The latter needs CARELOOP_DATABASE_URL or DATABASE_URL, and CARELOOP_KEYRING, the key file; it raises LookupError when the chat does
    not exist.
    """
    turn = ambient_turn()
    if turn is not None:
        yield turn
        return
    async with (await _database()).transaction() as tx:
        yield await _own_turn(tx, tracker)


_databases: WeakKeyDictionary[asyncio.AbstractEventLoop, Database] = WeakKeyDictionary()


async def _database() -> Database:
    """The stock action server's database: one for its event loop, which it keeps for good, so that actions share its connections."""
    loop = asyncio.get_running_loop()
    if loop not in _databases:
        url = os.environ.get("CARELOOP_DATABASE_URL") or os.environ["DATABASE_URL"]
        keys = Path(os.environ.get("CARELOOP_KEYRING") or ".careloop/data/keyring")
        _databases[loop] = Database(url=url, application="careloop-actions", keyring=Keyring(KeyFile(keys, own=False)))
        await _databases[loop].open()
        await _databases[loop].take_up_keys()
    return _databases[loop]


async def _own_turn(tx: AsyncSession, tracker: Any) -> Turn:
    chat = await tx.get(Chat, int(tracker.sender_id))
    if chat is None:
        raise LookupError(f"no chat {tracker.sender_id}")
    now, zone = datetime.now(UTC), ZoneInfo(os.environ.get("CARELOOP_ZONE", DEFAULT_ZONE))
    patients = await patients_of(tx, chat.carer_id) if chat.carer_id is not None else []
    patient = patients[0] if len(patients) == 1 else next((p for p in patients if p.id == chat.patient_id), None)
    text = tracker.latest_message.get("text") or ""
    understanding = await understand_about(tx, patient, text, now=now, zone=zone)
    return Turn(tx, chat, patients, patient, None, text, understanding, understanding.triage, now, zone)


async def understand_about(
    tx: AsyncSession, patient: Patient | None, text: str, *, now: datetime, zone: ZoneInfo, context: str | None = None
) -> Understanding:
    """The understanding of `text` as said about `patient`, with what the record knows of him; `context` is what the bot said last."""
    facts = await patient_facts(tx, patient, now=now, zone=zone) if patient is not None else PatientFacts(age_days=None)
    return understand(text, context=context, patient=facts, now=now.astimezone(zone))
