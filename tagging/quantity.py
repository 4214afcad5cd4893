"""Reading one number in its surroundings: which vital sign it is, in which unit, over which characters.

Readers look at the number, the words before it and the unit after it. What no reader claims (dates, ages, doses, telephone
numbers, counts of days) is no vital sign.
"""

import re
from collections.abc import Callable, Iterator

from tagging.intake import read_count, read_feed
from tagging.numeral import HAN, NUMBER, parse_numeral
from tagging.spot import (
    COUNT_TAIL,
    COUNTED,
    DRUG,
    UNKNOWN_UNIT,
    Quantity,
    Spot,
    asked_vital,
    counts_something_else,
    is_nearly,
    keyword_before,
    read_loose_decimal,
)

_N = rf"(?:\d+(?:\.\d+)?|{HAN})"


_UNIT_AFTER = {
    "heart_rate": r"(?:多|来)?\s*(?:次|下|跳|bpm|/)?(?:/?分钟?|每分钟?)?",
    "respiratory_rate": r"(?:多|来)?\s*(?:次|下|/)?(?:/?分钟?|每分钟?)?",
    "spo2": r"\s*(?:%|个?点)?",
    "glucose": r"(?:多)?\s*(?:mmol(?:/l)?|mg(?:/dl)?|毫摩尔|个)?",
    "blood_ketone": r"\s*(?:mmol(?:/l)?|毫摩尔)?",
    "bilirubin": r"\s*(?:mg(?:/dl)?|[uμµ]mol(?:/l)?)?",
    "platelets": r"\s*(?:万|[x×*]10\^?9(?:/l)?)?",
    "neutrophils": r"\s*(?:[x×*]10\^?9(?:/l)?)?",
    "head_circumference": r"\s*(?:cm|厘米|公分)?",
    "peak_flow": r"\s*(?:l/min|升(?:/分)?|%)?",
    "pain": r"\s*分",
}
_DEGREE = re.compile(r"\s*(?:摄氏)?(?:度|℃|°\s*c?(?!f)|c(?![a-z]))")
_FAHRENHEIT = re.compile(r"\s*(?:°\s*f|℉|华氏度?|f(?![a-z]))")
_FRACTION = re.compile(r"\s*(\d{1,2}(?!\d)|[一二三四五六七八九](?![十百])|半)")
_MORE = re.compile(r"(?:左右|上下|以上|多|来|出头|几)")
_NOT_FEVER = re.compile(
    r"室温|室外|水温|气温|空调|近视|散光|泡澡?|冲奶|奶温|洗澡水|调到|恒温|暖气|屋里|房间|天气|倾斜|转|角"
    r"|[降升高低][了]$"
)
_CHANGE = re.compile(r"(?:长|涨|增加?|多|掉|减少?|轻|重了|少|瘦|胖|下降|降|增长)(?:了|约|大概|快|差不多|有|过|到底|才|只)*$")


def find_quantities(folded: str, context: str | None) -> list[Quantity]:
    """Every number of the folded text that is read as a vital sign. `context` is the folded line before."""
    if not NUMBER.search(folded):
        return list(_off_scale(folded))
    found: list[Quantity] = []
    consumed = 0
    for match in NUMBER.finditer(folded):
        if match.start() < consumed or (match.end() - match.start() >= 6 and match.group().isdigit()):
            continue
        numeral = parse_numeral(match.group())
        spot = read_loose_decimal(Spot(folded, match.start(), match.end(), numeral.value, numeral.about, context))
        for reader in _READERS:
            read = reader(spot)
            if read:
                found.extend(read)
                consumed = max(quantity.end for quantity in read)
                break
    found.extend(_off_scale(folded))
    return sorted(found, key=lambda quantity: quantity.start)


def _read_fahrenheit(spot: Spot) -> list[Quantity] | None:
    unit = _FAHRENHEIT.match(spot.tail)
    if unit and 86 <= spot.value <= 112:
        return [Quantity(spot.start, spot.end + unit.end(), "temperature", spot.value, "F", spot.about)]
    if spot.head.endswith("华氏") and 86 <= spot.value <= 112:
        return [Quantity(spot.start, spot.end, "temperature", spot.value, "F", spot.about)]
    return None


