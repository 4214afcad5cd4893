"""What stands beside a chat: the children in short, the open alerts, today's follow-ups."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from zoneinfo import ZoneInfo

from sqlalchemy import or_, select
from sqlalchemy.ext.asyncio import AsyncSession

from bot.cards import category_text
from console.portrait import portrait_words
from plans.today import TodayItem, today
from records.chat import Chat
from records.flag import LEVELS, Flag
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


@dataclass(frozen=True)
class Beside:
    """All of it."""

    children: tuple[Child, ...]
    alerts: tuple[Alert, ...]


async def beside(tx: AsyncSession, chat: Chat, patients: Sequence[Patient], teams: Iterable[int], now: datetime, zone: ZoneInfo) -> Beside:
    """What is known of these patients, whom the caller has been let in to."""
    tasks = await today(tx, patients, now, zone)
    day = now.astimezone(zone).date()
    children = [
        Child(
            patient,
            max(0, (day - patient.birth_date).days),
            tuple(each.text for each in await diagnoses(tx, patient.id) if each.status == "active")[:DIAGNOSES],
            await _values(tx, patient.id),
            tuple(task for task in tasks if task.patient_id == patient.id),
        )
        for patient in patients
    ]
    return Beside(tuple(children), await _alerts(tx, chat, [patient.id for patient in patients], teams))


async def _values(tx: AsyncSession, patient_id: int) -> tuple[Value, ...]:
    vitals, units = default_content().vitals.vitals, portrait_words()["units"]
    latest = (
        select(Observation)
        .where(Observation.patient_id == patient_id, Observation.code.in_(vitals), Observation.value.is_not(None))
        .where(Observation.status.in_(("final", "preliminary")))
        .distinct(Observation.code)
        .order_by(Observation.code, Observation.effective_at.desc(), Observation.id.desc())
    )
    rows = sorted(await tx.scalars(latest), key=lambda row: row.effective_at, reverse=True)[:VALUES]
    return tuple(
        Value(vitals[row.code].name, f"{row.value:.6g} {units[row.unit or ''] or row.unit or ''}", row.effective_at) for row in rows
    )


async def _alerts(tx: AsyncSession, chat: Chat, patient_ids: Sequence[int], teams: Iterable[int]) -> tuple[Alert, ...]:
    query = select(Flag, Staff.name).join(Staff, Staff.id == Flag.owner_id, isouter=True)
    query = query.where(
        or_(Flag.chat_id == chat.id, Flag.patient_id.in_(patient_ids)), Flag.state != "closed", Flag.team_id.in_(list(teams))
    )
    rows = sorted((await tx.execute(query)).tuples(), key=lambda row: (-LEVELS.index(row[0].level), row[0].raised_at))
    return tuple(
        Alert(flag.id, flag.level, category_text(flag.category), flag.said, flag.because, flag.raised_at, owner) for flag, owner in rows
    )
