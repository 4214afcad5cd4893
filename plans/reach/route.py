"""Which route reaches this family lawfully now. Pure: what is known of the family in, one decision out."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Literal
from zoneinfo import ZoneInfo

from plans.clock import at_hour, local_day
from plans.guard import LOOK_AGAIN, WITH_A_PERSON, is_quiet, quiet_ends
from plans.reach.budget import allowance
from plans.reach.policy import Rules
from plans.reach.purpose import ANY_HOUR, is_proactive
from plans.reach.window import left, why_closed
from records.chat import Chat
from records.contact import Attempt, RouteName
from records.patient import Carer
from records.push_address import PushAddress

# Channels of a push, and the one template that all of them use for what waits in the chat.
PUSHES: tuple[RouteName, ...] = ("mini_program", "official_account", "sms")


@dataclass(frozen=True)
class Channels:
    """What this installation has beside the chat: for each push channel the platform's template id that a family must have agreed to
    (None: following, or a number, is enough), and whether it has a link into the chat, without which a push leads nowhere."""

    templates: Mapping[str, str | None] = field(default_factory=dict)
    group_send: bool = True


@dataclass(frozen=True)
class Want:
    """Something to say to one family. `key` is what it is for (`task:812:opening`), `useful_until` when it is no longer worth saying.

    `tasks` are the follow-ups that it opens. `department` is the name of the team whose rules hold. `only`: by no other routes than
    these. `busy`: another follow-up is being talked about.
    """

    key: str
    carer_id: int
    purpose: str
    patient_id: int | None = None
    tasks: tuple[int, ...] = ()
    department: str | None = None
    useful_until: datetime | None = None
    busy: bool = False
    only: tuple[RouteName, ...] | None = None


@dataclass(frozen=True)
class Known:
    """What is known of one family now. `queued` are proactive messages that wait for its chat."""

    carer: Carer
    chat: Chat | None = None
    queued: int = 0
    addresses: Sequence[PushAddress] = ()
    friend: str | None = None
    link: bool = False
    attempts: Sequence[Attempt] = ()


@dataclass(frozen=True)
class Decision:
    """What becomes of a want.

    send: by `route` now; `address` is the push address's row, `member` the clinician of a group send or a hand-written word, `chat`
    where the family will find it in any case. wait: ask again at `until`. no: nothing lawful, because of `reason`. expired: it is no
    longer worth saying. repeat: it was decided before. `reason` is a key of wording.yml `undeliverable`, or `due`.
    """

    kind: Literal["send", "wait", "no", "expired", "repeat"]
    reason: str
    until: datetime | None = None
    route: RouteName | None = None
    key: str = ""
    chat: Chat | None = None
    address: PushAddress | None = None
    member: str | None = None


def decide(want: Want, known: Known, rules: Rules, channels: Channels, *, now: datetime, zone: ZoneInfo) -> Decision:
    """Whether `want` may be said to this family now, and by which route.

    The family's own wishes come first, then quiet hours, then who has the chat, then the budget, then the routes in the order of the
    rules. A route that has been tried today for the same thing is not tried again today.
    """
    if want.useful_until is not None and now >= want.useful_until:
        return Decision("expired", "expired")
    mine = [attempt for attempt in known.attempts if attempt.about == want.key]
    if any(attempt.made for attempt in mine):
        return Decision("repeat", "due")
    carer = known.carer
    if is_proactive(want.purpose):
        if carer.stopped_at is not None:
            return _wait(want, None, "stopped")
        if carer.paused_until is not None and now < carer.paused_until:
            return _wait(want, carer.paused_until, "paused")
        quiet = rules.quiet.hours()
        if is_quiet(now, zone, quiet):
            return _wait(want, quiet_ends(now, zone, quiet), "quiet")
        if want.purpose in ANY_HOUR and now < (own := at_hour(local_day(now, zone), carer.follow_up_hour, zone)):
            return _wait(want, own, "family_hour")
    if known.chat is not None and (known.chat.state != "bot" or known.chat.service_state in WITH_A_PERSON):
        return _wait(want, now + LOOK_AGAIN, "human")
    if want.busy:
        return _wait(want, now + LOOK_AGAIN, "busy")
    # When the family was disturbed, not when that was decided: what was held up for a minute still counts a week later.
    made = sorted(attempt.reached for attempt in known.attempts if attempt.made)
    fits = allowance(made, want.purpose, rules.budget, now=now, zone=zone)
    if not fits.allowed:
        return _wait(want, fits.until, "over_budget")
    day = local_day(now, zone)
    today = at_hour(day, 0, zone)
    tried = {attempt.route for attempt in mine if attempt.at >= today}
    for route in rules.routes:
        if (
            (want.only is None or route in want.only)
            and route not in tried
            and (open_one := _open(route, want, known, channels, now=now, today=today)) is not None
        ):
            first = route == "kf" and all(attempt.route != "kf" for attempt in mine)
            return replace(open_one, route=route, chat=known.chat, key=want.key if first else f"{want.key}:{route}:{day:%Y%m%d}")
    return Decision("no", "refused" if tried else why_closed(known.chat, now))


def _open(route: RouteName, want: Want, known: Known, channels: Channels, *, now: datetime, today: datetime) -> Decision | None:
    """A decision to send by `route`, if that is lawful now."""
    if route == "kf":
        if known.chat is None or left(known.chat, want.purpose, now) <= known.queued:
            return None
        return Decision("send", "due")
    # By all other routes the family only hears that something waits in the chat: they cannot carry an answer, or an alert.
    if route in PUSHES:
        if route not in channels.templates or not known.link:
            return None
        template = channels.templates[route]
        address = next((each for each in known.addresses if each.channel == route and each.opens(template, now)), None)
        return None if address is None else Decision("send", "due", address=address)
    if known.friend is None or not known.carer.external_userid:
        return None
    if route == "group_send":
        # One mass message a customer and day: an administrator may have set that, and a month has as many as it has days.
        used = any(attempt.route == route and attempt.made and attempt.at >= today for attempt in known.attempts)
        if used or not channels.group_send or not known.link:
            return None
    return Decision("send", "due", member=known.friend)


def _wait(want: Want, until: datetime | None, reason: str) -> Decision:
    """Ask again at `until`, at the latest when its usefulness ends; never, where neither is known."""
    ends = [moment for moment in (until, want.useful_until) if moment is not None]
    return Decision("wait", reason, until=min(ends)) if ends else Decision("no", reason)


def attempt_of(decision: Decision, want: Want, now: datetime) -> Attempt:
    """The attempt that a decision to send is, for the next want of the same family."""
    return Attempt(decision.route or "kf", want.key, now, made=True)
