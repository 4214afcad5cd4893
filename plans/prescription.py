"""Prescribed medicines, quoted word for word. Nothing is computed, shortened in its sense or advised: a change is the doctor's."""

import re
from collections.abc import Sequence
from datetime import date, datetime
from zoneinfo import ZoneInfo

from sqlalchemy.ext.asyncio import AsyncSession

from plans.chart import asks_about, clip, day_text, fit, say
from plans.clock import local_day
from records.medication import MedicationRequest, prescribed
from records.patient import Patient
from tagging.medicine import MedicineMention
from tagging.text import fold

# 布洛芬混悬液 is called 布洛芬.
_FORM = re.compile(
    r"(?:口服|干)?(?:混悬|悬浊|溶)?(?:液|剂)$|(?:缓释|肠溶|分散|咀嚼|泡腾)?片$|(?:软|肠溶|缓释)?胶囊$|(?:细)?颗粒$|(?:糖浆|滴剂|滴眼液|栓|软膏|乳膏|散|粉|丸|喷雾剂|吸入剂)$"
)
# A prescription in its own words, in characters; three of them fit on a message.
LONGEST = 150
_WORDS = re.compile(r"[\u4e00-\u9fffA-Za-z]{2,}")


async def list_medicines(tx: AsyncSession, patient: Patient, now: datetime, zone: ZoneInfo) -> str | None:
    """All medicines as prescribed, and the clock times of today; None when nothing is on file."""
    today = local_day(now, zone)
    rows = await prescribed(tx, patient.id, today)
    if not rows:
        return None
    due = due_today(rows, today)
    tail = [say("medicine.due", times="；".join(due)) if due else "", say("medicine.not_due") if due and len(due) < len(rows) else ""]
    return fit(say("medicine.head", name=clip(patient.name)), [quote(row, today) for row in rows], [*tail, say("medicine.tail")])


async def quote_named(
    tx: AsyncSession, patient: Patient, text: str, mentions: Sequence[MedicineMention], now: datetime, zone: ZoneInfo
) -> str | None:
    """The prescriptions of the medicines that `text` names, word for word; None when it names none that is on file."""
    today = local_day(now, zone)
    named = [row for row in await prescribed(tx, patient.id, today) if is_named(row.name, text, mentions)]
    if not named:
        return None
    return fit(say("medicine.named", name=clip(patient.name)), [quote(row, today) for row in named], [say("medicine.tail")])


def quote(row: MedicationRequest, today: date) -> str:
    """One prescription in its own words."""
    days = []
    if row.starts_on is not None and row.starts_on > today:
        days.append(say("medicine.from_on", day=day_text(row.starts_on, today)))
    if row.ends_on is not None:
        days.append(say("medicine.until", day=day_text(row.ends_on, today)))
    words = [row.dose, row.frequency, "、".join(row.times), row.route, row.with_food]
    how = "，".join([*(word for word in words if word), *days]) or say("medicine.no_more")
    whole = how + (say("medicine.with_note", note=row.note) if row.note else "")
    # Half a prescription would be another one.
    return say("medicine.line", name=clip(row.name), how=whole if len(whole) <= LONGEST else say("medicine.too_long"))


def due_today(rows: Sequence[MedicationRequest], today: date) -> list[str]:
    """The clock times of today, medicine by medicine: only where the prescription gives them and is one for every day."""
    due = []
    for row in rows:
        begun = row.starts_on is None or row.starts_on <= today
        words = row.frequency or ""
        every_day = not asks_about("not_daily", words) and (not words or asks_about("daily", words))
        if row.times and begun and every_day:
            due.append(say("medicine.due_item", times="、".join(row.times), name=clip(row.name, 30)))
    return due


def is_named(name: str, text: str, mentions: Sequence[MedicineMention]) -> bool:
    """Whether `text` means the prescribed medicine `name`: by its name, by that without its form, or by another name of its substance."""
    folded, prescribed_name = fold(text), fold(name)
    for word in _WORDS.findall(prescribed_name):
        short = _FORM.sub("", word)
        if word in folded or (len(short) >= 2 and short in folded):
            return True
    return any(fold(m.text) in prescribed_name or (m.generic is not None and fold(m.generic) in prescribed_name) for m in mentions)
