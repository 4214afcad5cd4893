"""How each value has gone: a line against what is usual at this age, and a sentence. What it means is the doctor's to say."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import cast

from aiohttp import web
from markupsafe import Markup

from console.family.desk import FAMILY, FamilyDesk
from console.family.page import child_of, render, say, words
from console.page import ANYBODY, get
from plans.finding import department_of, facts_with
from plans.trend import SHOWN, in_sentences
from plans.wording import vital_name, vital_unit
from records.patient import Patient
from tagging.content import default_content
from tagging.growth.curve import Child
from tagging.growth.tables import Sex
from tagging.patient import PatientFacts
from tagging.portrait.measured import ReadingView, VitalView, measured
from tagging.vitals import normal_range

# As many readings as a phone shows at a glance; the sentence is about the last ones among them.
READINGS = 20
_WIDE, _HIGH, _ABOVE = 320, 120, 10


@dataclass(frozen=True)
class Trend:
    """One vital: its sentence, what is usual (`low` to `high`, either may be open), where the last reading stands, its line."""

    name: str
    unit: str
    latest: ReadingView
    sentence: str
    usual: str
    stands: str
    line: Markup
    readings: Sequence[ReadingView]


async def show(request: web.Request) -> web.StreamResponse:
    """All that was measured."""
    desk, child, now = request.app[FAMILY], child_of(request), request.app[FAMILY].clock()
    async with desk.db.transaction() as tx:
        facts = facts_with(child, (), now=now, zone=desk.zone, department=await department_of(tx, child))
        sex = cast(Sex, child.sex) if child.sex in ("M", "F") else None
        charted = Child(child.birth_date, sex, child.gestational_age_weeks)
        found = await measured(tx, child, now=now, zone=desk.zone, child=charted, facts=facts)
    trends = [_trend(view, child, facts, desk) for view in found.vitals]
    trends.sort(key=lambda each: each.latest.at, reverse=True)
    return render(request, "trends.html", child=child, trends=trends)


def _trend(view: VitalView, child: Patient, facts: PatientFacts, desk: FamilyDesk) -> Trend:
    usual = normal_range(default_content(), view.vital, facts)
    shown = view.readings[-READINGS:]
    sentence = in_sentences([(each.at, each.value) for each in shown[-SHOWN:]], child.name, view.vital, desk.zone)
    unit, stands = vital_unit(view.vital, view.unit), _stands(view.latest, usual)
    return Trend(vital_name(view.vital), unit, view.latest, sentence, _usual(usual, unit), stands, _line(shown, usual), shown)


def _usual(usual: tuple[float | None, float | None] | None, unit: str) -> str:
    """平常在36～37.5℃之间."""
    if usual is None:
        return ""
    low, high = usual
    form = "between" if low is not None and high is not None else "above" if low is not None else "below"
    return say(f"trends.usual.{form}", low=f"{low or 0:g}", high=f"{high or 0:g}", unit=unit)


def _stands(latest: ReadingView, usual: tuple[float | None, float | None] | None) -> str:
    """Where the last reading stands: by its band, or for weight and length among children of this age."""
    if latest.level in ("emergency", "urgent"):
        return str(words()["trends"]["danger"])
    if latest.level == "normal":
        return str(words()["trends"]["inside"])
    if latest.level is not None and usual is not None:
        low, high = usual
        side = "low" if low is not None and latest.value < low else "high" if high is not None and latest.value >= high else "outside"
        return str(words()["trends"][side])
    if latest.z is not None:
        place = "middle" if abs(latest.z) < 1 else ("small" if latest.z < 0 else "large") if abs(latest.z) < 2 else "far"
        return str(words()["trends"]["growth"][place])
    return ""


def _line(readings: Sequence[ReadingView], usual: tuple[float | None, float | None] | None) -> Markup:
    """The readings as a line above the band of what is usual; numbers alone go into it."""
    if len(readings) < 2:
        return Markup("")
    low, high = usual or (None, None)
    values = [reading.value for reading in readings]
    ends = [end for end in (low, high) if end is not None]
    bottom, top = min([*values, *ends]), max([*values, *ends])
    pad = (top - bottom) * 0.1 or 1
    bottom, top = bottom - pad, top + pad
    first, span = readings[0].at, (readings[-1].at - readings[0].at).total_seconds() or 1

    def y(value: float) -> float:
        return _ABOVE + (top - value) / (top - bottom) * _HIGH

    def x(reading: ReadingView) -> float:
        return 8 + (reading.at - first).total_seconds() / span * (_WIDE - 16)

    band = Markup("")
    if usual is not None:
        upper, lower = y(high) if high is not None else _ABOVE, y(low) if low is not None else _ABOVE + _HIGH
        band = Markup('<rect class="band" x="0" y="{}" width="{}" height="{}"/>').format(f"{upper:.1f}", _WIDE, f"{lower - upper:.1f}")
    points = " ".join(f"{x(each):.1f},{y(each.value):.1f}" for each in readings)
    dots = Markup("").join(Markup('<circle cx="{}" cy="{}" r="3"/>').format(f"{x(each):.1f}", f"{y(each.value):.1f}") for each in readings)
    drawing = Markup('<svg viewBox="0 0 {} {}" aria-hidden="true">{}<polyline points="{}"/>{}</svg>')
    return drawing.format(_WIDE, _HIGH + 2 * _ABOVE, band, points, dots)


ROUTES = (get(r"/{child:\d{1,18}}/trends", show, ANYBODY),)
