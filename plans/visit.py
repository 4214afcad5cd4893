"""Visits in words: the next one, what to prepare, and which one a family wants to put off. Nothing is booked or moved here."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from functools import cache
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import yaml
from sqlalchemy.ext.asyncio import AsyncSession

from plans.chart import asks_about, clip, day_text, fit, say, texts
from plans.clock import at_hour, local_day
from records.appointment import Appointment, appointments
from records.patient import Patient

# So many visits are named in one message, and a visit that was missed is spoken of for so long (R).
NAMED, MISSED = 3, timedelta(days=30)
# The hospital's words about what to prepare: a cell of an import holds 500 characters, a message fewer.
PREPARE = 160


async def coming(tx: AsyncSession, patient: Patient, now: datetime, zone: ZoneInfo) -> list[Appointment]:
    """The visits of today and later, of every status, the earliest first."""
    return await appointments(tx, patient.id, since=at_hour(local_day(now, zone), 0, zone))


async def next_visit(tx: AsyncSession, patient: Patient, text: str, now: datetime, zone: ZoneInfo) -> str | None:
    """What the family is told of the visits to come; None when the chart knows of none, nor of one that was cancelled.

    Where `text` asks for another day than that of a visit (拆线, 化疗), what is known is not passed off as its answer.
    """
    found = await coming(tx, patient, now, zone)
    booked = [visit for visit in found if visit.status == "booked"]
    cancelled = [visit for visit in found if visit.status == "cancelled"]
    gone = [say("visit.cancelled", visit=in_words(visit, now, zone)) for visit in cancelled[:NAMED] if not _replaced(visit, booked)]
    if not booked:
        return fit(say("visit.none", name=clip(patient.name)), [], gone) if gone else None
    own = asks_about("own_visit", text)
    head = say("visit.known" if not own else "visit.next" if len(booked) == 1 else "visit.several", name=clip(patient.name))
    first = booked[0]
    prepare = say("visit.prepare", prepare=clip(first.prepare, PREPARE)) if first.prepare else ""
    fasting = say("visit.fasting") if first.fasting else ""
    lines = [in_words(visit, now, zone) for visit in booked[:NAMED]]
    return fit(
        head, [lines[0], *(line for line in (prepare, fasting) if line), *lines[1:]], [*gone, say("visit.tail" if own else "visit.other")]
    )


def in_words(visit: Appointment, now: datetime, zone: ZoneInfo) -> str:
    """3月9日（周一）09:00，新生儿科，门诊3楼2诊室，何敏."""
    today, day = local_day(now, zone), local_day(visit.starts_at, zone)
    near = texts()["near"].get((day - today).days)
    time = visit.time_text or f"{visit.starts_at.astimezone(zone):%H:%M}"
    what = "，".join(clip(part, 40) for part in (visit.department, visit.place, visit.doctor) if part)
    line = (say("visit.near", near=near) if near else "") + say("visit.line", day=day_text(day, today), time=clip(time, 20), what=what)
    return line + (say("visit.past") if not visit.time_text and visit.starts_at < now else "")


async def prepare(tx: AsyncSession, patient: Patient, text: str, now: datetime, zone: ZoneInfo) -> str:
    """What to bring and whether to fast, as the hospital wrote it, else what one usually brings; about eating only the hospital's word."""
    visit = next((visit for visit in await coming(tx, patient, now, zone) if visit.status == "booked"), None)
    if visit is None:
        head = general("", key="prepare.general_no_visit", name=clip(patient.name))
        return fit(head, [], [say("prepare.fasting_unknown") if asks_about("eats", text) else ""])
    head = say("prepare.head", name=clip(patient.name), visit=_day(visit, now, zone))
    told = say("prepare.from_hospital", prepare=clip(visit.prepare, PREPARE)) if visit.prepare else general(visit.department)
    known = {True: say("prepare.fasting"), False: say("prepare.not_fasting"), None: ""}[visit.fasting]
    fasting = known or (say("prepare.fasting_unknown") if asks_about("eats", text) else "")
    return fit(head + told, [], [fasting, say("prepare.tail")])


def general(department: str, *, key: str = "prepare.general", **values: object) -> str:
    """What one usually brings to this department; says whether a clinician has approved it."""
    entry = next(each for each in _preparations() if not each["departments"] or any(word in department for word in each["departments"]))
    reviewed = say("prepare.unreviewed" if entry["needs_clinician_review"] else "prepare.reviewed")
    return say(key, items="、".join(entry["items"]), reviewed=reviewed, **values)


async def movable(tx: AsyncSession, patient: Patient, now: datetime, zone: ZoneInfo) -> list[Appointment]:
    """The visits that a wish for another day can be about: those to come, else the last one that was missed."""
    booked = [visit for visit in await coming(tx, patient, now, zone) if visit.status == "booked"]
    if booked:
        return booked[:NAMED]
    past = await appointments(tx, patient.id, since=now - MISSED, until=now)
    return [visit for visit in past if visit.status == "booked"][-1:]


def named_visits(visits: Sequence[Appointment], text: str, now: datetime, zone: ZoneInfo) -> list[Appointment]:
    """The visits whose department or doctor the words name, else all of them."""
    named = [v for v in visits if v.department in text or (v.doctor or "\0") in text or v.department.removesuffix("科") in text]
    return named if named else list(visits)


def listed(visits: Sequence[Appointment], now: datetime, zone: ZoneInfo) -> str:
    """The visits in one line."""
    return "；".join(in_words(visit, now, zone) for visit in visits)


def _day(visit: Appointment, now: datetime, zone: ZoneInfo) -> str:
    return day_text(local_day(visit.starts_at, zone), local_day(now, zone)) + clip(visit.department, 20)


def _replaced(visit: Appointment, booked: Sequence[Appointment]) -> bool:
    """Whether another visit of the same department has taken the place of a cancelled one."""
    return any(other.department == visit.department for other in booked)


@cache
def _preparations() -> list[dict[str, Any]]:
    loaded: list[dict[str, Any]] = yaml.safe_load(Path(__file__).with_name("visit_preparation.yml").read_text("utf-8"))
    return loaded
