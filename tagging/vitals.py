"""Judging one value by vitals.yml: units, plausible range, bands."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta

from tagging.content import Content
from tagging.errors import InputError
from tagging.patient import PatientFacts
from tagging.tables import Band, Bound, Vital, severity


@dataclass(frozen=True)
class Verdict:
    """What a band says about a value: `level` as in the bands (also `normal`), the category it raises, why, and a reply variant."""

    level: str
    category: str
    because: str
    reply: str | None = None


def get_vital(content: Content, vital: str) -> Vital:
    """The table entry. Raises InputError (`unknown_vital`)."""
    try:
        return content.vitals.vitals[vital]
    except KeyError:
        raise InputError("unknown_vital", f"unknown vital {vital!r}") from None


def convert(content: Content, vital: str, value: float, unit: str | None) -> float:
    """`value` in the vital's canonical unit. None means canonical. Raises InputError (`unknown_vital`, `unknown_unit`)."""
    entry = get_vital(content, vital)
    if unit is None or unit == entry.unit:
        return value
    factors = {name.lower(): factor for name, factor in entry.lay_units.items()}
    factor = factors.get(unit.strip().lower())
    if factor is None:
        raise InputError("unknown_unit", f"{vital} cannot be given in {unit!r}")
    return round((value - 32) * 5 / 9, 2) if factor == "F" else round(value * float(factor), 4)


def plausible(content: Content, vital: str, value: float, age_days: int | None) -> bool:
    """Whether a value in the canonical unit lies in the accepted range for the age."""
    entry = get_vital(content, vital)
    low, high = entry.accept
    for accept in entry.accept_by_age:
        if age_days is not None and accept.age[0] <= age_days <= accept.age[1]:
            low, high = accept.range
    return low <= value <= high


def judge(content: Content, vital: str, value: float, *, patient: PatientFacts, tags: frozenset[str], now: datetime) -> Verdict | None:
    """The worst verdict of the bands that apply to this patient; None if no band applies. `value` is in the canonical unit."""
    entry = get_vital(content, vital)
    shown = f"{entry.name} {value:g} {next(iter(entry.lay_units))}"
    if entry.percent_of:
        if not patient.personal_best:
            return Verdict("same_day", _category(entry, None, None, "above"), f"{shown}, personal best unknown")
        value = 100 * value / patient.personal_best
        shown += f" = {value:.0f} % of personal best"
    tag_bands = [band for band in entry.bands if band.tag and content.has_tag(tags, band.tag)]
    replaced = any(band.mode == "replace" for band in tag_bands)
    age = patient.age_days if patient.age_days is not None else entry.assume_age_days
    age_bands = [] if replaced else [band for band in entry.bands if band.age]
    verdicts = [_in_band(vital, entry, band, value, shown, age, patient, now) for band in tag_bands]
    if age is None:
        unknown = [
            _in_band(vital, entry, band, value, f"{shown}, age unknown", band.age[0], patient, now) for band in age_bands if band.age
        ]
        verdicts += sorted(unknown, key=lambda verdict: severity(verdict.level))[:1]
    else:
        named = f"{shown} at {age} days" if patient.age_days is not None else f"{shown}, age unknown"
        verdicts += [
            _in_band(vital, entry, band, value, named, age, patient, now)
            for band in age_bands
            if band.age and band.age[0] <= age <= band.age[1]
        ]
    return max(verdicts, key=lambda verdict: severity(verdict.level), default=None)


def normal_range(content: Content, vital: str, patient: PatientFacts) -> tuple[float | None, float | None] | None:
    """From where to below where a value is normal at this patient's age, in the canonical unit; an end that is open is None.

    None where the table has no normal band for the age, or measures by the patient's own best. Tags narrow nothing: what they make of a
    value is for triage to say.
    """
    entry = get_vital(content, vital)
    age = patient.age_days if patient.age_days is not None else entry.assume_age_days
    band = next((band for band in entry.bands if band.age and age is not None and band.age[0] <= age <= band.age[1]), None)
    if band is None or entry.percent_of:
        return None
    at = next((number for number, rule in enumerate(band.rules) if severity(rule.level) == 0), None)
    if at is None:
        return None
    before, normal = band.rules[at - 1] if at else None, band.rules[at]
    ends = (before.lt, before.lte) if before is not None else (normal.gte, normal.gt)
    low = next((end for end in ends if end is not None), None)
    high = normal.lt if normal.lt is not None else normal.lte
    return None if low is None and high is None else (low, high)


def meanings(content: Content, vital: str, value: float) -> Iterator[str]:
    """Concepts that a value in the canonical unit counts as in the red-flag rules (38.5 ℃ is fever)."""
    return (meaning.concept for meaning in get_vital(content, vital).means if meaning.holds(value))


def _in_band(
    vital: str, entry: Vital, band: Band, value: float, shown: str, age: int | None, patient: PatientFacts, now: datetime
) -> Verdict:
    normal_at = next((i for i, rule in enumerate(band.rules) if severity(rule.level) == 0), -1)
    because = shown + (f", tag {band.tag}" if band.tag else "")
    for position, rule in enumerate(band.rules):
        if _holds(rule, band, value, age):
            category = _category(entry, band, rule, "below" if position < normal_at else "above")
            verdict = Verdict(rule.level, category, because, rule.reply)
            break
    else:
        return Verdict("normal", _category(entry, band, None, "above"), because)
    sustained = band.sustained
    if sustained and value >= sustained.gte and severity(sustained.level) > severity(verdict.level):
        earlier = [r for r in patient.readings(vital, now) if now - r.at <= timedelta(days=1)]
        long_ago = [r for r in earlier if r.value >= sustained.gte and now - r.at >= timedelta(minutes=sustained.minutes)]
        # A normal reading in between is no comfort: a medicine may have made it.
        if long_ago:
            since = long_ago[-1].at.isoformat(timespec="minutes")
            return Verdict(sustained.level, verdict.category, f"{because}, also {long_ago[-1].value:g} at {since}")
    return verdict


def _holds(rule: Bound, band: Band, value: float, age: int | None) -> bool:
    low = band.formula_low.at(age) if band.formula_low and age is not None else None
    return rule.holds(value) and (rule.lt_formula is None or (low is not None and value < low))


def _category(entry: Vital, band: Band | None, rule: Bound | None, side: str) -> str:
    for choice in (rule.category if rule else None, band.category if band else None, entry.category):
        if choice is not None:
            return choice if isinstance(choice, str) else getattr(choice, side)
    return "vital_sign"
