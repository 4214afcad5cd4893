"""Released results, as the hospital reported them: name, value, unit, range and its own arrow. What they mean is the doctor's to say."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from itertools import groupby
from zoneinfo import ZoneInfo

from sqlalchemy.ext.asyncio import AsyncSession

from plans.chart import asks_about, clip, day_text, fit, say, texts
from plans.clock import local_day
from records.lab_result import LabResult, released
from records.patient import Patient
from tagging.text import fold

# Older reports are for the hospital's own pages (R).
SINCE = timedelta(days=180)
# So many other reports are named.
OTHERS = 3


@dataclass(frozen=True)
class LabReport:
    """One report: what was taken at one moment."""

    name: str
    day: date
    items: tuple[LabResult, ...]


@dataclass(frozen=True)
class Told:
    """What the family is told, and the question that a yes to the doctor brings to the team; None when nothing was shown."""

    text: str
    question: str | None


async def reports_of(tx: AsyncSession, patient: Patient, now: datetime, zone: ZoneInfo) -> list[LabReport]:
    """The reports since SINCE that the hospital has released, the latest first."""
    rows = await released(tx, patient.id, now, since=now - SINCE)
    by_report = groupby(rows, lambda row: (row.collected_at, row.report))
    return [LabReport(name, local_day(collected, zone), tuple(items)) for (collected, name), items in by_report]


async def tell_results(tx: AsyncSession, patient: Patient, text: str, now: datetime, zone: ZoneInfo) -> Told:
    """The report that the words name, else the latest."""
    reports = await reports_of(tx, patient, now, zone)
    wanted = named_report(text)
    name, today = clip(patient.name), local_day(now, zone)
    fitting = [each for each in reports if _is(each, text, wanted)]
    if wanted and not fitting:
        others = _others(reports, today)
        return Told(fit(say("result.not_found", name=name, report=wanted), [], [others]), None)
    if not reports:
        return Told(say("result.none", name=name), None)
    shown = (fitting or reports)[0]
    # Asked whether it is out, without a name: the report that is waited for may be another one.
    waits = say("result.waits") if not fitting and asks_about("waits", text) else ""
    return Told(_in_words(shown, name, today, [each for each in reports if each is not shown], waits), _question(shown, today))


def named_report(text: str) -> str | None:
    """What kind of test the words name."""
    folded = fold(text)
    return next((word for word in texts()["reports"] if fold(word) in folded), None)


def in_line(row: LabResult) -> str:
    """白细胞 12.3 10^9/L ↑（参考4.0-10.0）."""
    span = say("result.range", range=clip(row.reference_range, 30)) if row.reference_range else ""
    unit = f" {clip(row.unit, 20)}" if row.unit else ""
    flag = texts()["result"]["flags"].get(row.flag or "N", "")
    return say("result.line", item=clip(row.item, 30), text=clip(row.text, 60), unit=unit, flag=flag, range=span)


def _in_words(report: LabReport, name: str, today: date, others: Sequence[LabReport], waits: str) -> str:
    head = say("result.head", name=name, report=clip(report.name, 30), day=day_text(report.day, today))
    tail = [_others(others, today), waits, say("result.tail")]
    lines = [in_line(row) for row in report.items]
    whole = fit(head, lines, tail, more="result.more")
    if all(line in whole for line in lines):
        return whole
    # What the hospital has marked must not be among what there is no room for.
    marked_first = sorted(report.items, key=lambda row: row.flag in (None, "N"))
    return fit(head, [in_line(row) for row in marked_first], tail, more="result.more")


def _others(reports: Sequence[LabReport], today: date) -> str:
    told = [say("result.other", report=clip(each.name, 20), day=day_text(each.day, today)) for each in reports[:OTHERS]]
    return say("result.others", reports="、".join(told)) if told else ""


def _question(report: LabReport, today: date) -> str:
    return say("team.question", report=clip(report.name, 30), day=day_text(report.day, today))


def _is(report: LabReport, text: str, wanted: str | None) -> bool:
    name = fold(report.name)
    if wanted is None:
        return name in fold(text)
    part = fold(texts()["reports"][wanted])
    return part in name or any(part in fold(row.item) for row in report.items)
