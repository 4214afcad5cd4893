"""How many of the days on which a medicine should be taken it was: PDC, the proportion of days covered. Pure.

Where supplies are on file, `days_covered` is PDC as it is defined. Families report single days: `adherence` counts those, and says how many
days nobody told of, because a day without a word is neither taken nor missed.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta

from tagging.risk.score import Level, Reason, RiskScore, reason

ID = "adherence"
# Clinical reference §7 (S38): 0.80 and more is adherent. Below a half it is low (R).
ADHERENT, LOW = 0.80, 0.50
# So much must be known before anything is said: a week of days, and a third of the period (R).
KNOWN_DAYS, KNOWN_SHARE = 7, 1 / 3
PERIOD_DAYS = 90
# Nobody is given more at once; a larger number is a mistake.
LONGEST_SUPPLY = 400


@dataclass(frozen=True)
class Course:
    """A medicine that is to be taken every day, from `first` to `last` (None: still), and what was reported: day → whether it was taken."""

    name: str
    first: date
    last: date | None
    reported: Mapping[date, bool]


@dataclass(frozen=True)
class Covered:
    """`taken` and `missed` are the days told of; `days` all on which it should have been taken."""

    name: str
    days: int
    taken: int
    missed: int

    @property
    def known(self) -> int:
        """On how many days it is known."""
        return self.taken + self.missed

    @property
    def share(self) -> float | None:
        """The share of the days that were told of; None where too few were."""
        enough = self.known >= KNOWN_DAYS and self.known >= KNOWN_SHARE * self.days
        return self.taken / self.known if enough else None


def covered(course: Course, *, today: date, away: frozenset[date] = frozenset(), period_days: int = PERIOD_DAYS) -> Covered:
    """The days of one medicine in the period that ends yesterday, without those in hospital (`away`)."""
    first = max(course.first, today - timedelta(days=period_days))
    last = min(course.last or today, today - timedelta(days=1))
    days = [first + timedelta(days=n) for n in range((last - first).days + 1)]
    told = [course.reported[day] for day in days if day not in away and day in course.reported]
    return Covered(course.name, sum(day not in away for day in days), sum(told), len(told) - sum(told))


def adherence(courses: Iterable[Course], *, now: datetime, today: date, away: frozenset[date] = frozenset()) -> RiskScore | None:
    """The mean share over all medicines with enough known days; None without a medicine. `points` is that mean, of 1."""
    counted = [each for course in courses if (each := covered(course, today=today, away=away)).days > 0]
    if not counted:
        return None
    shares = [each.share for each in counted if each.share is not None]
    mean = sum(shares) / len(shares) if shares else None
    level: Level = "none" if mean is None or mean >= ADHERENT else "concern" if mean < LOW else "watch"
    detail = {each.name: {"days": each.days, "taken": each.taken, "missed": each.missed, "share": each.share} for each in counted}
    known, days = sum(each.known for each in counted), sum(each.days for each in counted)
    return RiskScore(ID, level, now, tuple(map(_reason, counted)), points=mean, of=1, known=known, wanted=days, detail=detail)


def days_covered(supplies: Sequence[tuple[date, int]], *, first: date, last: date, away: frozenset[date] = frozenset()) -> float | None:
    """PDC as it is defined (clinical reference §7): `supplies` are (day of dispensing, days' supply); what is left over when the next one
    is dispensed is carried forward, and no day counts twice. None for a period without days."""
    free = first
    covered_days: set[date] = set()
    for day, supply in sorted(supplies):
        start, length = max(day, free), min(max(0, supply), LONGEST_SUPPLY)
        free = start + timedelta(days=length)
        covered_days.update(start + timedelta(days=n) for n in range(length) if first <= start + timedelta(days=n) <= last)
    days = {first + timedelta(days=n) for n in range((last - first).days + 1)} - away
    return len(covered_days & days) / len(days) if days else None


def _reason(each: Covered) -> Reason:
    if each.share is None:
        return reason(ID, "unknown", name=each.name, days=each.days, known=each.known)
    rule = "low" if each.share < ADHERENT else "good"
    return reason(ID, rule, name=each.name, known=each.known, taken=each.taken, percent=round(each.share * 100))
