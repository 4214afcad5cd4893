"""One reading, amount or symptom taken into the record: stored, compared, judged by the rules, and said back in words."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any
from zoneinfo import ZoneInfo

from sqlalchemy.ext.asyncio import AsyncSession

from plans.alert import Alert
from plans.clock import local_day
from plans.finding import of_day, set_status, store
from plans.rule import RuleSet, load_rules
from plans.weight import Newborn, Weighing, compared, in_words, jumps, since, weighing, weight_facts
from plans.wording import say, vital_name, vital_unit
from records.observation import Observation, history
from records.patient import Patient

if TYPE_CHECKING:
    from tagging.measurement import Measurement

WEIGHT_RULES, FEEDING_RULES = "neonatal_weight", "neonatal_feeding"
_BOUNDS = {"more_than": "more_than", "less_than": "less_than"}
# A clock that is a little ahead is no reading from the future.
AHEAD = timedelta(minutes=30)


@dataclass(frozen=True)
class Said:
    """What surrounds a finding: who, in which words, when, in answer to which task."""

    patient: Patient
    message_id: int | None
    task_id: int | None
    corrects: bool
    now: datetime
    zone: ZoneInfo


@dataclass(frozen=True)
class Taken:
    """`echo` says back what was understood. status: answered, reweigh (preliminary, ask again), unconfirmed (given up), refused."""

    status: str
    echo: str | None = None
    ask_back: str | None = None
    alert: Alert | None = None
    observation: Observation | None = None
    replaced: Observation | None = None


async def take_weight(tx: AsyncSession, measurement: "Measurement", said: Said) -> Taken:
    """Store a weight in kg. One that jumps is preliminary and asked again; a second one like it confirms it."""
    patient, zone = said.patient, said.zone
    at = measurement.at or said.now
    if at > said.now + AHEAD:
        return Taken("refused", ask_back=say("implausible.future"))
    now = weighing(_kilograms(measurement), at, zone)
    baby = Newborn(patient.birth_date, patient.birth_weight_g, patient.gestational_age_weeks, frozenset(patient.tags or ()))
    age = (now.day - patient.birth_date).days
    rules = load_rules(WEIGHT_RULES)
    if age < 0 or not rules.plausible(now.kg, age):
        return Taken("refused", ask_back=say("implausible.weight", what=in_words(now.kg)))

    today = await of_day(tx, patient, "weight", at, zone)
    replaced = today[-1] if said.corrects and today else None
    pending = [row for row in today if row.status == "preliminary" and row is not replaced]
    earlier = [
        weighing(row.value, row.effective_at, zone)
        for row in await history(tx, patient.id, "weight", limit=60)
        if row.value is not None and row is not replaced and row.effective_at <= at
    ]
    bounds = rules.reweigh if rules.applies(age) else None
    before = earlier[-1] if earlier else None
    jump = bounds is not None and jumps(now, before, baby, bounds)
    alike = [row for row in pending if bounds and row.value and abs(row.value - now.kg) * 1000 <= bounds.similar_g + 1e-6]
    confirmed = jump and bool(alike)
    doubtful = jump and not confirmed

    row = await store(
        tx,
        patient,
        code="weight",
        value=now.kg,
        unit="kg",
        text=measurement.text,
        status="preliminary" if doubtful else "final",
        at=at,
        now=said.now,
        message_id=said.message_id,
        task_id=said.task_id or (replaced.task_id if replaced else None),
        detail=_rough(measurement),
    )
    if replaced is not None:
        set_status(tx, replaced, "entered-in-error", reason="corrected by the family", now=said.now, by=row.id)
    if not doubtful:
        for other in pending:
            like = other in alike
            set_status(tx, other, "final" if like else "entered-in-error", reason="weighed again", now=said.now, by=row.id)
    facts = weight_facts(now, earlier, baby, rules)
    alert = rules.first_alert(facts, unconfirmed=doubtful) if rules.applies(age) else None
    if doubtful and bounds is not None:
        tries = len(pending) + 1
        if tries >= bounds.attempts:
            return Taken("unconfirmed", say("reweigh.not_alike"), None, alert or _not_alike(rules, now, tries), row, replaced)
        return Taken("reweigh", None, _reweigh(now, before, baby), alert, row, replaced)
    return Taken("answered", _weight_echo(measurement, now, before, said, confirmed), None, alert, row, replaced)


def _kilograms(measurement: "Measurement") -> float:
    return round(measurement.value / 1000 if measurement.unit == "g" else measurement.value, 3)


def _reweigh(now: Weighing, before: Weighing | None, baby: Newborn) -> str:
    reference = before or Weighing((baby.birth_weight_g or 0) / 1000, baby.birth_date)
    when = since(before.day, now.day) if before else say("weight.birth")
    return say("reweigh.ask", now=in_words(now.kg), when=when, before=in_words(reference.kg))


def _not_alike(rules: RuleSet, now: Weighing, tries: int) -> Alert:
    bounds = rules.reweigh
    because = say("because.weights_not_alike", times=tries, now=f"{now.kg:.2f}")
    rule, level, src = f"{rules.id}.reweigh", bounds.level if bounds else "same_day", bounds.src if bounds else ""
    evidence = {"rule": rule, "version": rules.version, "because": because, "src": src}
    return Alert(level, rules.category, because, (evidence,), rule, say("reweigh.not_alike"))


def _weight_echo(measurement: "Measurement", now: Weighing, before: Weighing | None, said: Said, confirmed: bool) -> str:
    what = vital_name("weight") + in_words(now.kg)
    what = _bounded(what, measurement)
    today = local_day(said.now, said.zone)
    if now.day != today:
        what = say("echo.on_day", when=since(now.day, today), what=what)
    if confirmed:
        return say("echo.confirmed", what=what)
    comparison = compared(now, before, said.patient.birth_weight_g)
    return say("echo.joined").join([what, comparison] if comparison else [what])


async def take_value(tx: AsyncSession, measurement: "Measurement", said: Said) -> Taken:
    """Store any other number as it was said: a temperature, how often it fed, how many wet diapers."""
    at = measurement.at or said.now
    if at > said.now + AHEAD:
        return Taken("refused", ask_back=say("implausible.future"))
    rules = load_rules(FEEDING_RULES)
    today = await of_day(tx, said.patient, measurement.vital, at, said.zone)
    replaced = today[-1] if said.corrects and today else None
    pending = [row for row in today if row.status == "preliminary" and row is not replaced]
    alike = [row for row in pending if row.value == measurement.value]
    doubtful = measurement.value < rules.ask_below.get(measurement.vital, 0) and not alike
    row = await store(
        tx,
        said.patient,
        code=measurement.vital,
        value=measurement.value,
        unit=measurement.unit,
        text=measurement.text,
        status="preliminary" if doubtful else "final",
        at=at,
        now=said.now,
        message_id=said.message_id,
        task_id=said.task_id or (replaced.task_id if replaced else None),
        detail=_rough(measurement),
    )
    if replaced is not None:
        set_status(tx, replaced, "entered-in-error", reason="corrected by the family", now=said.now, by=row.id)
    if doubtful:
        what = value_in_words(measurement)
        return Taken("reweigh", None, say(f"implausible.{measurement.vital}", what=what), None, row, replaced)
    for other in pending:
        set_status(tx, other, "final" if other in alike else "entered-in-error", reason="asked again", now=said.now, by=row.id)
    age = (local_day(at, said.zone) - said.patient.birth_date).days
    alert = rules.first_alert({"age_days": float(age), measurement.vital: measurement.value}) if rules.applies(age) else None
    what, day, seen_from = value_in_words(measurement), local_day(at, said.zone), local_day(said.now, said.zone)
    if day < seen_from:
        what = say("echo.on_day", when=since(day, seen_from), what=what)
    return Taken("answered", what, None, alert, row, replaced)


def value_in_words(measurement: "Measurement") -> str:
    """吃奶8次, 体温38.2℃."""
    what = f"{vital_name(measurement.vital)}{measurement.value:g}{vital_unit(measurement.vital, measurement.unit)}"
    return _bounded(what, measurement)


def _rough(measurement: "Measurement") -> dict[str, Any]:
    return {"about": True, "precision": measurement.precision} if measurement.about else {}


def _bounded(what: str, measurement: "Measurement") -> str:
    """不到38 is said back as a bound, never as a reading of 38."""
    return say(f"echo.{_BOUNDS.get(measurement.precision, 'about')}", what=what) if measurement.about else what
