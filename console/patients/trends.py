"""Vital signs over time, in the bands that count for this child, and growth between the lines of the WHO."""

import json
from collections.abc import Sequence
from datetime import date, datetime, timedelta
from typing import Any, Literal

from aiohttp import web

from console.desk import DESK
from console.patients.head import open_patient, patient_page
from console.portrait import portrait_words
from tagging.content import Content, default_content
from tagging.growth.age import growth_age
from tagging.growth.curve import Child
from tagging.growth.tables import Lms, by_day
from tagging.patient import PatientFacts
from tagging.portrait.measured import VitalView, measured, particulars
from tagging.vitals import judge

GROWTH: dict[str, Literal["wfa", "lhfa", "hcfa"]] = {"weight": "wfa", "height": "lhfa", "head_circumference": "hcfa"}
# The lines of the charts by their z, so much of them around the measurements, at so many points.
LINES = {3: ("+3SD", "bad"), 2: ("+2SD", "warn"), 0: ("中位数", "good"), -2: ("-2SD", "warn"), -3: ("-3SD", "bad")}
AROUND, POINTS = timedelta(days=14), 40
# Levels that colour the ground of a chart, and in how many steps their edges are looked for.
_GROUND = {"normal": "good", "same_day": "warn", "urgent": "bad", "emergency": "bad"}
STEPS = 200


async def show(request: web.Request) -> web.StreamResponse:
    """A chart for every vital sign that was measured."""
    desk, now = request.app[DESK], request.app[DESK].clock()
    async with desk.db.transaction() as tx:
        head = await open_patient(tx, request)
        child, facts = particulars(head.patient, head.who.age_days)
        seen = await measured(tx, head.patient, now=now, zone=desk.zone, child=child, facts=facts)
    charts = []
    for vital in seen.vitals:
        growth = growth_chart(vital, [reading.at.astimezone(desk.zone).date() for reading in vital.readings], child)
        drawn = growth or vital_chart(vital, facts, now)
        charts.append((vital, json.dumps(drawn, ensure_ascii=False), growth is not None))
    return patient_page(request, head, "trends", charts=charts)


def vital_chart(vital: VitalView, facts: PatientFacts, now: datetime) -> dict[str, Any]:
    """The readings as a line, the ground in the colours of the levels at today's age."""
    values = [reading.value for reading in vital.readings]
    bands = bands_of(default_content(), vital.vital, facts, min(values), max(values), now)
    moments = [reading.at.isoformat() for reading in vital.readings]
    return _line(vital, moments, [{"name": vital.name, "values": values}]) | {"bands": bands}


def bands_of(content: Content, vital: str, facts: PatientFacts, low: float, high: float, now: datetime) -> list[dict[str, Any]]:
    """Where which level begins and ends around the readings; nothing for a sign that has no bands.

    Asked of the very judgement that alerts use, value by value, so that the picture cannot say anything else.
    """
    entry = content.vitals.vitals[vital]
    if not entry.bands or entry.percent_of:
        return []
    bottom, top = entry.accept
    margin = max((high - low) * 0.5, (top - bottom) * 0.05)
    first, last = max(bottom, low - margin), min(top, high + margin)
    edges: list[tuple[str, float]] = []
    for step in range(STEPS + 1):
        value = round(first + (last - first) * step / STEPS, 2)
        verdict = judge(content, vital, value, patient=facts, tags=frozenset(facts.tags), now=now)
        level = verdict.level if verdict is not None else "normal"
        if not edges or edges[-1][0] != level:
            edges.append((level, value))
    found = []
    for place, (level, begins) in enumerate(edges):
        if level in _GROUND:
            low_edge = {"low": begins} if place else {}
            high_edge = {"high": edges[place + 1][1]} if place + 1 < len(edges) else {}
            found.append({"name": portrait_words()["levels"][level], "kind": _GROUND[level], **low_edge, **high_edge})
    return found


def growth_chart(vital: VitalView, days: Sequence[date], child: Child) -> dict[str, Any] | None:
    """The measurements between the lines of the WHO for his sex, at the age that counts for growth; None where there are no lines."""
    table = GROWTH.get(vital.vital)
    if table is None or child.sex is None:
        return None
    first, last = max(child.birth, days[0] - AROUND), days[-1] + AROUND
    step = max(1, (last - first).days // POINTS)
    found: dict[date, Lms] = {}
    for n in range(0, (last - first).days + 1, step):
        age = growth_age(child.birth, first + timedelta(days=n), child.gestational_age_weeks).days
        line = by_day(table, child.sex, age) if age is not None else None
        if line is not None:
            found[first + timedelta(days=n)] = line
    if not found:
        return None
    measured = [[day.isoformat(), reading.value] for day, reading in zip(days, vital.readings, strict=True)]
    series: list[dict[str, Any]] = [{"name": vital.name, "values": measured}]
    for z, (name, colour) in LINES.items():
        values = [[day.isoformat(), round(line.at(z), 2)] for day, line in found.items()]
        series.append({"name": name, "values": values, "dash": True, "color": colour})
    return _line(vital, [], series)


def _line(vital: VitalView, x: list[str], series: list[dict[str, Any]]) -> dict[str, Any]:
    unit = portrait_words()["units"][vital.unit] or vital.unit
    return {"kind": "line", "axis": "time", "x": x, "series": series, "unit": unit}
