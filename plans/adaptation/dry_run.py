"""What rules would have done: the events of some days past, each judged on the record as it was then. Writes nothing.

What the record cannot tell of the past is said with the result (wording.yml `dry_run.caveats`).
"""

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

from plans.adaptation.clock import HOUR
from plans.adaptation.event import Event
from plans.adaptation.history import History
from plans.adaptation.load import Wanted, load
from plans.adaptation.ready import Ready, RuleBook
from plans.adaptation.weigh import Fired, weigh
from plans.clock import at_hour, local_day
from tagging.cohort.judge import day_of

# So many patients are in memory at a time.
PATIENTS = 500
# Readings of each measure that are looked at: five a day for a quarter.
READINGS = 450

_EVENTS = text(
    """
    select id, patient_id, kind, at, recorded_at, ref_kind, ref_id, fact, cause_id, depth from patient_event
    where patient_id = any(cast(:ids as bigint[])) and recorded_at > :since and recorded_at <= :now and kind = any(cast(:kinds as text[]))
    order by patient_id, id
    """
)
_WITH_EVENTS = text(
    """
    select distinct patient_id from patient_event
    where recorded_at > :since and recorded_at <= :now and kind = any(cast(:kinds as text[])) order by 1
    """
)
_ALL = text("select id from patient where died_at is null or died_at > :since order by 1")
_FIRST = text("select min(recorded_at) from patient_event")


@dataclass(frozen=True)
class Would:
    """A firing that would have been."""

    patient_id: int
    team_id: int
    ready: Ready
    at: datetime
    because: str


@dataclass
class DryRun:
    """`known_from` is since when events are on file at all (None: there is none); `held` counts what the guards would have held back."""

    since: datetime
    until: datetime
    known_from: datetime | None
    events: int = 0
    patients: int = 0
    would: list[Would] = field(default_factory=list)
    held: Counter[str] = field(default_factory=Counter)

    def per_patient(self) -> Counter[int]:
        """Firings by patient."""
        return Counter(one.patient_id for one in self.would)


async def dry_run(tx: AsyncSession, book: RuleBook, *, since: datetime, now: datetime, zone: ZoneInfo) -> DryRun:
    """Replay what was recorded after `since` up to `now`."""
    rules = [ready for each in book.by_kind.values() for ready in each]
    kinds = sorted(set(book.by_kind) - {"day"})
    timed = book.by_kind.get("day", [])
    wanted = Wanted()
    for ready in rules:
        wanted = wanted.plus(ready.wanted_in(book)).plus(_of_clock(ready))
    done = DryRun(since, now, await tx.scalar(_FIRST))
    who = list(await tx.scalars(_ALL if timed else _WITH_EVENTS, {"since": since} if timed else _values(since, now, kinds)))
    for first in range(0, len(who), PATIENTS):
        ids = who[first : first + PATIENTS]
        events = defaultdict[int, list[Event]](list)
        for row in await tx.execute(_EVENTS, _values(since, now, kinds) | {"ids": ids}):
            events[row[1]].append(Event(*row))
        for patient_id, history in (await load(tx, ids, wanted, now=now, since=since, readings=READINGS)).items():
            _replay(done, book, history, events[patient_id], timed, zone)
    return done


def _replay(done: DryRun, book: RuleBook, history: History, events: Sequence[Event], timed: Iterable[Ready], zone: ZoneInfo) -> None:
    """One patient's events in the order in which they became known."""
    fired = Fired()
    days = [event for ready in timed for event in _days(ready, history, done, book, zone)]
    told = sorted([*events, *days], key=lambda event: (max(event.at, event.recorded_at), event.id))
    done.events += len(told)
    done.patients += bool(told)
    for event in told:
        at = max(event.at, event.recorded_at)
        if history.died_at is not None and history.died_at <= at:
            return
        for ready in book.hearing(event):
            found = weigh(ready, event, history, at=at, book=book)
            if found is None:
                continue
            held = fired.holds_back(ready, event, at)
            if held is not None:
                done.held[held] += 1
                continue
            fired.note(ready, at)
            done.would.append(Would(history.patient_id, history.team_id, ready, at, found.because))


def _days(ready: Ready, history: History, done: DryRun, book: RuleBook, zone: ZoneInfo) -> Iterator[Event]:
    """The days on which the clock would have found the patient."""
    wanted = ready.rule.on.days
    day = local_day(done.since, zone)
    while day <= local_day(done.until, zone):
        at = at_hour(day, HOUR, zone)
        if done.since < at <= done.until:
            facts = history.facts(at, zone, ready.measures)
            if wanted is None:
                come = True
            elif wanted.after == "enrolment":
                began = {
                    local_day(one.at, zone) for one in history.plans if one.state == "active" and wanted.template in (None, one.template)
                }
                come = day - timedelta(days=wanted.day) in began
            else:
                anchor = facts.birth_date if wanted.after == "birth" else day_of(facts, wanted.after)
                come = anchor is not None and (day - anchor).days == wanted.day
            if come:
                yield Event(0, history.patient_id, "day", at, at, None, None, {"rule": ready.rule.key, "day": day.isoformat()})
        day += timedelta(days=1)


def _of_clock(ready: Ready) -> Wanted:
    """What the days of a rule have to know besides its condition."""
    days = ready.rule.on.days
    if days is None:
        return Wanted()
    return Wanted(stays=days.after in ("discharge", "visit"), plans=days.after == "enrolment", answers=days.after == "answer")


def _values(since: datetime, now: datetime, kinds: Sequence[str]) -> dict[str, object]:
    return {"since": since, "now": now, "kinds": list(kinds)}
