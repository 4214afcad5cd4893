"""Vital signs said in a message: found, converted to their UCUM unit, dated; what is ambiguous becomes a question, never a guess."""

import re
from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import UTC, datetime

from tagging.assertion import Assertion, Span, assess
from tagging.content import Content, default_content
from tagging.moment import last_moment
from tagging.numeral import NUMBER, parse_numeral
from tagging.patient import PatientFacts
from tagging.quantity import find_quantities
from tagging.spot import UNKNOWN_UNIT, Quantity, asked_vital
from tagging.text import fold
from tagging.vitals import convert, get_vital, plausible

# How far a weight may lie from the last one to decide its unit (vitals.yml, weight.guess).
NEAR_LAST_WEIGHT = 0.10


@dataclass(frozen=True)
class Measurement:
    """One value: offsets and text as typed, `value` in `unit` (UCUM), `about` for rough values, `at` when the text says it."""

    start: int
    end: int
    text: str
    vital: str
    value: float
    unit: str
    about: bool
    at: datetime | None


# 38.5度以上才吃退烧药, 没到39度: a limit that is talked about, not a reading.
_LIMIT_AFTER = re.compile(
    r"(?:度|℃)?(?:以上|以下|以内|左右)?(?:的?时候|的话)?[^，。,！？了]{0,2}(?:才|再|就(?:可以|要|吃|喂)|要不要|需不需要|能不能|可以吃|算)"
)
_LIMIT_BEFORE = re.compile(
    r"(?:不到|没到|没有到|没超过|不超过|没有超过|未超过|没上|不高于|没过|低于|高于(?=.{0,6}(?:吃|喂|用))"
    r"|超过(?=.{0,8}(?:吃|喂|用|才|再|去)))[^，。]{0,2}$"
)
_AFTERTHOUGHT = re.compile(r"[，, ]?(刚刚?(?:才)?[量测称]|[^，。]{0,3}(?:刚才|早上|晚上|昨晚|中午|下午|半小时前|小时前))")


def find_measurements(
    text: str, *, context: str | None, patient: PatientFacts, now: datetime, content: Content | None = None
) -> tuple[list[Measurement], list[str]]:
    """The patient's values in `text`, in order, and the questions to ask back (in Chinese, for the family).

    `context` is the line before: a bare 38.9 is read against it. Values of other people, thresholds that are only talked about,
    ages, dates and doses are left out. A value outside the accepted range of vitals.yml is asked about, not returned.
    """
    tables = content or default_content()
    folded = fold(text)
    folded_context = fold(context) if context else None
    quantities = find_quantities(folded, folded_context)
    questions: list[str] = []
    if not quantities:
        quantities, questions = _bare(folded, folded_context, tables)
    measurements: list[Measurement] = []
    for quantity, assertion in zip(quantities, _assess(folded, quantities), strict=True):
        if not _is_reading(folded, quantity, assertion):
            continue
        if quantity.unit == UNKNOWN_UNIT:
            quantity, question = _weigh(quantity, patient, tables)
            if question:
                questions.append(question)
                continue
        measurement = _measure(text, folded, quantity, patient, now, tables)
        if measurement:
            measurements.append(measurement)
            if quantity.guess:
                questions.append(quantity.guess)
        else:
            questions.append(get_vital(tables, quantity.vital).ask)
    return measurements, list(dict.fromkeys(questions))


def _assess(folded: str, quantities: Iterable[Quantity]) -> list[Assertion]:
    return assess(folded, [Span(quantity.start, quantity.end) for quantity in quantities])


def _is_reading(folded: str, quantity: Quantity, assertion: Assertion) -> bool:
    if assertion.whose != "patient" or assertion.when == "hypothetical" or (assertion.when == "past" and not assertion.resolved):
        return False
    head = folded[max(0, quantity.start - 10) : quantity.start]
    after = folded[quantity.end : quantity.end + 12]
    # 从340降到190: the first value is over.
    over = head.endswith("从") and re.match(r"\s*[^，。]{0,3}[降升涨退掉]?到", after)
    return not over and not _LIMIT_AFTER.match(after) and not _LIMIT_BEFORE.search(head)


