"""Times told as the child's age (第十九天那天称3300克, 满月时3.9公斤), as instants, when the age of today is known."""

import re
from datetime import datetime, timedelta

from tagging.moment import Moment
from tagging.numeral import SHORT, parse_numeral

_DAY = re.compile(
    rf"(?:(?:出生|生后|生下来)?第?(?P<days>{SHORT})天(?:的?时候?|那天|那会儿?|那次)"
    r"|(?P<month>(?:刚?满月|出月子)(?:的?时候|时|那天|那会儿?)))"
)
MONTH = 30
# Later than this nobody counts in days.
LAST = 100


def moments_of_age(folded: str, age_days: int | None, now: datetime) -> list[Moment]:
    """The times in folded text that are told as an age below that of today."""
    if age_days is None or age_days > LAST or not ("天" in folded or "月" in folded):
        return []
    found = []
    for match in _DAY.finditer(folded):
        days = MONTH if match["month"] else int(parse_numeral(match["days"]).value)
        if 0 <= days < age_days:
            found.append(Moment(*match.span(), now - timedelta(days=age_days - days)))
    return found
