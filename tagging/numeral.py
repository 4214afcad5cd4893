"""Numbers as people type them: Arabic digits and Chinese numerals, exact or rough."""

import re
from dataclasses import dataclass

_DIGITS = {c: i for i, c in enumerate("零一二三四五六七八九")} | {"〇": 0, "两": 2, "俩": 2}
_UNITS = {"十": 10, "百": 100, "千": 1000}

# 两 is a digit only in front (两百) and in 一两次; behind a digit it is the weight (八两). 百 and 千 never open a number (百蕊颗粒, 千万).
HAN = (
    r"(?:[零〇一二两三四五六七八九十廿卅](?:[零〇一二三四五六七八九十百千]|(?<=千)两(?=百)|(?<=一)两(?=[次顿趟回片泡餐]))*)"
    r"(?:[点.][零〇一二三四五六七八九]+)?"
)
# The same with a bound on its length, for patterns that try every place of a text: cost stays linear in hostile ones.
SHORT = (
    r"(?:(?<![\d.])\d{1,5}(?:\.\d{1,3})?|[零〇一二两三四五六七八九十](?:[零〇一二三四五六七八九十百千]|(?<=千)两(?=百)){0,7}"
    r"(?:点[零〇一二三四五六七八九]{1,3})?)"
)
NUMBER = re.compile(rf"\d+(?:\.\d+)?|{HAN}")

_D = "[零〇一二两三四五六七八九]"
# Thousands, hundreds, tens, ones; two digits in one place span a range (六七十), a zero bridges what is left out.
_PLACES = re.compile(rf"(?:(?P<thousands>{_D}{{1,2}})千)?(?:(?P<hundreds>{_D}{{1,2}})百)?(?:(?P<tens>{_D}{{0,3}})十)?(?P<ones>{_D}{{0,3}})")


@dataclass(frozen=True)
class Numeral:
    """A parsed number; `about` is true where the wording spans a range (六七十), whose upper end is taken and whose lower end is `low`.

    `sure` is false where the characters have no single reading (一百二八十五); `value` is then worthless.
    """

    value: float
    about: bool = False
    low: float | None = None
    sure: bool = True


def parse_numeral(raw: str) -> Numeral:
    """Value of a string matched by NUMBER. Raises ValueError for anything else.

    一百二 is 120 and 三千四 is 3400 as in speech; 六七十 and 三十八九 are ranges, read at their upper end because triage must not
    underestimate.
    """
    if raw[:1].isdigit() and raw.isascii():
        return Numeral(float(raw))
    raw = raw.replace("廿", "二十", 1).replace("卅", "三十", 1)
    whole, _, fraction = raw.replace(".", "点").partition("点")
    if not whole or any(c not in _DIGITS and c not in _UNITS for c in whole):
        raise ValueError(f"not a number: {raw!r}")
    numeral = _whole(whole)
    if not fraction:
        return numeral
    value = round(numeral.value + int("".join(str(_DIGITS[c]) for c in fraction)) / 10 ** len(fraction), 6)
    return Numeral(value, sure=numeral.sure and not numeral.about)


def _whole(raw: str) -> Numeral:
    if not any(c in _UNITS for c in raw):
        if len(raw) == 2 and _DIGITS[raw[1]] == _DIGITS[raw[0]] + 1 > 1:
            return Numeral(float(_DIGITS[raw[1]]), True, float(_DIGITS[raw[0]]))
        # 一二八 is read out digit by digit.
        return Numeral(float("".join(str(_DIGITS[c]) for c in raw[:12])), sure=len(raw) <= 6)
    match = _PLACES.fullmatch(raw)
    places = _spoken_places(match) if match else None
    if places is None:
        return Numeral(0.0, sure=False)
    high = sum(place[-1] for place in places)
    low = sum(place[0] for place in places)
    return Numeral(float(high), low != high, float(low) if low != high else None)


def _spoken_places(match: re.Match[str]) -> list[list[int]] | None:
    """The values of each place, one or two when they span a range; None where the wording has no single reading."""
    places: list[list[int]] = []
    smallest = 0
    for name, size in (("thousands", 1000), ("hundreds", 100), ("tens", 10), ("ones", 1)):
        said = match[name]
        if said is None or (not said and name == "ones"):
            continue
        bridged, said = said[:1] in ("零", "〇"), said.lstrip("零〇")
        digits = [_DIGITS[c] for c in said] or [1 if name == "tens" and not bridged else 0]
        if name == "ones" and smallest > 10 and not bridged:
            # 一百二 and 三千四 leave the name of the place out.
            size = smallest // 10
        ranged = len(digits) == 2 and digits[1] == digits[0] + 1
        if len(digits) > 2 or (len(digits) == 2 and not ranged) or (places and len(places[-1]) == 2 and digits != [0]):
            return None
        places.append([digit * size for digit in digits])
        smallest = size
    return places