def _measure(text: str, folded: str, quantity: Quantity, patient: PatientFacts, now: datetime, tables: Content) -> Measurement | None:
    entry = get_vital(tables, quantity.vital)
    unit = quantity.unit
    if quantity.vital == "peak_flow" and unit == "%":
        value = quantity.value * (patient.personal_best or 0) / 100
        if not value:
            return None
    else:
        large = entry.large_values
        if unit is None and large and ((large.above and quantity.value > large.above) or (large.below and quantity.value < large.below)):
            unit = large.unit
        value = convert(tables, quantity.vital, quantity.value, unit)
    if not plausible(tables, quantity.vital, value, patient.age_days):
        return None
    return Measurement(
        quantity.start, quantity.end, text[quantity.start : quantity.end], quantity.vital, round(value, 3), entry.unit, quantity.about,
        _moment(folded, quantity, now),
    )  # fmt: skip


def _moment(folded: str, quantity: Quantity, now: datetime) -> datetime | None:
    sentence = re.split(r"[。！？!?\n；;]", folded[: quantity.start])[-1]
    named = last_moment(sentence, now)
    if named is not None:
        return named
    after = _AFTERTHOUGHT.match(folded, quantity.end)
    return last_moment(after[1], now) if after else None


_BARE = re.compile(
    rf"(?:[^，,。0-9]{{0,6}}?)(?P<number>{NUMBER.pattern})(?P<unit>\s*(?:度|次|下|分|%|个|ml|毫升|cm"
    rf"|厘米)?)(?:左右|多|吧|了|啊|呢|哦)*(?=$|[，,。！!；; \n])"
)


def _bare(folded: str, context: str | None, tables: Content) -> tuple[list[Quantity], list[str]]:
    """A number alone, read as the answer to the line before."""
    vital = asked_vital(context)
    match = _BARE.match(folded)
    if vital is None or match is None:
        return [], []
    start, end = match.span("number")
    value = parse_numeral(match["number"]).value
    about = bool(re.search(r"多|左右|大概|大约|差不多|快", match.group()))
    if vital == "weight":
        return [Quantity(start, end, vital, value, UNKNOWN_UNIT, about)], []
    low, high = get_vital(tables, vital).accept
    if vital == "temperature" and 300 <= value <= 430 and value == int(value):
        return [Quantity(start, end, vital, value / 10, None, True, f"{value:g}是{value / 10:g}℃吗？")], []
    if vital == "temperature" and 86 <= value <= 110:
        return [Quantity(start, end, vital, value, "F", True, f"{value:g}是华氏度吗？")], []
    if vital != "glucose" and not low <= value <= high:
        return [], [get_vital(tables, vital).ask]
    return [Quantity(start, end, vital, value, None, about)], []


def _weigh(quantity: Quantity, patient: PatientFacts, tables: Content) -> tuple[Quantity, str | None]:
    """A weight without a unit: grams above 300; else the reading near the last weight; else the question 斤 or 公斤."""
    value = quantity.value
    if value >= 300:
        return replace(quantity, unit="g"), None
    weights = patient.readings("weight", datetime.max.replace(tzinfo=UTC))
    last = convert(tables, "weight", weights[-1].value, weights[-1].unit) if weights else None
    if last is None and patient.birth_weight_g and patient.age_days is not None and patient.age_days < 7:
        last = patient.birth_weight_g / 1000
    readings = {unit: convert(tables, "weight", value, unit) for unit in ("公斤", "斤")}
    possible = [unit for unit, kilograms in readings.items() if plausible(tables, "weight", kilograms, patient.age_days)]
    near = [unit for unit in possible if last is not None and abs(readings[unit] / last - 1) <= NEAR_LAST_WEIGHT]
    if len(near) == 1:
        return replace(quantity, unit=near[0]), None
    return quantity, f"{value:g} 是斤还是公斤？" if possible else get_vital(tables, "weight").ask
