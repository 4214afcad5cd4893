"""How a vital has gone, told in words: the last readings, and what lies between them. What it means is the doctor's to say."""

from collections import Counter
from collections.abc import Sequence
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from plans.clock import local_day
from plans.weight import in_words
from plans.wording import say, vital_name, vital_unit, words
from records.observation import Observation, history
from records.patient import Patient
from tagging.content import default_content
from tagging.text import fold
from tagging.vitals import get_vital

# As many readings as a phone shows at a glance.
SHOWN = 7
# What was measured most in this time is meant when none is named.
RECENT = timedelta(days=30)


def named_vital(text: str) -> str | None:
    """The vital that a question about the trend names, by its own name or by words that families use for it."""
    folded = fold(text)
    for vital, said in words("trend_words").items():
        if any(word in folded for word in said):
            return str(vital)
    return next((id for id, vital in default_content().vitals.vitals.items() if fold(vital.name) in folded), None)


async def trend(tx: AsyncSession, patient: Patient, vital: str | None, *, now: datetime, zone: ZoneInfo) -> str:
    """What the family is told about `vital`, or about what it measured most lately."""
    vital = vital or await _most_measured(tx, patient, now)
    if vital is None:
        return say("trend.nothing", name=patient.name)
    rows = await history(tx, patient.id, vital, limit=SHOWN)
    return in_sentences([(row.effective_at, row.value) for row in rows if row.value is not None], patient.name, vital, zone)


def in_sentences(readings: Sequence[tuple[datetime, float]], name: str, vital: str, zone: ZoneInfo) -> str:
    """The readings of one vital (when, how much), oldest first, in a few sentences. Pure."""
    called = vital_name(vital)
    known = [(local_day(at, zone), value) for at, value in readings]
    if not known:
        return say("trend.none", name=name, vital=called)
    shown = [say("trend.reading", month=day.month, day=day.day, value=_value(vital, value)) for day, value in known]
    if len(known) == 1:
        return say("trend.one", name=name, vital=called, reading=shown[0])
    (first_day, first), (last_day, last) = known[0], known[-1]
    days = (last_day - first_day).days
    if vital == "weight":
        grams = round((last - first) * 1000)
        form = "gained" if grams > 0 else "lost" if grams < 0 else "same"
        between = say(f"trend.{form}", days=days, grams=abs(grams)) if days else ""
        if grams > 0 and days:
            between += say("trend.per_day", grams=round(grams / days))
    else:
        values = [value for _, value in known]
        between = say("trend.range", high=_value(vital, max(values)), low=_value(vital, min(values)))
    return say("trend.many", name=name, number=len(known), vital=called, readings=say("trend.then").join(shown), between=between)


def _value(vital: str, value: float) -> str:
    if vital == "weight":
        return in_words(value)
    return f"{value:g}{vital_unit(vital, get_vital(default_content(), vital).unit)}"


async def _most_measured(tx: AsyncSession, patient: Patient, now: datetime) -> str | None:
    codes = await tx.scalars(
        select(Observation.code).where(
            Observation.patient_id == patient.id,
            Observation.status == "final",
            Observation.value.is_not(None),
            Observation.effective_at > now - RECENT,
        )
    )
    counted = Counter(code for code in codes if code in default_content().vitals.vitals)
    # The same number of readings of two vitals: by name, so that the answer does not change from one question to the next.
    return min(counted, key=lambda code: (-counted[code], code), default=None)
