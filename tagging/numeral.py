"""Numbers as people type them: Arabic digits and Chinese numerals, exact or rough."""

import re
from dataclasses import dataclass

_DIGITS = {c: i for i, c in enumerate("零一二三四五六七八九")} | {"〇": 0, "两": 2, "俩": 2}
_UNITS = {"十": 10, "百": 100, "千": 1000, "万": 10000}

# 两 is a digit only in front (两百); behind a digit it is the weight (八两).
HAN = r"(?:[零〇一二两三四五六七八九十百千](?:[零〇一二三四五六七八九十百千]|(?<=千)两(?=百))*)(?:点[零〇一二三四五六七八九]+)?"
NUMBER = re.compile(rf"\d+(?:\.\d+)?|{HAN}")


@dataclass(frozen=True)
class Numeral:
    """A parsed number; `about` is true where the wording spans a range (六七十), whose upper end is taken."""

    value: float
    about: bool = False


def parse_numeral(raw: str) -> Numeral:
    """Value of a string matched by NUMBER. Raises ValueError for anything else.

    一百二 is 120 and 三千四 is 3400 as in speech; 六七十 and 三十八九 are ranges, read at their upper end because triage must not
    underestimate.
    """
    if raw[:1].isdigit() and raw.isascii():
        return Numeral(float(raw))
    whole, _, fraction = raw.partition("点")
    if not whole or any(c not in _DIGITS and c not in _UNITS for c in whole):
        raise ValueError(f"not a number: {raw!r}")
    value, about = _whole(whole)
    if fraction:
        return Numeral(round(value + int("".join(str(_DIGITS[c]) for c in fraction)) / 10 ** len(fraction), 6), about)
    return Numeral(value, about)


def _whole(raw: str) -> tuple[float, bool]:
    if not any(c in _UNITS for c in raw):
        if len(raw) == 2 and _DIGITS[raw[1]] == _DIGITS[raw[0]] + 1 > 1:
            # 三四次: the upper end, as in 六七十.
            return float(_DIGITS[raw[1]]), True
        return float("".join(str(_DIGITS[c]) for c in raw)), False
    total, digits, last_unit, about = 0, [], 0, False
    for c in raw:
        if c in _DIGITS:
            if c in "零〇":
                last_unit = 10
                continue
            digits.append(_DIGITS[c])
            continue
        about = about or len(digits) > 1
        total += (digits[-1] if digits else 1) * _UNITS[c]
        digits, last_unit = [], _UNITS[c]
    if digits:
        about = about or len(digits) > 1
        # 一百二 means 120, but 一百零二 means 102 and 三十八 means 38.
        total += digits[-1] * (last_unit // 10 if last_unit >= 100 else 1)
    return float(total), about
