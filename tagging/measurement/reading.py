"""Vital signs said in a message: found, converted to their UCUM unit, dated; what is ambiguous becomes a question, never a guess."""

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from itertools import pairwise

from tagging.content import Content, default_content
from tagging.errors import InputError
from tagging.measurement.amount import Precision
from tagging.measurement.circumstance import circumstance
from tagging.measurement.confirmed import statement
from tagging.measurement.doubt import NOT_HIS, doubts, leaves_unread, tells_only_change
from tagging.measurement.notebook import moments_of_notebook
from tagging.measurement.of_age import moments_of_age
from tagging.measurement.quantity import UNKNOWN_UNIT, UNNAMED, Quantity
from tagging.measurement.resolve import resolve, shows_no_degrees
from tagging.measurement.scan import scan
from tagging.measurement.scene import Scene
from tagging.measurement.scope import WHOSE, is_reading, of_several, without_corrected
from tagging.measurement.whose import tells_of_two
from tagging.measurement.words import vocabulary
from tagging.moment import Moment, find_moments
from tagging.numeral import NUMBER
from tagging.patient import PatientFacts
from tagging.text import fold
from tagging.vitals import convert, get_vital, plausible

# How far a weight may lie from the last one to decide its unit (vitals.yml, weight.guess).
NEAR_LAST_WEIGHT = 0.10
# How far a weight told in the unit of the question may lie from it: less than the other unit would make of it.
FAR_FROM_LAST = 0.30
_UNIT_ASKED = re.compile(r"公斤|千克|kg|克|g(?![a-z])|斤")
# Bare numbers of this size are grams (vitals.yml, weight.guess, with room for the smallest preterm and for the second month).
GRAMS = (800, 9000)
# Before this age a child is given nothing but milk (WHO: complementary food from six months; four is the earliest in use).
MILK_ONLY_DAYS = 120
# Up to this age the rules of vitals.yml for a newborn's weight apply, and those for the fever of a young infant.
NEWBORN_DAYS, YOUNG = 60, 91
# No family sends more values in one message; of a hostile text only the first and the last are judged, so that it cannot be slow.
MOST_VALUES = 200
# An answer that is a mere yes, or a unit, is no longer than this.
SHORT = 12
# Vitals of which the lower end of a range is the worse one.
_LOW_IS_WORSE = frozenset({"spo2", "wet_diapers", "platelets", "neutrophils", "peak_flow", "feed_count", "feed_volume", "urine_output"})


_SENTENCE = re.compile(r"[。！？!?\n]")
_SENTENCE_ENDS = re.compile(r"(?<=[。！？!?\n；;])")
_CLOCK_ALONE = re.compile(r"[一二两三四五六七八九十\d]{1,3}点多?")
# 38度几记不清了: nobody can judge a value that was forgotten.
# 高压134，低压没记住: another one was forgotten.
_FORGOTTEN = re.compile(
    r"(?!.{0,4}(?:[高低上下]压|心率|心跳|脉搏|体温|体重|血氧|血糖|呼吸))[^。！？!?\n\d]{0,6}(?:记不(?:太)?清|记不准|记不住|不记得|忘了(?!吃|喂|量|测|用)|没记住)"
    # 38还是39忘了
    r"|度?\s?(?:还是|或者?)\s?\d[\d.度]{0,4}[^。！？!?\n\d]{0,6}(?:记不|不记得|忘了|没看清|没记住|不确定)"
)
_STILL = re.compile(r"(?:还是|仍是|仍然是?|依然是?|依旧是?|也?就是|等于|相当于|合|换算(?:成|过来|下来)?是?)\s?$")
# 38上下徘徊，一直在38度左右
_STAYS, _LEVEL = re.compile(r"(?:一直|都|总|老)(?:是|在)*\s?$"), frozenset({"temperature", "heart_rate", "spo2"})
_PART_AND_POINTED = re.compile(
    r"(?P<part>.*?[^\d一二三四五六七八九十点])(?:[\d一二三四五六七八九]|二?十[一二三四五六七八九]?|1\d|2\d)点[零一二三四五六七八九\d]"
)
_POINTED = re.compile(r"血糖|黄疸|胆红素|血酮|测黄|空腹|餐后")
_ENDS = re.compile(r"$|[，,、。；;！!]\s*(?!\d|[量测是])|\s?(?:早|中午|下午|晚|今|昨|睡前|凌晨|夜)")
_REACHED = re.compile(r"(?:[降升涨掉飙]到了?|还有|只有|才)\s?$")
# What a patient with a tag measures at home.
_FOLLOWED = (("diabetes", "glucose"), ("asthma", "peak_flow"), ("hypertension", "systolic_bp"))
# From this age on a pressure is what two whole numbers are, when nothing names them (R).
GROWN_UP = 18 * 365


