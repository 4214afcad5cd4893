"""Contents of cells as values, from what views and spreadsheets hold. What cannot be read raises; nothing is guessed."""

import re
import unicodedata
from datetime import date, datetime
from decimal import Decimal
from math import isfinite
from typing import Any
from zoneinfo import ZoneInfo

from integrations.event import Sex, VisitClass


class CellError(Exception):
    """A cell cannot be read as what it should be; `code` names what: moment, day, sex, number, whole, flag, visit."""

    permanent = True

    def __init__(self, code: str) -> None:
        super().__init__(code)
        self.code = code


_DAY = re.compile(r"(?P<y>(?:19|20)\d\d)(?:[-/.年](?P<m>\d{1,2})[-/.月](?P<d>\d{1,2})日?|(?P<m2>\d\d)(?P<d2>\d\d))")
_TIME = re.compile(
    r"[T ]?\s*(?P<h>\d{1,2})(?::|时|点)?(?P<mi>\d\d)(?:(?::|分)?(?P<s>\d\d)秒?)?(?:[.,](?P<f>\d{1,9}))?分?"
    r"\s*(?P<zone>Z|[+-]\d\d:?\d\d)?",
    re.I,
)
SEX: dict[str, Sex] = {"M": "M", "F": "F", "男": "M", "女": "F", "1": "M", "2": "F", "男性": "M", "女性": "F", "男婴": "M", "女婴": "F"}
SEX |= {"MALE": "M", "FEMALE": "F"}
# GB/T 2261.1 and HL7 table 0001: not known, not said, other.
NO_SEX = {"0", "9", "U", "O", "A", "N", "未知", "不详", "未说明", "UNKNOWN", "OTHER"}
VISITS: dict[str, VisitClass] = {
    "住院": "inpatient", "I": "inpatient", "INPATIENT": "inpatient", "IMP": "inpatient",
    "门诊": "outpatient", "O": "outpatient", "OUTPATIENT": "outpatient", "AMB": "outpatient", "日间": "outpatient",
    "急诊": "emergency", "E": "emergency", "EMERGENCY": "emergency", "EMER": "emergency", "留观": "emergency",
    "预住院": "preadmit", "P": "preadmit", "PREADMIT": "preadmit", "家庭病床": "home", "HOME": "home",
}  # fmt: skip
_YES = {"1", "Y", "YES", "TRUE", "T", "是", "有", "对"}
_NO = {"0", "N", "NO", "FALSE", "F", "否", "无", "没有"}


def plain(text: str) -> str:
    """Half-width, without spaces around."""
    return unicodedata.normalize("NFKC", text).strip()


def day(text: str) -> date:
    """A calendar day; a time behind it is left out. Raises CellError."""
    match = _DAY.match(plain(text))
    if match is None or (match.end() < len(plain(text)) and plain(text)[match.end()].isdigit() and match["m"]):
        raise CellError("day")
    try:
        return date(int(match["y"]), int(match["m"] or match["m2"]), int(match["d"] or match["d2"]))
    except ValueError as err:
        raise CellError("day") from err


def moment(text: str, zone: ZoneInfo) -> datetime:
    """An instant; without an offset it is the hospital's own time, a day alone its midnight. Raises CellError."""
    said = plain(text)
    on = _DAY.match(said)
    if on is None:
        raise CellError("moment")
    midnight = datetime.combine(day(on.group()), datetime.min.time(), zone)
    rest = said[on.end() :].strip()
    if not rest:
        return midnight
    at = _TIME.fullmatch(rest)
    if at is None:
        raise CellError("moment")
    try:
        fraction = int((at["f"] or "0")[:6].ljust(6, "0"))
        read = midnight.replace(hour=int(at["h"]), minute=int(at["mi"]), second=int(at["s"] or 0), microsecond=fraction)
        if at["zone"]:
            offset = datetime.strptime(at["zone"].upper().replace("Z", "+0000").replace(":", ""), "%z").tzinfo
            read = read.replace(tzinfo=offset)
    except ValueError as err:
        raise CellError("moment") from err
    return read


def sex(text: str) -> Sex | None:
    """Male or female; None where the source says that it does not know. Raises CellError."""
    said = plain(text).upper()
    if said in NO_SEX:
        return None
    if said not in SEX:
        raise CellError("sex")
    return SEX[said]


def visit_kind(text: str) -> VisitClass:
    """The class of a visit. Raises CellError."""
    said = plain(text)
    found = VISITS.get(said.upper(), VISITS.get(said[:2]))
    if found is None:
        raise CellError("visit")
    return found


def number(text: str) -> float:
    """A plain number. Raises CellError."""
    try:
        value = float(plain(text))
    except ValueError as err:
        raise CellError("number") from err
    if not isfinite(value):
        raise CellError("number")
    return value


def whole(text: str) -> int:
    """A whole number, also when it is written 3.0. Raises CellError."""
    value = number(text)
    if value != int(value) or abs(value) > 10**9:
        raise CellError("whole")
    return int(value)


def yes(text: str) -> bool:
    """Yes or no. Raises CellError."""
    said = plain(text).upper()
    if said in _YES:
        return True
    if said in _NO:
        return False
    raise CellError("flag")


def as_text(value: Any) -> str | None:
    """A database's or a spreadsheet's value as text that loses nothing; binary contents are left out."""
    if value is None or isinstance(value, bytes | bytearray | memoryview):
        return None
    if isinstance(value, bool):
        return "1" if value else "0"
    if isinstance(value, datetime):
        return value.isoformat(" ")
    if isinstance(value, date):
        return value.isoformat()
    if isinstance(value, Decimal):
        return format(value, "f")
    if isinstance(value, float) and value.is_integer() and abs(value) < 1e15:
        return str(int(value))
    return str(value)
