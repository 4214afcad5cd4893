"""When and how a family writes: what a clinician wants to know before she rings."""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from sqlalchemy import bindparam, select, true
from sqlalchemy.ext.asyncio import AsyncSession

from records.chat import Chat
from records.message import CUSTOMER, Inbound
from records.patient import PatientCarer

# The latest messages of each chat; of a family with many, habits show in these.
MESSAGES, CHATS = 150, 6
LATELY = timedelta(days=30)
# wecom-api §3.4: what a customer wrote.
# Local hours of a part of the day, until the next one begins.
PARTS = {"night": 0, "morning": 6, "noon": 11, "afternoon": 14, "evening": 18, "late": 22}


@dataclass(frozen=True)
class Contact:
    """Habits from the latest messages. `by_part` and `by_type` count them; `in_charge` says who answers each chat (bot, human)."""

    last_at: datetime | None
    messages_30d: int
    days_30d: int
    by_part: Mapping[str, int]
    by_type: Mapping[str, int]
    in_charge: tuple[str, ...]


_chats = (
    select(Chat.id, Chat.state)
    .join(PatientCarer, PatientCarer.carer_id == Chat.carer_id)
    .where(PatientCarer.patient_id == bindparam("patient"))
    .order_by(Chat.id)
    .limit(CHATS)
    .subquery("chats")
)
_latest = (
    select(Inbound.sent_at, Inbound.msgtype)
    .where(Inbound.chat_id == _chats.c.id, Inbound.origin == CUSTOMER)
    .order_by(Inbound.id.desc())
    .limit(MESSAGES)
    .lateral("latest")
)
_LATEST = select(_chats.c.id, _chats.c.state, _latest.c.sent_at, _latest.c.msgtype).select_from(_chats).outerjoin(_latest, true())


async def contact(tx: AsyncSession, patient_id: int, *, now: datetime, zone: ZoneInfo) -> Contact:
    """How the carers of a patient write, in one statement. A carer of several children is counted for each of them."""
    rows = (await tx.execute(_LATEST, {"patient": patient_id})).all()
    said = [(row.sent_at.astimezone(zone), row.msgtype) for row in rows if row.sent_at is not None]
    recent = [at for at, _ in said if at > now - LATELY]
    return Contact(
        last_at=max((at for at, _ in said), default=None),
        messages_30d=len(recent),
        days_30d=len({at.date() for at in recent}),
        by_part=dict(Counter(part_of_day(at.hour) for at, _ in said).most_common()),
        by_type=dict(Counter(kind for _, kind in said).most_common()),
        in_charge=tuple({row.id: row.state for row in rows}.values()),
    )


def part_of_day(hour: int) -> str:
    """The part of the day of a local hour."""
    return [part for part, begins in PARTS.items() if begins <= hour][-1]
