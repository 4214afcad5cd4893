"""Every message that plans would send to one family, before anybody sends them: what falls together, what the quiet hours, the platform's
window and the contact budget hold back. Pure: no clock, no database.
"""

import heapq
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta
from itertools import count
from typing import Literal
from zoneinfo import ZoneInfo

from plans.clock import at_hour, local_day
from plans.guard import QUIET, Quiet, is_quiet, quiet_ends
from plans.reach.budget import allowance
from plans.reach.policy import Budget
from plans.reach.window import RESERVE
from plans.schedule import Due
from plans.template import PlanTemplate
from records.chat import WINDOW, WINDOW_MESSAGES


@dataclass(frozen=True)
class Wanted:
    """One follow-up that would be sent: of which child and plan, until when it is useful, and what the family would read."""

    at: datetime
    useful_until: datetime
    child: str
    plan: str
    step: str
    title: str
    text: str
    kind: Literal["opening", "reminder"] = "opening"
    reminders: tuple[timedelta, ...] = ()
    held_by: str = ""


@dataclass(frozen=True)
class Contact:
    """One message to the family, or one that would not go out. `items` are the follow-ups that it bundles.

    `why` is `due`, or what held it (a key of wording.yml `undeliverable`); `left` is how many messages the 48-hour window still allows
    after it, the one in reserve not counted.
    """

    at: datetime
    items: tuple[Wanted, ...]
    sent: bool
    why: str
    left: int

    @property
    def kind(self) -> str:
        """opening or reminder."""
        return self.items[0].kind


def wanted_of(template: PlanTemplate, dues: Iterable[Due], child: str) -> list[Wanted]:
    """What the family would read of these follow-ups. What only a clinician does is left out."""
    steps = {step.id: step for step in template.steps}
    found = []
    for due in dues:
        step = steps[due.step]
        if step.kind == "clinician_task":
            continue
        ask = step.questions[0].ask if step.questions else step.text or step.title
        text = template.texts.opening.format(name=child, question=ask) if step.questions else ask
        after = tuple(timedelta(hours=each.after_hours) for each in step.reminders)
        found.append(Wanted(due.due_at, due.useful_until, child, template.title, step.id, step.title, text, reminders=after))
    return found


def dry_run(
    wanted: Sequence[Wanted],
    *,
    start: date,
    days: int,
    zone: ZoneInfo,
    budget: Budget,
    answers: bool = True,
    quiet: Quiet = QUIET,
) -> list[Contact]:
    """The contacts of `days` days from `start`, in order of time, with a family that wrote last on the morning of `start`.

    With `answers` it answers each message at once, so that the window stays open and no reminder is needed; without, it never
    writes again. What is due at one moment goes into one conversation.
    """
    end, number = at_hour(start + timedelta(days=days), 0, zone), count()
    waiting = [(each.at, next(number), each) for each in wanted if each.at < end]
    heapq.heapify(waiting)
    window_from, used = at_hour(start, quiet.end.hour, zone), 0
    made: list[datetime] = []
    found: list[Contact] = []
    while waiting:
        at = waiting[0][0]
        together = []
        while waiting and waiting[0][0] == at:
            together.append(heapq.heappop(waiting)[2])
        for late in [each for each in together if at >= each.useful_until]:
            together.remove(late)
            found.append(Contact(late.at, (late,), False, late.held_by or "expired", 0))
        if not together:
            continue
        # A reminder is about one follow-up; openings of the moment are one conversation.
        openings = tuple(each for each in together if each.kind == "opening")
        for items in [each for each in (openings, *((each,) for each in together if each.kind == "reminder")) if each]:
            until = quiet_ends(at, zone, quiet) if is_quiet(at, zone, quiet) else None
            why = "quiet" if until is not None else ""
            if until is None:
                room = allowance(made, "reminder" if items[0].kind == "reminder" else "task", budget, now=at, zone=zone)
                until, why = room.until, "" if room.allowed else "over_budget"
            if why:
                for item in items:
                    heapq.heappush(waiting, (min(until or item.useful_until, item.useful_until), next(number), replace(item, held_by=why)))
                continue
            if not window_from <= at < window_from + WINDOW or used >= WINDOW_MESSAGES - RESERVE:
                closed = "over_quota" if window_from <= at < window_from + WINDOW else "window_closed"
                found.append(Contact(at, items, False, closed, 0))
                continue
            made.append(at)
            used += 1
            found.append(Contact(at, items, True, "due", WINDOW_MESSAGES - RESERVE - used))
            if answers:
                # The answer opens the window anew.
                window_from, used = at, 0
                continue
            for item in items:
                if item.reminders:
                    again = replace(item, at=at + item.reminders[0], kind="reminder", reminders=item.reminders[1:], held_by="")
                    heapq.heappush(waiting, (again.at, next(number), again))
    return sorted(found, key=lambda contact: (contact.at, contact.items[0].child, contact.items[0].step))


@dataclass(frozen=True)
class Days:
    """Contacts of one family on one day that fall together: more than one conversation, or one that bundles several follow-ups."""

    day: date
    contacts: int
    bundled: int


def collisions(contacts: Sequence[Contact], zone: ZoneInfo) -> list[Days]:
    """The days on which a family hears of more than one thing."""
    by_day: dict[date, list[Contact]] = defaultdict(list)
    for contact in contacts:
        if contact.sent and contact.kind == "opening":
            by_day[local_day(contact.at, zone)].append(contact)
    found = (Days(day, len(each), sum(len(one.items) > 1 for one in each)) for day, each in sorted(by_day.items()))
    return [each for each in found if each.contacts > 1 or each.bundled]
