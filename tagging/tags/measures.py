"""Numbers about a patient that rules compare: how often, how long, how much. Each by name, computed when it is asked for."""

from bisect import bisect_right
from collections.abc import Callable
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from functools import cached_property
from itertools import pairwise
from statistics import median
from zoneinfo import ZoneInfo

from tagging.tags.facts import Facts, Medicine

ANSWERED = frozenset({"done", "partial"})
# What counts as no answer: nobody reacted, or it could not even be delivered. Declining is an answer.
UNANSWERED = frozenset({"missed"})
# Follow-ups that came to an end which says something about the family.
ENDED = ANSWERED | UNANSWERED | {"declined"}
VOICE, TEXT, PICTURE = "voice", "text", "image"
# Medicines for years, by class of tagging/data/substances.yml: of these a gap is a gap (R). A course of antibiotics is meant to end.
LONG_TERM = frozenset(
    {"吸入激素", "抗白三烯药", "抗癫痫药", "免疫抑制剂", "生物制剂", "降糖药", "甲状腺激素", "生长激素", "降压药", "抗抑郁药", "抗精神病药",
     "多动症用药", "抗风湿药", "抗凝药", "抗血小板药", "化疗药", "性早熟用药"}
)  # fmt: skip
# PDC is measured over the last 90 days, and not before a medicine has been prescribed for four weeks (R).
PDC_DAYS, PDC_FROM_DAYS = 90, 28
# As long as an answer to a follow-up is waited for (clinical reference §7: response rate within 48 h).
ANSWER_WITHIN = timedelta(hours=48)


@dataclass(frozen=True)
class Measured:
    """A number, how many things it was counted from, and the row behind it where there is one."""

    value: float
    count: int = 1
    ref: tuple[str, int] | None = None
    at: datetime | None = None


class Measures:
    """The measures of one patient at `now`, days in the hospital's `zone`."""

    def __init__(self, facts: Facts, now: datetime, zone: ZoneInfo) -> None:
        self.facts, self.now, self.zone = facts, now, zone
        self.today = now.astimezone(zone).date()
        self._known: dict[str, Measured | None] = {}

    def get(self, name: str) -> Measured | None:
        """The measure of this name (see MEASURES); None where the records do not allow it."""
        if name not in self._known:
            self._known[name] = MEASURES[name](self)
        return self._known[name]

    @cached_property
    def recent_kinds(self) -> list[str]:
        """As what the family wrote in the last 90 days."""
        first = self.since(90)
        return [message.kind for message in self.facts.messages if message.at > first]

    def since(self, days: int) -> datetime:
        """The moment so many days ago."""
        return self.now - timedelta(days=days)


def _age(m: Measures) -> Measured | None:
    return Measured((m.today - m.facts.born).days)


def _weeks(m: Measures) -> Measured | None:
    weeks = m.facts.gestational_age_weeks
    return None if weeks is None else Measured(weeks)


def _birth_weight(m: Measures) -> Measured | None:
    grams = m.facts.birth_weight_g
    return None if grams is None else Measured(grams)


def _of_birth_weight(m: Measures) -> Measured | None:
    """The latest weight as a share of that at birth."""
    weights = [r for r in m.facts.readings if r.code == "weight" and r.value is not None and r.unit == "kg"]
    if not weights or not m.facts.birth_weight_g:
        return None
    last = weights[-1]
    return Measured((last.value or 0) * 1000 / m.facts.birth_weight_g, len(weights), ("observation", last.id), last.at)


def _last_contact(m: Measures) -> Measured | None:
    return Measured((m.now - m.facts.messages[-1].at).days) if m.facts.messages else None


def _contact_days(m: Measures) -> Measured | None:
    if not m.facts.bound:
        return None
    first = m.since(30)
    days = {message.at.astimezone(m.zone).date() for message in m.facts.messages if message.at > first}
    return Measured(len(days))


def _share(kind: str) -> Callable[[Measures], Measured | None]:
    def of(m: Measures) -> Measured | None:
        recent = m.recent_kinds
        return Measured(recent.count(kind) / len(recent), len(recent)) if recent else None

    return of


def _missing(m: Measures) -> Measured | None:
    """How many parts of a record are missing (clinical reference §7: identity, diagnosis, anchor date or plan, guardian, consent)."""
    f = m.facts
    parts = (f.sex is not None, f.has_phone, f.bound, bool(f.diagnoses), f.plans > 0)
    return Measured(parts.count(False), len(parts))


def _response_hours(m: Measures) -> Measured | None:
    """The median of the hours until the family wrote after a follow-up went out, in the last 60 days."""
    times = [message.at for message in m.facts.messages]
    hours, since = [], m.since(60)
    for each in m.facts.follow_ups:
        if each.sent_at is None or each.sent_at < since:
            continue
        after = bisect_right(times, each.sent_at)
        if after < len(times) and times[after] - each.sent_at <= ANSWER_WITHIN:
            hours.append((times[after] - each.sent_at).total_seconds() / 3600)
    return Measured(median(hours), len(hours)) if hours else None


