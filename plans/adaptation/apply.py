"""Taking in what happened: events in order, judged on what the record says now, and what the rules decide done at once.

Each event exactly once, in the transaction of all that comes of it. Per patient in order: a later event sees what an earlier one did.
"""

import asyncio
from collections import defaultdict, deque
from collections.abc import Sequence
from dataclasses import dataclass, field, fields
from datetime import datetime
from zoneinfo import ZoneInfo

from sqlalchemy import func, select, text
from sqlalchemy.ext.asyncio import AsyncSession

from plans.adaptation.act import act
from plans.adaptation.care import Actions
from plans.adaptation.event import Event
from plans.adaptation.load import Wanted, load
from plans.adaptation.ready import Ready, RuleBook
from plans.adaptation.weigh import DAY, Fired, Planned, weigh
from records.adaptation import heard, take_events

# Of events at once: some tenths of a second, and enough that statements are shared.
AT_ONCE = 300
# Any fixed number: of many workers one applies rules at a time.
ONE_ADAPTER = 5291

_LAST = text(
    """
    select patient_id, rule, department, max(at) from adaptation_firing
    where patient_id = any(cast(:ids as bigint[])) and rule = any(cast(:rules as text[])) group by 1, 2, 3
    """
)
_LATELY = text("select patient_id, at from adaptation_firing where patient_id = any(cast(:ids as bigint[])) and at > :since")


@dataclass(frozen=True)
class Adapted:
    """What one round came to: events heard, events that a rule listens to, firings, and firings that were held back, by reason."""

    heard: int = 0
    looked: int = 0
    fired: int = 0
    held_depth: int = 0
    held_again: int = 0
    held_many: int = 0

    def plus(self, other: "Adapted") -> "Adapted":
        """Both together."""
        return Adapted(*(getattr(self, each.name) + getattr(other, each.name) for each in fields(self)))


@dataclass
class _Waiting:
    """One patient's events that some rule listens to, in order."""

    events: deque[tuple[Event, list[Ready]]] = field(default_factory=deque)
    fired: Fired = field(default_factory=Fired)


async def adapt(
    tx: AsyncSession,
    book: RuleBook,
    actions: Actions,
    *,
    now: datetime,
    zone: ZoneInfo,
    limit: int = AT_ONCE,
    only: int | None = None,
) -> Adapted:
    """One round over the next events (`only`: of this patient). Nothing when somebody else is at it."""
    if not await tx.scalar(select(func.pg_try_advisory_xact_lock(ONE_ADAPTER))):
        return Adapted()
    events = [Event(*row) for row in await take_events(tx, now, limit, only=only)]
    counts: dict[str, int] = defaultdict(int)
    waiting: dict[int, _Waiting] = {}
    for event in events:
        if rules := book.hearing(event):
            waiting.setdefault(event.patient_id, _Waiting()).events.append((event, rules))
            counts["looked"] += 1
    if waiting:
        await _know_firings(tx, waiting, now)
        await _all(tx, waiting, book, actions, counts, now=now, zone=zone)
    await heard(tx, [event.id for event in events], now)
    return Adapted(len(events), **counts)


async def _all(
    tx: AsyncSession,
    waiting: dict[int, _Waiting],
    book: RuleBook,
    actions: Actions,
    counts: dict[str, int],
    *,
    now: datetime,
    zone: ZoneInfo,
) -> None:
    """Round by round: of each patient the events up to the first that fires; who was fired on is loaded anew before his next event."""
    while waiting:
        wanted = Wanted()
        for one in waiting.values():
            for _, rules in one.events:
                for ready in rules:
                    wanted = wanted.plus(ready.wanted_in(book))
        histories = await load(tx, waiting, wanted, now=now)
        planned: list[Planned] = []
        for patient_id, one in list(waiting.items()):
            # A fraction of a millisecond each: families' messages in this process go first.
            await asyncio.sleep(0)
            history = histories.get(patient_id)
            while one.events and history is not None:
                event, rules = one.events.popleft()
                found = [plan for ready in rules if (plan := weigh(ready, event, history, at=now, book=book)) is not None]
                if allowed := _allowed(found, one.fired, counts, now):
                    planned += allowed
                    break
            if not one.events or history is None:
                del waiting[patient_id]
        counts["fired"] += len(await act(tx, planned, actions, scope=book.scope, now=now, zone=zone))


def _allowed(found: Sequence[Planned], fired: Fired, counts: dict[str, int], now: datetime) -> list[Planned]:
    allowed = []
    for plan in found:
        held = fired.holds_back(plan.ready, plan.event, now)
        if held is None:
            fired.note(plan.ready, now)
            allowed.append(plan)
        else:
            counts[f"held_{held}"] += 1
    return allowed


async def _know_firings(tx: AsyncSession, waiting: dict[int, _Waiting], now: datetime) -> None:
    rules = sorted({ready.rule.id for one in waiting.values() for _, heard_by in one.events for ready in heard_by})
    for patient_id, rule, department, at in await tx.execute(_LAST, {"ids": list(waiting), "rules": rules}):
        waiting[patient_id].fired.last[f"{rule}@{department}" if department else rule] = at
    for patient_id, at in await tx.execute(_LATELY, {"ids": list(waiting), "since": now - DAY}):
        waiting[patient_id].fired.lately.append(at)
