"""Weight rules of the first two months; their numbers stand in vitals.yml under weight.newborn."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from tagging.patient import PatientFacts
from tagging.tables import Level, NewbornWeight


@dataclass(frozen=True)
class WeightVerdict:
    """What a newborn's weight means: level, why, and whether it should be weighed again first."""

    level: Level
    because: str
    reweigh: bool = False


def judge_newborn_weight(
    grams: float, *, patient: PatientFacts, preterm: bool, now: datetime, rules: NewbornWeight
) -> WeightVerdict | None:
    """The first rule that fires, in the order of the table; None if none does or the child is older than the rules.

    `grams` is the new weight. Birth weight and earlier weights (kg) come from `patient`; what is unknown is not judged.
    """
    age = patient.age_days
    if age is None or age > rules.max_age_days:
        return None
    return _against_birth(grams, age, patient, preterm, rules) or _against_history(grams, age, patient, preterm, now, rules)


def _against_birth(grams: float, age: int, patient: PatientFacts, preterm: bool, rules: NewbornWeight) -> WeightVerdict | None:
    birth = patient.birth_weight_g
    if not birth or grams >= birth:
        return None
    loss = (birth - grams) / birth
    because = f"{grams:.0f} g, {loss:.1%} below birth weight {birth:.0f} g at {age} days"
    if loss > rules.loss_urgent:
        return WeightVerdict("urgent", because)
    if loss >= rules.loss_same_day:
        return WeightVerdict("same_day", because)
    if age >= (rules.regain_by_day_preterm if preterm else rules.regain_by_day):
        return WeightVerdict("same_day", because)
    return None


def _against_history(
    grams: float, age: int, patient: PatientFacts, preterm: bool, now: datetime, rules: NewbornWeight
) -> WeightVerdict | None:
    earlier = [reading for reading in patient.readings("weight", now) if reading.at < now]
    if not earlier:
        return None
    last = earlier[-1]
    last_grams = _grams(last.value, last.unit)
    days = max((now - last.at).total_seconds() / 86400, 1 / 24)
    change = grams - last_grams
    if abs(change) > rules.jump_g_per_day * max(days, 1) or (
        abs(change) > rules.jump_fraction * last_grams and days < rules.gain_over_days
    ):
        return WeightVerdict("same_day", f"{grams:.0f} g after {last_grams:.0f} g {days:.1f} days before: weigh again", reweigh=True)
    base = [reading for reading in earlier if now - reading.at >= timedelta(days=rules.gain_over_days)]
    if age <= rules.gain_after_day or not base:
        return None
    # The shortest span that is long enough, and begins after the days in which a loss is normal if it can.
    start = base[-1]
    span = (now - start.at).total_seconds() / 86400
    start_grams = _grams(start.value, start.unit)
    gain = (grams - start_grams) / span
    enough = rules.min_gain_g_per_kg_day_preterm * start_grams / 1000 if preterm and _before_term(patient) else rules.min_gain_g_per_day
    if gain < enough:
        return WeightVerdict("same_day", f"mean gain {gain:.0f} g/day over {span:.1f} days, expected at least {enough:.0f}")
    return None


def _before_term(patient: PatientFacts) -> bool:
    weeks = patient.gestational_age_weeks
    return weeks is not None and patient.age_days is not None and weeks + patient.age_days / 7 <= 40


def _grams(value: float, unit: str) -> float:
    return value * {"kg": 1000.0, "g": 1.0, "公斤": 1000.0, "斤": 500.0, "克": 1.0}.get(unit, 1000.0)
