"""The number on a Chinese identity card (GB 11643-1999): six digits of place, birth date, three of order, a check character. Pure."""

import re
from datetime import date
from typing import Literal

# GB 11643-1999: weights of the first 17 digits, and the check character for each remainder modulo 11 (ISO 7064, MOD 11-2).
WEIGHTS = (7, 9, 10, 5, 8, 4, 2, 1, 6, 3, 7, 9, 10, 5, 8, 4, 2)
CHECKS = "10X98765432"

_SHAPE = re.compile(r"[1-9]\d{5}(?:18|19|20|21)\d{9}[\dX]", re.ASCII)


def normal(number: str) -> str | None:
    """The number without spaces and with its X large; None when it is none: wrong length, date or check character."""
    plain = re.sub(r"[\s-]", "", number).upper()
    if not _SHAPE.fullmatch(plain):
        return None
    check = CHECKS[sum(int(digit) * weight for digit, weight in zip(plain, WEIGHTS, strict=False)) % 11]
    try:
        date.fromisoformat(f"{plain[6:10]}-{plain[10:12]}-{plain[12:14]}")
    except ValueError:
        return None
    return plain if plain[17] == check else None


def birth_date(number: str) -> date:
    """The birth date in a number that `normal` has returned."""
    return date(int(number[6:10]), int(number[10:12]), int(number[12:14]))


def sex(number: str) -> Literal["M", "F"]:
    """The sex in a number that `normal` has returned: the order digit is odd for men."""
    return "M" if int(number[16]) % 2 else "F"