def _read_degrees(spot: Spot) -> list[Quantity] | None:
    unit = _DEGREE.match(spot.tail)
    if not unit or _NOT_FEVER.search(spot.head[-8:]):
        return None
    value, end = spot.value, spot.end + unit.end()
    fraction = _FRACTION.match(spot.text, end)
    if fraction and value == int(value) and not COUNT_TAIL.match(spot.text, fraction.end()):
        value, end = value + _fraction(fraction[1]), fraction.end()
    if 86 <= value <= 112:
        return [Quantity(spot.start, end, "temperature", value, "F", True, f"{value:g}度是华氏度吗？")]
    # 30度 alone is the weather; a body that cold is named.
    named = "temperature" in (keyword_before(spot), asked_vital(spot.context))
    if not (30 if named else 34) <= value <= 45:
        return None
    more = _MORE.match(spot.text, end)
    return [
        Quantity(spot.start, more.end() if more else end, "temperature", round(value, 2), None, spot.about or bool(more) or is_nearly(spot))
    ]


def _fraction(raw: str) -> float:
    if raw == "半":
        return 0.5
    digits = raw if raw.isdigit() and raw.isascii() else str(int(parse_numeral(raw).value))
    return float(f"0.{digits}")


def _read_temperature(spot: Spot) -> list[Quantity] | None:
    keyword = keyword_before(spot)
    if keyword not in (None, "temperature") or counts_something_else(spot):
        return None
    asked = asked_vital(spot.context)
    feverish = keyword == "temperature" or asked == "temperature"
    if not feverish:
        # A decimal in the range of body temperature says enough by itself; a whole number needs a word of measuring or fever.
        typed = spot.text[spot.start : spot.end]
        precise = re.search(r"[.。，,点]\s?[\d零一二三四五六七八九]", typed) and asked is None
        measured = re.search(r"(?:量了?|测了?|量的|反复|一直|降到|升到|飙到|最高|退到|到了?|[月岁]|针后|发烫|通红)$", spot.head)
        feverish = bool(35 <= spot.value <= 42.5 and (precise or (measured and spot.value >= 37)))
        if not feverish:
            return None
    if 300 <= spot.value <= 430 and feverish and spot.value == int(spot.value):
        shown = f"{spot.value / 10:g}"
        return [Quantity(spot.start, spot.end, "temperature", spot.value / 10, None, True, f"{spot.value:g}是{shown}℃吗？")]
    if 94 <= spot.value <= 108 and feverish:
        return [Quantity(spot.start, spot.end, "temperature", spot.value, "F", True, f"{spot.value:g}是华氏度吗？")]
    if not 34 <= spot.value <= 43 or re.match(r"\s*[次回下]", spot.tail):
        return None
    more = _MORE.match(spot.tail)
    end = spot.end + (more.end() if more else 0)
    return [Quantity(spot.start, end, "temperature", spot.value, None, spot.about or bool(more) or is_nearly(spot))]


_WEIGHT = re.compile(
    rf"\s*(?P<unit>公斤|千克|kg|市斤|斤|克|g(?![a-z]))(?:\s*(?P<rest>半|{_N})\s*(?P<small>两|克"
    rf"|g(?![a-z]))?(?P<half>半)?(?!\s*(?:天|岁|个|月|次|毫升|ml|顿|周|片|点|年|小时|[0-9]*(?:厘米|cm))))?"
)


def _read_weight(spot: Spot) -> list[Quantity] | None:
    unit = _WEIGHT.match(spot.text, spot.end)
    if not unit or _CHANGE.search(spot.head[-8:]) or re.match(r"\s*(?:奶|水|米|面|肉|蛋|药|盐|糖|苹果|/|每|重的)", spot.text[unit.end() :]):
        return None
    keyword = keyword_before(spot)
    if unit["unit"] in ("克", "g") and (spot.value < 300 or (keyword not in ("weight", "birth_weight") and DRUG.search(spot.head))):
        return None
    kilograms = _kilograms(spot.value, unit)
    birth = re.search(r"出生|生下来|落地", spot.head)
    vital = "birth_weight" if birth and not re.search(r"现在|今天|目前|刚|满月|称", spot.head[birth.end() :]) else "weight"
    end = unit.end() if unit["rest"] is None or kilograms[1] else unit.end("unit")
    return [
        Quantity(spot.start, end, vital, round(kilograms[0], 4), "kg", spot.about or is_nearly(spot) or bool(_MORE.match(spot.text, end)))
    ]


