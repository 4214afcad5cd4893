"""Temperatures that name a fever by themselves (39.1, 体温38度5, 三十八度多), as part of what a family complains of.

The value is read by tagging.measurement; here it only matters which words speak of a fever.
"""

import re

# Axillary temperature from which Chinese paediatrics speaks of a fever (37.3-38.0 low fever).
FEVER = 37.3
_TENS = {"三": 30, "四": 40}
_ONES = {"": 0, **{digit: value for value, digit in enumerate("一二三四五六七八九", 1)}}
_DEGREE = r"(?:度|℃|°c?|摄氏度)"
_NUMBER = (
    rf"(?P<digits>(?:3[6-9]|4[0-2]))(?:(?P<point>[.。·:,，'])(?=\d(?!\d{{2}}|[天次个小岁月片包袋]))(?P<tenth>\d)\d?|{_DEGREE}(?P<tenth2>\d(?![\d天次个小岁月])|[一二三四五六七八九半](?![天次个小]))?)?"
    rf"|(?P<tens>[三四])十(?P<ones>[一二三四五六七八九]?)(?:(?<=[七八九])[八九])?(?:点(?P<tenth3>[一二三四五六七八九])|{_DEGREE}(?P<tenth4>[一二三四五六七八九半](?![天次个小])|\d(?!\d))?)?"
)
_TAIL = rf"(?P<tail>{_DEGREE}?(?:(?:(?<=度)|(?<=\d)(?<![.。度]\d))多)?(?:以上|以下|之上)?)"
# 38度5至39度, 37.7或37.8: two numbers tell one temperature, the higher counts.
_RANGE = (
    r"(?:(?:到|至|或者?|[-~～—]{1,3})(?P<upper>3[6-9]|4[0-2])"
    rf"(?:[.。·:,，'](?P<upper_tenth>\d)|{_DEGREE}(?P<upper_tenth2>\d)?)*(?:之间)?(?![\d个天次月岁]))?"
)
# 八点39 is a time of day, 四点39度 no longer.
_LEAD = (
    r"(?:(?P<lead>(?:体温|耳温|腋温|额温)(?:现在|还有|还是|又|再|都|是|在|有|到|升到|一直|高|却|只有|:|：|，)*)"
    rf"|(?<![\d.点a-z/*-])|(?<=点)(?=\d\d{_DEGREE}))"
)
_TEMPERATURE = re.compile(rf"{_LEAD}(?:超过)?(?P<number>{_NUMBER}){_TAIL}{_RANGE}")
# What stands behind another kind of number.
_OTHER_UNIT = re.compile(
    r"\s*(?:kg|千克|公斤|斤|g|克|ml|毫升|cm|厘米|天|个|岁|周|月|日|号|次|小时|分|秒|片|包|袋|元|块|%|点|种|年|多?天|mg|[\d/]|[.-]?\d|床|楼|号|ug|u|单位|万|千|u?mol|(?:左右|以上|上下)?的?(?:温|热|开)?水)"
)
_OTHER_BEFORE = re.compile(
    r"(?:低于|不到|没到|水温|开水|热水|温水(?!澡)|冷水|白细胞|粒细?胞?|淋巴|血小板|crp|胆红素|黄疸值?|血糖|心率|呼吸|体重|身高|室温|空调|早产|孕|第(?!.[次天])|百分之|wbc|红细胞|电话)[^，。；,]{0,6}$"
)
# A bare 39 needs a word or a place that speaks of a temperature.
_BARE_BEFORE = re.compile(
    r"(?:^|烧|热|温|[量测]|最[高低]|到|是|在|超过|过|又|都|还|就|[，。、？,\s]|现在|刚才|快|时|接近|一会)(?:了|的|过|是|有|在|到|快|大概|大约|才|只|一下|又|还|都|就|:|：)*$"
)
_BARE_AFTER = re.compile(
    r"$|[，。？！、,.?!\s~～和]|左右|以上|以下|多|了|就|那|之间|吗|呢|吧|还|的时候|才|确实|属于|是|也|上下|么|但|不|只|这样|一会|昨|今|给|我"
)


def temperature_after(folded: str, at: int) -> int | None:
    """End of a temperature that follows a word of fever which ends at `at` (烧到38度5); None if none follows."""
    between = re.compile(r"(?:(?:到了?|了|的|是|在|超过|过|大概|都|:|：)*|，)(?=\d|[三四]十)").match(folded, at)
    if between is None:
        return None
    match = _TEMPERATURE.match(folded, between.end())
    return match.end() if match and not match["lead"] and not _OTHER_UNIT.match(folded, match.end()) else None


def fever_temperatures(folded: str) -> list[tuple[int, int, float]]:
    """(start, end, ℃) of every temperature of at least 37.3 ℃, with 体温 before it and 度多, or 以上 behind it as far as they touch."""
    found = []
    for match in _TEMPERATURE.finditer(folded):
        if _OTHER_UNIT.match(folded, match.end()) or _OTHER_BEFORE.search(folded[max(0, match.start() - 14) : match.start()]):
            continue
        value, exact = _value(match)
        bare = not exact and not match["lead"] and match["tail"] in ("", "多")
        if bare and not (
            _BARE_BEFORE.search(folded[max(0, match.start("number") - 8) : match.start("number")])
            and _BARE_AFTER.match(folded, match.end())
        ):
            continue
        if match["upper"]:
            value = max(value, float(f"{match['upper']}.{match['upper_tenth'] or match['upper_tenth2'] or 0}"))
        if value >= FEVER or (value >= 37 and "多" in match["tail"]):
            found.append((match.start(), match.end(), value))
    return found


def _value(match: re.Match[str]) -> tuple[float, bool]:
    """Degrees, and whether the number alone already looks like a temperature."""
    whole = int(match["digits"]) if match["digits"] else _TENS[match["tens"]] + _ONES[match["ones"]]
    tenth = match["tenth"] or match["tenth2"] or match["tenth3"] or match["tenth4"]
    has_degree = bool(re.search(_DEGREE, match["number"]))
    if not tenth:
        return float(whole), has_degree
    return whole + (0.5 if tenth == "半" else (_ONES[tenth] if tenth in _ONES else int(tenth)) / 10), True