@dataclass(frozen=True)
class Measurement:
    """One value: offsets and text as typed, `value` in `unit` (UCUM).

    `precision` tells how `value` bounds the truth; of a range it is the end that worries more, and `low` and `high` are both ends.
    `at` is the instant told, `since` and `until` the span of time meant where the words are vague (昨晚); `site` and `condition` are
    names of measurements.yml. `about` is true for everything but an exact value.
    """

    start: int
    end: int
    text: str
    vital: str
    value: float
    unit: str
    about: bool
    at: datetime | None
    precision: Precision = "exact"
    low: float | None = None
    high: float | None = None
    since: datetime | None = None
    until: datetime | None = None
    site: str | None = None
    condition: str | None = None

    @property
    def judged(self) -> float:
        """The value to judge by: 不到38 is the last tenth below 38, 不到90 of oxygen 89; everything else its `value`."""
        if self.precision != "less_than":
            return self.value
        step = 1.0 if self.value >= 60 and self.value == int(self.value) else 0.1
        return max(0.0, round(self.value - step, 3))


@dataclass(frozen=True)
class Readings:
    """What was read: `measurements` that count, `questions` to ask back, and `doubtful` readings that count only once confirmed."""

    measurements: tuple[Measurement, ...] = ()
    questions: tuple[str, ...] = ()
    doubtful: tuple[Measurement, ...] = ()


def find_measurements(
    text: str, *, context: str | None, patient: PatientFacts, now: datetime, content: Content | None = None
) -> tuple[list[Measurement], list[str]]:
    """The patient's values in `text`, in order, and the questions to ask back (in Chinese, for the family).

    `context` is the line before: a bare 38.9 is read against it. Values of other people, thresholds that are only talked about,
    ages, dates, prices and doses are left out. A form with several readings, or a value outside the accepted range of vitals.yml,
    is asked about, not returned.
    """
    read = read_measurements(text, context=context, patient=patient, now=now, content=content)
    return list(read.measurements), list(read.questions)


def _last_question(folded: str) -> str:
    """The last sentence that asks, of a line that may say other things before and after it; without one, the last sentence."""
    sentences = [sentence for sentence in _SENTENCE_ENDS.split(folded) if sentence.strip()]
    return next(
        (sentence for sentence in reversed(sentences) if sentence.rstrip().endswith(("？", "?"))), sentences[-1] if sentences else ""
    )