def _kilograms(value: float, unit: re.Match[str]) -> tuple[float, bool]:
    """Kilograms of a composite weight, and whether the part after the unit was used."""
    factor = {"斤": 0.5, "市斤": 0.5, "克": 0.001, "g": 0.001}.get(unit["unit"], 1.0)
    total = value * factor
    rest = unit["rest"]
    if rest is None or factor == 0.001:
        return total, False
    if rest == "半":
        return total + 0.5 * factor, True
    amount = parse_numeral(rest).value
    if unit["small"] in ("克", "g"):
        return total + amount / 1000, True
    if unit["small"] == "两" or (factor == 0.5 and amount < 10):
        return total + (amount + (0.5 if unit["half"] else 0)) * 0.05, True
    if factor == 1.0 and amount == int(amount) and amount < 10:
        return total + amount / 10, True
    return total, False


_PRESSURE = re.compile(rf"\s*(?:mmhg|kpa)?\s*(?:/|到|-|比|,|，|、|和)?\s*(?:低压|下压|舒张压)?(?:是|为|:|：)?\s*(?P<low>{_N})")
_SPOKEN_PRESSURE = re.compile(
    r"(?P<high>[一二]百[零〇]?[一二三四五六七八九]?)(?P<low>[四五六七八九]十[一二三四五六七八九]?|一百[零〇]?[一二]?)(?![十百])"
)


def _read_pressure(spot: Spot) -> list[Quantity] | None:
    keyword = keyword_before(spot)
    about_pressure = keyword in ("systolic_bp", "diastolic_bp") or asked_vital(spot.context) == "systolic_bp" or "mmhg" in spot.tail
    spoken = _SPOKEN_PRESSURE.match(spot.text, spot.start)
    if spoken and about_pressure:
        return [
            Quantity(*spoken.span("high"), "systolic_bp", parse_numeral(spoken["high"]).value, None),
            Quantity(*spoken.span("low"), "diastolic_bp", parse_numeral(spoken["low"]).value, None),
        ]
    slash = spot.text[spot.end : spot.end + 2].strip().startswith("/")
    if not about_pressure and not (slash and 70 <= spot.value <= 260):
        return None
    if keyword == "diastolic_bp":
        return [Quantity(spot.start, spot.end, "diastolic_bp", spot.value, _kpa(spot), bool(_MORE.match(spot.tail)))]
    pair = _PRESSURE.match(spot.text, spot.end)
    if pair and not COUNTED.match(spot.text[pair.end() :]):
        low = parse_numeral(pair["low"]).value
        if low < spot.value and (25 <= low <= 160 or (spot.value < 35 and low >= 2)):
            return [
                Quantity(spot.start, spot.end, "systolic_bp", spot.value, _kpa(spot)),
                Quantity(*pair.span("low"), "diastolic_bp", low, "kPa" if spot.value < 35 else None),
            ]
    if not about_pressure or counts_something_else(spot) or (spot.value < 40 and "kpa" not in spot.tail):
        return None
    return [Quantity(spot.start, spot.end, "systolic_bp", spot.value, _kpa(spot), bool(_MORE.match(spot.tail)))]


def _kpa(spot: Spot) -> str | None:
    return "kPa" if re.match(r"\s*(?:/\s*\d+(?:\.\d+)?\s*)?kpa", spot.tail) or spot.value < 35 else None


def _read_height(spot: Spot) -> list[Quantity] | None:
    if re.search(r"从|掉|摔|落|跌", spot.head):
        return None
    metres = re.match(r"\s*(?:米|m(?![a-z]))\s*(\d{1,2}|[一二三四五六七八九零]{1,2})?(?!\s*高处?的)", spot.text[spot.end : spot.end + 8])
    keyword = keyword_before(spot)
    if metres and 0.3 <= spot.value <= 2.2 and (keyword == "height" or metres[1] or asked_vital(spot.context) == "height"):
        rest = metres[1]
        digits = "" if not rest else rest if rest.isascii() else "".join(str(int(parse_numeral(c).value)) for c in rest)
        value = spot.value * 100 + (int(digits) * (10 if len(digits) == 1 else 1) if digits else 0)
        return [Quantity(spot.start, spot.end + metres.end(), "height", value, "cm")]
    unit = re.match(r"\s*(?:cm|厘米|公分)", spot.tail)
    if keyword == "height" and (unit or not counts_something_else(spot)) and 30 <= spot.value <= 220:
        return [Quantity(spot.start, spot.end + (unit.end() if unit else 0), "height", spot.value, "cm")]
    return None