def _answers_at(first: int, last: int) -> Callable[[Measures], Measured | None]:
    """The share of follow-ups of the last 90 days whose first word came back between these hours of the day, to before `last`."""

    def of(m: Measures) -> Measured | None:
        times = [message.at for message in m.facts.messages]
        since, heard = m.since(90), []
        for each in m.facts.follow_ups:
            after = bisect_right(times, each.sent_at) if each.sent_at is not None and each.sent_at >= since else len(times)
            if after < len(times) and each.sent_at is not None and times[after] - each.sent_at <= ANSWER_WITHIN:
                heard.append((times[after], each.id))
        if not heard:
            return None
        then = sum(first <= at.astimezone(m.zone).hour < last for at, _ in heard)
        at, task = heard[-1]
        return Measured(then / len(heard), len(heard), ("task", task), at)

    return of


def _answered_share(m: Measures) -> Measured | None:
    since = m.since(60)
    ended = [each for each in m.facts.follow_ups if each.state in ENDED and each.closed_at is not None and each.closed_at > since]
    return Measured(sum(each.state in ANSWERED for each in ended) / len(ended), len(ended)) if ended else None


def _unanswered_in_row(m: Measures) -> Measured | None:
    """How many of the latest follow-ups in a row nobody answered, as long as the family has not written since."""
    ended = [each for each in m.facts.follow_ups if each.state in ENDED]
    row = 0
    for each in reversed(ended):
        if each.state not in UNANSWERED:
            break
        row += 1
    if not row:
        return Measured(0) if ended else None
    last, first = ended[-1], ended[-row]
    wrote = m.facts.messages and first.sent_at is not None and m.facts.messages[-1].at > (last.closed_at or m.now)
    return Measured(0 if wrote else row, row, ("task", last.id), last.closed_at or m.now)


def _pdc(m: Measures) -> Measured | None:
    """Proportion of days covered by prescriptions, the mean over long-term medicines that were renewed (clinical reference §7, S38)."""
    by_name: dict[str, list[Medicine]] = {}
    for each in m.facts.medicines:
        if each.drug_class in LONG_TERM and each.starts_on and each.ends_on and each.starts_on <= m.today:
            by_name.setdefault(each.generic or each.name, []).append(each)
    shares = [_covered(each, m.today) for each in by_name.values() if len(each) > 1 and each[-1].status in ("active", "completed")]
    known = [share for share in shares if share is not None]
    return Measured(sum(known) / len(known), len(known)) if known else None


def _covered(prescriptions: list[Medicine], today: date) -> float | None:
    """Days covered since the first prescription (at most the last 90), over those days; what overlaps is moved forward."""
    spans = sorted((each.starts_on, each.ends_on) for each in prescriptions if each.starts_on and each.ends_on)
    first = max(spans[0][0], today - timedelta(days=PDC_DAYS - 1))
    if (today - spans[0][0]).days < PDC_FROM_DAYS:
        return None
    covered, free = 0, date.min
    for start, end in spans:
        length = (end - start).days + 1
        begin = max(start, free)
        free = begin + timedelta(days=max(0, length))
        covered += max(0, (min(free, today + timedelta(days=1)) - max(begin, first)).days)
    return min(1.0, covered / ((today - first).days + 1))


def _discharged_days(m: Measures) -> Measured | None:
    left = [stay for stay in m.facts.stays if stay.kind == "inpatient" and stay.ended_at is not None and stay.ended_at <= m.now]
    if not left or any(stay.kind == "inpatient" and stay.ended_at is None for stay in m.facts.stays):
        return None
    last = max(left, key=lambda stay: stay.ended_at or stay.started_at)
    return Measured((m.now - (last.ended_at or m.now)).days, 1, ("encounter", last.id), last.ended_at)


def _readmission_days(m: Measures) -> Measured | None:
    """Days between a discharge and the next stay, of the latest pair that began within the last 30 days."""
    stays = sorted((stay for stay in m.facts.stays if stay.kind == "inpatient"), key=lambda stay: stay.started_at)
    for before, after in reversed(list(pairwise(stays))):
        if before.ended_at is not None and before.ended_at <= after.started_at and after.started_at > m.since(30):
            return Measured((after.started_at - before.ended_at).days, 2, ("encounter", after.id), after.started_at)
    return None


def _flag(read: Callable[[Facts], bool]) -> Callable[[Measures], Measured | None]:
    return lambda m: Measured(float(read(m.facts)))


MEASURES: dict[str, Callable[[Measures], Measured | None]] = {
    "age_days": _age,
    "gestational_weeks": _weeks,
    "birth_weight_g": _birth_weight,
    "share_of_birth_weight": _of_birth_weight,
    "last_contact_days": _last_contact,
    "contact_days_30": _contact_days,
    "voice_share": _share(VOICE),
    "text_share": _share(TEXT),
    "picture_share": _share(PICTURE),
    "missing_parts": _missing,
    "response_hours": _response_hours,
    "answered_share": _answered_share,
    "answers_morning": _answers_at(6, 11),
    "answers_noon": _answers_at(11, 14),
    "answers_afternoon": _answers_at(14, 18),
    "answers_evening": _answers_at(18, 23),
    "unanswered_in_row": _unanswered_in_row,
    "pdc": _pdc,
    "discharged_days": _discharged_days,
    "readmission_days": _readmission_days,
    "bound": _flag(lambda f: f.bound),
    "stopped": _flag(lambda f: f.stopped),
    "in_plan": _flag(lambda f: f.plans > 0),
}