def read_measurements(text: str, *, context: str | None, patient: PatientFacts, now: datetime, content: Content | None = None) -> Readings:
    """As find_measurements, with the doubtful readings (385 for 38.5): a danger sign among them has to be asked about at once."""
    tables = content or default_content()
    folded = fold(text)
    if context and len(folded) <= SHORT and (full := statement(folded, fold(context))):
        return _answered(text, read_measurements(full, context=None, patient=patient, now=now, content=tables))
    followed = frozenset(vital for tag, vital in _FOLLOWED if tables.has_tag(frozenset(patient.tags), tag))
    if (patient.age_days or 0) >= GROWN_UP:
        followed |= {"systolic_bp"}
    sugar = "糖" in folded or (context is not None and "糖" in context) or "glucose" in followed
    words = vocabulary()
    if not sugar and not NUMBER.search(folded) and not (context and len(folded) <= SHORT) and not shows_no_degrees(folded):
        return Readings()
    asked = words.asked_vitals(fold(context) if context else None)
    of_age = [*moments_of_age(folded, patient.age_days, now), *moments_of_notebook(folded, now)]
    moments = _usable(folded, find_moments(folded, now), asked, now)
    if of_age:
        free = [m for m in moments if not any(m.start < other.end and other.start < m.end for other in of_age)]
        moments = sorted((*free, *of_age), key=lambda moment: moment.start)
    milk_only = patient.age_days is not None and patient.age_days < MILK_ONLY_DAYS
    answering = bool(context) and "temperature" not in asked
    asked_last = words.asked_vitals(_last_question(fold(context))) if asked and context else ()
    ordered = words.asked_in_order(_last_question(fold(context))) if len(asked) > 0 and context else ()
    scene = Scene(
        folded, scan(folded, moments, words), words, asked, milk_only, followed, answering, asked_last, ordered, _unit_asked(context)
    )
    quantities, unreadable = resolve(scene)
    if len(quantities) > MOST_VALUES:
        quantities = [*quantities[: MOST_VALUES // 2], *quantities[-MOST_VALUES // 2 :]]
    several = of_several(folded, quantities, patient) or tells_of_two(scene, quantities)
    kept = [] if several else _without_lone_lower([q for q in quantities if is_reading(folded, q, patient)], quantities)
    measurements: list[Measurement] = []
    doubtful: list[Measurement] = []
    questions = [WHOSE] if several else []
    questions += [get_vital(tables, vital).ask for vital in unreadable if vital in tables.vitals.vitals]
    if leaves_unread(scene, quantities) or (not kept and not questions and tells_only_change(scene)):
        questions.append(get_vital(tables, scene.asked[0]).ask)
    counted = without_corrected(folded, kept)
    refused: Quantity | None = None
    doubted = doubts(scene, counted, patient)
    for place, quantity in enumerate(counted):
        question = quantity.question
        if doubted.get(place) == NOT_HIS:
            continue
        if place in doubted:
            question = doubted[place] or get_vital(tables, quantity.vital).ask
        if quantity.vital == UNNAMED:
            questions.append(question or "")
            continue
        if quantity.unit == UNKNOWN_UNIT:
            quantity, question = _weigh(quantity, scene.unit, patient, tables, measurements, quantities)
            if question and quantity.unit == UNKNOWN_UNIT:
                questions.append(question)
                continue
        elif quantity.unit == "F" and (patient.age_days or YOUNG) < YOUNG:
            # No other reading of 101 is left, and a fever at this age cannot wait for an answer.
            question = None
        if _too_rough(quantity, patient):
            questions.append(get_vital(tables, quantity.vital).ask)
            continue
        if refused and quantity.vital == "diastolic_bp" and quantity.start - refused.end <= 1:
            # 1200/80: one of a pair alone is none.
            continue
        measurement = _measure(text, scene, moments, quantity, patient, tables)
        if measurement is None:
            refused = quantity
            questions.append(get_vital(tables, quantity.vital).ask)
        elif question or (
            (quantity.precision not in ("more_than", "less_than") or quantity.vital != "temperature")
            and _FORGOTTEN.match(folded, measurement.end)
        ):
            questions.append(question or get_vital(tables, quantity.vital).ask)
            doubtful.append(measurement)
        elif not _said_again(measurement, measurements[-1:], folded):
            measurements.append(measurement)
    return Readings(tuple(measurements), tuple(dict.fromkeys(questions)), tuple(doubtful))


def _without_lone_lower(kept: Sequence[Quantity], found: Sequence[Quantity]) -> list[Quantity]:
    """平时110/70: a lower pressure whose upper one does not count does not count either."""
    pairs = [(a, b) for a, b in pairwise(found) if (a.vital, b.vital) == ("systolic_bp", "diastolic_bp") and b.start - a.end <= 1]
    lone = [lower for upper, lower in pairs if upper not in kept]
    return [quantity for quantity in kept if quantity not in lone]


def _too_rough(quantity: Quantity, patient: PatientFacts) -> bool:
    """七八斤 of a newborn: a tenth of the weight decides there."""
    newborn = patient.age_days is not None and patient.age_days < NEWBORN_DAYS
    return (
        newborn and quantity.vital == "weight" and quantity.low is not None and quantity.low < (1 - NEAR_LAST_WEIGHT / 2) * quantity.value
    )


def _said_again(measurement: Measurement, before: Sequence[Measurement], folded: str) -> bool:
    """血氧95，换个手指还是95: the same value at no other time is one reading."""
    return any(
        (earlier.vital, earlier.value, earlier.precision) == (measurement.vital, measurement.value, measurement.precision)
        and (measurement.precision == "exact" or earlier.vital in _LEVEL)
        and (measurement.at, measurement.since, measurement.condition) == (earlier.at, earlier.since, earlier.condition)
        and (_STILL if measurement.precision == "exact" else _STAYS).search(folded, max(0, measurement.start - 6), measurement.start)
        is not None
        for earlier in before
    )


def _answered(text: str, read: Readings) -> Readings:
    """The readings of the full statement, each standing where the short answer stands."""

    def here(measurement: Measurement) -> Measurement:
        return replace(measurement, start=0, end=len(text), text=text)

    return replace(read, measurements=tuple(map(here, read.measurements)), doubtful=tuple(map(here, read.doubtful)))


def _usable(folded: str, moments: list[Moment], asked: Sequence[str], now: datetime) -> list[Moment]:
    """Without clock times that are really values (黄疸12点多; 七八点 in answer to a question for sugar)."""
    pointed = asked[:1] in (("glucose",), ("bilirubin",), ("blood_ketone",))
    kept = [m for m in moments if not _is_value(folded, m) and not (pointed and _CLOCK_ALONE.fullmatch(folded[m.start : m.end]))]
    return [_without_value(folded, moment, now) if asked[:1] != ("temperature",) else moment for moment in kept]


def _without_value(folded: str, moment: Moment, now: datetime) -> Moment:
    """黄疸早上7.7晚上六点四: what looks like a clock time is the value where one of these is named and none follows."""
    split = _PART_AND_POINTED.match(folded, moment.start, moment.end + 1)
    named = split is not None and _POINTED.search(folded, max(0, moment.start - 40), moment.start)
    if split is None or not named or split.end() < moment.end or not _ENDS.match(folded, split.end()):
        return moment
    parts = find_moments(folded[moment.start : split.end("part")], now)
    return replace(parts[0], start=moment.start, end=split.end("part")) if len(parts) == 1 else moment


def _is_value(folded: str, moment: Moment) -> bool:
    head = _SENTENCE.split(folded[max(0, moment.start - 24) : moment.start])[-1]
    said = folded[moment.start : moment.end]
    return (
        "点" in said
        and not any(c in said for c in "早晚午晨夜天号")
        and any(word in head for word in ("黄疸", "胆红素", "血糖", "血酮", "测黄"))
        and (any(word in head[-6:] for word in ("黄疸", "血糖", "指数", "胆红素", "血酮", "测黄")) or _REACHED.search(head) is not None)
    )


def _measure(
    text: str, scene: Scene, moments: list[Moment], quantity: Quantity, patient: PatientFacts, tables: Content
) -> Measurement | None:
    entry = get_vital(tables, quantity.vital)
    value = _canonical(quantity.value, quantity, patient, tables)
    other = _canonical(quantity.low, quantity, patient, tables) if quantity.low is not None else None
    if value is None or not plausible(tables, quantity.vital, value, patient.age_days):
        return None
    if other is not None and not plausible(tables, quantity.vital, other, patient.age_days):
        return None
    low, high = (other, value) if other is not None else (None, None)
    if low is not None and quantity.vital in _LOW_IS_WORSE:
        value = low
    told = circumstance(scene, moments, quantity.start, quantity.end, quantity.vital)
    shown = text[quantity.start : quantity.end]
    return Measurement(
        quantity.start, quantity.start + len(shown.rstrip()), shown.rstrip(), quantity.vital, round(value, 3), entry.unit,
        quantity.precision != "exact", told.at, quantity.precision, low if low is None else round(low, 3),
        high if high is None else round(high, 3), told.since, told.until, told.site, told.condition,
    )  # fmt: skip


def _canonical(value: float, quantity: Quantity, patient: PatientFacts, tables: Content) -> float | None:
    if quantity.vital == "peak_flow" and quantity.unit == "%":
        return value * patient.personal_best / 100 if patient.personal_best else None
    return convert(tables, quantity.vital, value, quantity.unit)


def _unit_asked(context: str | None) -> str | None:
    """斤 of 体重多少斤？. Who is asked for kilograms may still answer in 斤, so that no other unit is taken over."""
    return "斤" if context and set(_UNIT_ASKED.findall(_last_question(fold(context)))) == {"斤"} else None


def _weigh(
    quantity: Quantity,
    asked: str | None,
    patient: PatientFacts,
    tables: Content,
    told: Sequence[Measurement],
    said_before: Sequence[Quantity],
) -> tuple[Quantity, str | None]:
    """A weight without a unit: grams above 300, else in the unit asked for if it can be, else near the weight last told, else asked about.

    `said_before` holds also what does not count as today's (出院时2.35公斤，今天2.48).
    """
    value, vital = quantity.value, quantity.vital
    if GRAMS[0] <= value <= GRAMS[1]:
        return replace(quantity, unit="g"), None
    said = next((m.value for m in reversed(told) if m.vital == vital), None)
    if said is None:
        earlier = (
            q for q in said_before if q.start < quantity.start and q.vital == vital == "weight" and q.unit == "kg" and not q.question
        )
        said = next((q.value for q in earlier if q.value > 0), None)
    if said is None and vital == "weight":
        # 5.2 5.3 5.2公斤: the unit at the end of a list holds for all of it.
        later = next((q for q in said_before if q.start > quantity.start and q.vital == vital and q.unit != UNKNOWN_UNIT), None)
        said = later.value if later and later.unit == "kg" and not later.question else None
    last = said or (_last_weight(patient, tables) if vital == "weight" else None)
    if vital == "weight" and last is None and patient.age_days is not None and patient.age_days < NEWBORN_DAYS:
        last = next((m.value for m in reversed(told) if m.vital == "birth_weight"), None)
        if last is None and patient.birth_weight_g and patient.age_days < 7:
            last = patient.birth_weight_g / 1000
    readings = {unit: convert(tables, vital, value, unit) for unit in ("公斤", "斤")}
    possible = [unit for unit, kilograms in readings.items() if plausible(tables, vital, kilograms, patient.age_days)]
    if asked in possible and (last is None or abs(readings[asked] / last - 1) <= FAR_FROM_LAST):
        return replace(quantity, unit=asked), None
    near = [unit for unit in possible if last is not None and abs(readings[unit] / last - 1) <= NEAR_LAST_WEIGHT]
    if len(near) == 1:
        return replace(quantity, unit=near[0]), None
    if vital == "weight" and last is None and _usual(value, patient, tables):
        return replace(quantity, unit="公斤"), None
    return quantity, f"{value:g} 是斤还是公斤？" if possible else get_vital(tables, vital).ask


def _usual(kilograms: float, patient: PatientFacts, tables: Content) -> bool:
    """Whether a bare number can only be kilograms at the patient's age; an early-born child may be lighter than the tables think."""
    if patient.age_days is None or tables.has_tag(frozenset(patient.tags), "preterm"):
        return False
    ranges = (u.range for u in get_vital(tables, "weight").usual_by_age if u.age[0] <= (patient.age_days or 0) <= u.age[1])
    return any(low <= kilograms <= high for low, high in ranges)


def _last_weight(patient: PatientFacts, tables: Content) -> float | None:
    """Kilograms of the newest stored weight that can be one; a record in an unknown unit, or of nothing, tells nothing."""
    for reading in reversed(patient.readings("weight", datetime.max.replace(tzinfo=UTC))):
        try:
            kilograms = convert(tables, "weight", reading.value, reading.unit)
        except InputError:
            continue
        if kilograms > 0:
            return kilograms
    return None
