"""How much of a medicine and how often, as told: amounts (半片, 5毫升) and rhythms (一天两次, 每8小时). Nothing is judged or advised."""

import re
from dataclasses import dataclass

from tagging.numeral import SHORT, parse_numeral
from tagging.text import fold

_N = rf"(?:{SHORT}|半)"
# UCUM codes; what is counted stands in braces.
_UNITS = {
    surface: unit
    for unit, surfaces in {
        "mL": "毫升 ml cc", "mg": "毫克 mg", "ug": "微克 ug μg", "g": "克 g", "{tbl}": "片", "{capsule}": "粒 颗", "{pill}": "丸",
        "{packet}": "袋 包", "[drp]": "滴", "{ampule}": "支", "{spray}": "喷", "{puff}": "揿 吸", "{spoon}": "勺",
        "10*4.[iU]": "万单位", "[iU]": "单位 国际单位 iu",
        "{suppository}": "枚", "{mark}": "格", "{bottle}": "瓶", "{patch}": "贴",
    }.items()
    for surface in surfaces.split()
}  # fmt: skip
_UNIT = "|".join(re.escape(u) + ("(?![a-z/])" if u.isascii() else "") for u in sorted(_UNITS, key=len, reverse=True))
_AMOUNT = re.compile(
    rf"(?P<parts>[二三四五六八]|\d)分之(?P<part>[一二三四五]|\d)\s?(?P<part_unit>{_UNIT})"
    rf"|(?P<fraction>[1-5]/[2-9])\s?(?P<fraction_unit>{_UNIT})"
    rf"|(?P<low>{_N})(?:到|至|-|~|～)(?P<high>{_N})\s?(?P<range_unit>{_UNIT})"
    rf"|(?P<number>{_N})\s?(?P<unit>{_UNIT})(?P<half>半)?"
)
_TAKE = "(?:吃|喝|用|服|喷|滴|喂|涂|打)"
_TO = "(?:到|至|-|~)"
_RHYTHM = re.compile(
    rf"(?:每天|每日|每晚|每早|日|一天|1天|一日|1日|天){_TAKE}?(?:了|是)?(?P<times>{_N})(?:{_TO}(?P<times_high>{_N}))?(?:次|回|顿|遍)"
    rf"|(?P<days>{_N})天{_TAKE}?一[次回片粒袋]"
    rf"|(?:每|隔|间隔)(?:隔|间隔)?(?P<hours>{_N})(?:{_TO}(?P<hours_high>{_N}))?个?(?:小时|钟头|h)(?:(?:{_TAKE}|可以?吃)?一?次)?"
    rf"|(?P<hours2>{_N})(?:{_TO}(?P<hours2_high>{_N}))?个?(?:小时|钟头|h){_TAKE}?一次"
    rf"|(?P<both>早晚(?:各|都)?{_TAKE}?(?:一?[次片粒袋包])?|一早一晚|早一次晚一次)"
    r"|(?P<meals>三餐(?:前|后)?|早中晚(?:各)?(?:一?次)?)"
    r"|(?P<every_other>隔(?:一)?天(?:一)?次?|隔日(?:一)?次?)|(?P<once>每晚(?:睡前)?一?次?|睡前一?次|(?:每天|每日)一次)"
    rf"|(?P<week>每周|一周|一星期|每星期){_TAKE}?(?P<weekly>{_N})次"
    r"|(?<![a-z])(?P<latin>qd|bid|tid|qid|q(?P<latin_hours>\d{1,2})h|qn|qod)(?![a-z])"
)
_LATIN = {"qd": 1.0, "bid": 2.0, "tid": 3.0, "qid": 4.0, "qn": 1.0, "qod": 0.5}


@dataclass(frozen=True)
class Dose:
    """One amount or rhythm: offsets and text as typed; `value` with `unit` (UCUM), or `per_day`, or `every_hours`; `low` opens a range."""

    start: int
    end: int
    text: str
    value: float | None = None
    unit: str | None = None
    per_day: float | None = None
    every_hours: float | None = None
    low: float | None = None


def find_doses(text: str) -> list[Dose]:
    """Every amount and every rhythm in `text`, in order. The caller knows by what stands beside it whether a medicine is meant."""
    folded = fold(text)
    found = [_rhythm(text, match) for match in _RHYTHM.finditer(folded)]
    taken = [(dose.start, dose.end) for dose in found]
    place = 0
    for match in _AMOUNT.finditer(folded):
        while place < len(taken) and taken[place][1] <= match.start():
            place += 1
        inside = place < len(taken) and taken[place][0] < match.end()
        before = folded[match.start() - 1 : match.start()] if match.start() else ""
        if inside or before in ("第", "几", "."):
            continue
        found.append(_amount(text, match))
    return sorted(found, key=lambda dose: dose.start)


def _amount(text: str, match: re.Match[str]) -> Dose:
    start, end = match.span()
    shown = text[start:end]
    if match["parts"]:
        return Dose(start, end, shown, _value(match["part"]) / max(_value(match["parts"]), 1), _UNITS[match["part_unit"]])
    if match["fraction"]:
        first, _, last = match["fraction"].partition("/")
        return Dose(start, end, shown, int(first) / int(last), _UNITS[match["fraction_unit"]])
    if match["low"]:
        return Dose(start, end, shown, _value(match["high"]), _UNITS[match["range_unit"]], low=_value(match["low"]))
    raw = match["number"]
    low = None if raw == "半" else parse_numeral(raw).low
    return Dose(start, end, shown, _value(raw) + (0.5 if match["half"] else 0.0), _UNITS[match["unit"]], low=low)


def _rhythm(text: str, match: re.Match[str]) -> Dose:
    start, end = match.span()
    shown = text[start:end]
    if match["times"]:
        return _per_day(start, end, shown, match["times_high"] or match["times"], match["times"])
    hours = match["hours"] or match["hours2"]
    if hours:
        high = match["hours_high"] or match["hours2_high"]
        if high:
            return Dose(start, end, shown, every_hours=_value(high), low=_value(hours))
        low = parse_numeral(hours).low if hours != "半" else None
        return Dose(start, end, shown, every_hours=_value(hours), low=low)
    if match["latin_hours"]:
        return Dose(start, end, shown, every_hours=float(match["latin_hours"]))
    if match["latin"]:
        return Dose(start, end, shown, per_day=_LATIN[match["latin"]])
    if match["weekly"]:
        return Dose(start, end, shown, per_day=round(_value(match["weekly"]) / 7, 3))
    if match["days"]:
        return Dose(start, end, shown, per_day=round(1 / max(_value(match["days"]), 1), 3))
    per_day = 2.0 if match["both"] else 3.0 if match["meals"] else 0.5 if match["every_other"] else 1.0
    return Dose(start, end, shown, per_day=per_day)


def _per_day(start: int, end: int, shown: str, high: str, low: str) -> Dose:
    rough = None if high == "半" else parse_numeral(high).low
    return Dose(start, end, shown, per_day=_value(high), low=_value(low) if low != high else rough)


def _value(raw: str) -> float:
    return 0.5 if raw == "半" else parse_numeral(raw).value
