"""Whether a message tells values and nothing else: 今天2700克整, 烧37.9度, 刚量的血压150/95."""

import re
from collections.abc import Sequence
from datetime import datetime

from tagging.measurement.reading import Measurement
from tagging.measurement.scan import Token, scan
from tagging.measurement.words import vocabulary
from tagging.moment import find_moments
from tagging.text import fold

# Longer messages say more than a value; of a short one so many characters may be unknown.
LONGEST, UNKNOWN = 30, 1
# 血糖从18.2下来到11, 目标血压130/80，今天136/82: what was before or should be says nothing of now where the tables judge the value alone;
# a peak flow or a bottle is judged by what it was.
_EARLIER = re.compile(
    r"(?:从|由|比[^，。！？,!?\d]{0,4}|目标[^，。！？,!?\d]{0,4}|平时[^，。！？,!?\d]{0,4}|(?:出院|出生|上次|昨天)[^，。！？,!?\d]{0,4})(?:\d{2,3}/)?\s?$"
)
_JUDGED_ALONE = frozenset(
    {
        "temperature",
        "glucose",
        "blood_ketone",
        "systolic_bp",
        "diastolic_bp",
        "heart_rate",
        "respiratory_rate",
        "spo2",
        "weight",
        "bilirubin",
    }
)
# Words that change nothing for a number, but tell how somebody is.
_TELLING = frozenset({"严重", "加重", "突然", "发烫", "滚烫", "烫"})


def is_mere_measurement(text: str, measurements: Sequence[Measurement], now: datetime) -> bool:
    """Whether `text` holds, beside its `measurements`, but names of vitals, times and words without a meaning of their own."""
    if not measurements or len(text) > LONGEST:
        return False
    folded = fold(text)
    judged_alone = all(m.vital in _JUDGED_ALONE for m in measurements)
    unknown = len(folded)
    for token in scan(folded, find_moments(folded, now), vocabulary()):
        inside = any(m.start <= token.start and token.end <= m.end for m in measurements)
        before = judged_alone and token.amount is not None and _EARLIER.search(folded, max(0, token.start - 12), token.start)
        if not inside and not before and not _says_nothing(token):
            return False
        unknown -= token.end - token.start + (2 if before and "目标" in before.group() else 0)
    return unknown <= UNKNOWN


def _says_nothing(token: Token) -> bool:
    roles = token.roles
    if token.amount is not None:
        return token.amount.unit == "time"
    if token.kind != "word":
        return True
    if token.text in _TELLING or roles.vital == "none" or roles.idiom:
        return False
    if roles.vital:
        return True
    return bool(roles.site or roles.condition or roles.filler or roles.person) and roles.count in (None, "feed_count")
