"""Lines copied from a notebook, each beginning with its date (2.27 38.3): the dates, as instants."""

import re
from datetime import datetime, timedelta

from tagging.moment import Moment

_LINE = re.compile(r"(?m)^\s{0,4}(?P<month>1[0-2]|0?[1-9])[./-](?P<day>[12]\d|3[01]|0?[1-9])(?:[日号]|(?=[\s:：,，]))(?=[\s:：,，]{0,3}\S)")
# 2/27 38.4 2/28 38.9: the same in one line, where each date has a stroke and a temperature behind it.
_IN_A_ROW = re.compile(
    r"(?:^|(?<=[\s，,；;、]))(?P<month>1[0-2]|0?[1-9])/(?P<day>[12]\d|3[01]|0?[1-9])(?:[日号]|(?=[\s:：]))(?=[\s:：]{0,3}(?:3[5-9]|4[0-2])(?:[.度℃]|\s|$))"
)
# One such line may be a value; and a notebook goes back no further.
FEWEST, DAYS_BACK = 2, 100


def moments_of_notebook(folded: str, now: datetime) -> list[Moment]:
    """The dates that open at least two lines, none of them ahead of `now`; else nothing."""
    found: list[Moment] = []
    for match in (_LINE if "\n" in folded else _IN_A_ROW).finditer(folded):
        try:
            day = now.replace(month=int(match["month"]), day=int(match["day"]), hour=12, minute=0, second=0, microsecond=0)
        except ValueError:
            return []
        day = min(day, now) if day.date() == now.date() else day
        day = day if day <= now else day.replace(year=day.year - 1)
        if now - day > timedelta(days=DAYS_BACK):
            return []
        midnight = day.replace(hour=0, minute=0)
        found.append(Moment(match.start("month"), match.end(), day, midnight, min(now, midnight + timedelta(days=1))))
    return found if len(found) >= FEWEST else []
