"""How the vital signs that a family measured look together: the levels of their alert bands, added up. Pure.

This is NOT the Bedside PEWS (Parshuram 2009), which also needs capillary refill, breathing effort and oxygen therapy, and it is not
validated. Each value is judged for itself, and alarms for itself, in triage; the sum only sorts a list.
"""

from collections.abc import Sequence
from datetime import datetime, timedelta

from tagging.content import Content
from tagging.patient import PatientFacts, Reading
from tagging.risk.score import Level, Reason, RiskScore, reason
from tagging.vitals import get_vital, judge

ID = "early_warning"
VITALS = ("heart_rate", "respiratory_rate", "spo2", "systolic_bp", "temperature")
POINTS = {"normal": 0, "routine": 0, "same_day": 1, "urgent": 2, "emergency": 3}
# Older values say nothing about now (R).
LATELY = timedelta(hours=24)
# From which sum somebody should look; one emergency is enough (R).
WATCH, CONCERN = 1, 3
# With fewer vital signs a low sum says nothing.
ENOUGH = 3
_LEVEL_NAMES = {"same_day": "当日", "urgent": "尽快", "emergency": "紧急"}


def early_warning(content: Content, patient: PatientFacts, readings: Sequence[Reading], *, now: datetime) -> RiskScore | None:
    """The sum over the latest reading of each vital sign within a day; None when there is none."""
    latest: dict[str, Reading] = {}
    for reading in sorted(readings, key=lambda each: each.at):
        if reading.vital in VITALS and now - LATELY <= reading.at <= now:
            latest[reading.vital] = reading
    if not latest:
        return None
    total, reasons = 0, list[Reason]()
    for vital in VITALS:
        if vital not in latest:
            continue
        each, entry = latest[vital], get_vital(content, vital)
        verdict = judge(content, vital, each.value, patient=patient, tags=frozenset(patient.tags), now=now)
        points = POINTS[verdict.level] if verdict else 0
        total += points
        if verdict and points:
            hours = round((now - each.at).total_seconds() / 3600)
            unit = next(iter(entry.lay_units))
            shown = {"name": entry.name, "value": f"{each.value:g}", "unit": unit, "level": _LEVEL_NAMES[verdict.level], "points": points}
            reasons.append(reason(ID, "vital", **shown, hours=hours))
    level: Level = "concern" if total >= CONCERN else "watch" if total >= WATCH else "none"
    if len(latest) < ENOUGH and level == "none":
        reasons.append(reason(ID, "few", known=len(latest), wanted=len(VITALS)))
    return RiskScore(ID, level, now, tuple(reasons), points=total, of=3 * len(VITALS), known=len(latest), wanted=len(VITALS))