def _read_bare_weight(spot: Spot) -> list[Quantity] | None:
    if (
        keyword_before(spot) != "weight"
        or counts_something_else(spot)
        or re.match(r"\s*[次回度岁]", spot.tail)
        or _CHANGE.search(spot.head[-8:])
    ):
        return None
    return [Quantity(spot.start, spot.end, "weight", spot.value, UNKNOWN_UNIT, spot.about or bool(_MORE.match(spot.tail)))]


_RANGE = re.compile(rf"\s*(?:-|~|～|到|至|、)\s*({_N})")


def _read_keyword(spot: Spot) -> list[Quantity] | None:
    vital = keyword_before(spot)
    if vital not in _UNIT_AFTER:
        return None
    value, end, about = spot.value, spot.end, spot.about or is_nearly(spot)
    span = _RANGE.match(spot.text, end)
    if span and vital in ("heart_rate", "respiratory_rate", "spo2", "glucose"):
        other = parse_numeral(span[1]).value
        value, end, about = (min(value, other) if vital == "spo2" else max(value, other)), span.end(), True
    unit = re.match(_UNIT_AFTER[vital], spot.text[end:])
    length = unit.end() if unit else 0
    if unit is None or (not length and (COUNTED.match(spot.text[end:]) or re.match(r"\s*[次回]", spot.text[end:]))):
        return None
    shown = spot.text[end : end + length].strip(" 多来")
    about = about or bool(re.match(r"多|来|左右", spot.text[end:]))
    return [Quantity(spot.start, end + length, vital, value, _given_unit(vital, shown), about)]


def _given_unit(vital: str, shown: str) -> str | None:
    if vital == "glucose" and shown.startswith("mg"):
        return "mg/dL"
    if vital == "bilirubin" and "mol" in shown:
        return "umol/L"
    if vital == "platelets" and shown == "万":
        return "万"
    return "%" if vital == "peak_flow" and shown == "%" else None


def _read_glucose_unit(spot: Spot) -> list[Quantity] | None:
    unit = re.match(r"\s*(?:个(?:的)?(?:血糖|糖(?![浆丸水果块衣醇]))|mmol(?:/l)?(?!.{0,3}酮))", spot.tail)
    if unit and keyword_before(spot) in (None, "glucose"):
        return [Quantity(spot.start, spot.end + unit.end(), "glucose", spot.value, None)]
    return None


def _read_rate(spot: Spot) -> list[Quantity] | None:
    """一分钟呼吸六十次, 每分钟120下: the keyword may follow, the unit says that it is a rate."""
    unit = re.match(r"\s*多?(?:次|下|跳)(?:/|每)?(?:分钟?)?", spot.tail)
    if not unit or not re.search(r"分", spot.head[-8:] + spot.tail[: unit.end()]):
        return None
    words = spot.head + spot.tail + (spot.context or "")
    vital = "respiratory_rate" if re.search(r"呼吸|喘气", words) else "heart_rate" if re.search(r"心|脉|跳", words) else None
    return [Quantity(spot.start, spot.end + unit.end(), vital, spot.value, None, spot.about or "多" in unit.group())] if vital else None


def _off_scale(folded: str) -> Iterator[Quantity]:
    """血糖仪显示 HI or LO: beyond what the meter can show."""
    if "糖" not in folded:
        return
    for match in re.finditer(r"(?<![a-z])(?:hi(?:gh)?|爆表)(?![a-z])", folded):
        yield Quantity(*match.span(), "glucose", 33.4, None, True)
    for match in re.finditer(r"(?<![a-z])lo(?:w)?(?![a-z])", folded):
        yield Quantity(*match.span(), "glucose", 1.0, None, True)


_READERS: tuple[Callable[[Spot], list[Quantity] | None], ...] = (
    _read_fahrenheit,
    _read_degrees,
    _read_weight,
    _read_height,
    _read_pressure,
    _read_glucose_unit,
    read_count,
    _read_rate,
    _read_keyword,
    read_feed,
    _read_bare_weight,
    _read_temperature,
)
