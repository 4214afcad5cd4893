"""What stands beside a chat: the children in short, the open alerts, today's follow-ups."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from zoneinfo import ZoneInfo

from sqlalchemy import or_, select
from sqlalchemy.dialects.postgresql import distinct_on
from sqlalchemy.ext.asyncio import AsyncSession

from bot.cards import category_text
from console.portrait import portrait_words
from plans.clock import local_day
from plans.today import TodayItem, today
from records.chat import Chat
from records.flag import Flag, worst_first
from records.observation import Observation
from records.patient import Patient
from records.staff import Staff
from tagging.content import default_content
from tagging.portrait.clinical import diagnoses

VALUES, DIAGNOSES = 5, 4


@dataclass(frozen=True)
class Value:
    """The last reading of one vital sign."""

    name: str
    text: str
    at: datetime


@dataclass(frozen=True)
class Child:
    """One patient in short."""

    patient: Patient
    age_days: int
    diagnoses: tuple[str, ...]
    values: tuple[Value, ...]
    tasks: tuple[TodayItem, ...]


@dataclass(frozen=True)
class Alert:
    """An alert that is open; `owner` is who has it."""

    id: int
    level: str
    what: str
    said: str
    because: str
    at: datetime
    owner: str | None


async def children_of(tx: AsyncSession, patients: Sequence[Patient], now: datetime, zone: ZoneInfo) -> list[Child]:
    """What is known of these patients, whom the caller has been let in to."""
    tasks = await today(tx, patients, now, zone)
    day = local_day(now, zone)
    return [
        Child(
            patient,
            max(0, (day - patient.birth_date).days),
            tuple(each.text for each in await diagnoses(tx, patient.id) if each.status == "active")[:DIAGNOSES],
            await _values(tx, patient.id),
            tuple(task for task in tasks if task.patient_id == patient.id),
        )
        for patient in patients
    ]


async def _values(tx: AsyncSession, patient_id: int) -> tuple[Value, ...]:
    vitals, units = default_content().vitals.vitals, portrait_words()["units"]
    latest = (
        select(Observation)
        .where(Observation.patient_id == patient_id, Observation.code.in_(vitals), Observation.value.is_not(None))
        .where(Observation.status.in_(("final", "preliminary")))
        .ext(distinct_on(Observation.code))
        .order_by(Observation.code, Observation.effective_at.desc(), Observation.id.desc())
    )
    rows = sorted(await tx.scalars(latest), key=lambda row: row.effective_at, reverse=True)[:VALUES]
    return tuple(
        Value(vitals[row.code].name, f"{row.value:.6g} {units[row.unit or ''] or row.unit or ''}", row.effective_at) for row in rows
    )


async def alerts_of(tx: AsyncSession, chat: Chat, patients: Sequence[Patient], teams: Iterable[int]) -> list[Alert]:
    """The alerts of the chat and of these patients that are open in `teams`, the worst first."""
    of_children = Flag.patient_id.in_([patient.id for patient in patients])
    query = select(Flag, Staff.name).join(Staff, Staff.id == Flag.owner_id, isouter=True)
    query = query.where(or_(Flag.chat_id == chat.id, of_children), Flag.state != "closed", Flag.team_id.in_(list(teams)))
    rows = sorted((await tx.execute(query)), key=lambda row: worst_first(row[0]))
    return [
        Alert(flag.id, flag.level, category_text(flag.category), flag.said, flag.because, flag.raised_at, owner) for flag, owner in rows
    ]
