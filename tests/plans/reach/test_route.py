"""Which route a family is reached by, as a table; and what always holds, whatever the family, the moment and the history."""

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from plans.guard import is_quiet
from plans.reach.policy import Policy, Rules, read_policy, shipped
from plans.reach.purpose import ORDER, PROACTIVE
from plans.reach.route import Channels, Decision, Known, Want, attempt_of, decide
from plans.reach.window import left
from plans.wording import words
from records.contact import Attempt
from records.schema import Carer, Chat, PushAddress
from tests.plans.conftest import ZONE, local

D = date(2026, 3, 10)
NOON = local(D, 12)
POLICY: Policy = read_policy(shipped())
RULES: Rules = POLICY.hospital
ALL = Channels({"mini_program": "T1", "official_account": None, "sms": None})


def a_carer(**fields: Any) -> Carer:
    return Carer(**{"id": 1, "external_userid": "wm1", "follow_up_hour": 9, "stopped_at": None, "paused_until": None, **fields})


def a_chat(**fields: Any) -> Chat:
    return Chat(**{"id": 1, "state": "bot", "service_state": 1, "window_from": NOON - timedelta(hours=3), "window_used": 0, **fields})


def address(channel: str, **fields: Any) -> PushAddress:
    consent = {"mini_program": "long_term", "official_account": "follower", "sms": "phone"}[channel]
    template = "T1" if channel == "mini_program" else ""
    return PushAddress(**{"channel": channel, "address": "a", "template": template, "consent": consent, "since": local(D, 0), **fields})


CLOSED = a_chat(window_from=None)
EVERYWHERE = tuple(address(each) for each in ("mini_program", "official_account", "sms"))


def a_family(**fields: Any) -> Known:
    return Known(**{"carer": a_carer(), "chat": a_chat(), "addresses": EVERYWHERE, "friend": "linyue", "link": True, **fields})


def a_want(**fields: Any) -> Want:
    return Want(**{"key": "task:1:opening", "carer_id": 1, "purpose": "task", "useful_until": local(D + timedelta(days=1), 0), **fields})


def decided(known: Known, want: Want | None = None, *, now: datetime = NOON, rules: Rules = RULES, channels: Channels = ALL) -> Decision:
    return decide(want or a_want(), known, rules, channels, now=now, zone=ZONE)


def tried(*routes: str, made: bool = False, at: datetime = NOON - timedelta(hours=1), about: str = "task:1:opening") -> list[Attempt]:
    return [Attempt(route, about, at, made=made) for route in routes]


@pytest.mark.parametrize(
    "known, route",
    [
        (a_family(), "kf"),
        (a_family(chat=CLOSED), "mini_program"),
        (a_family(chat=None), "mini_program"),
        (a_family(chat=CLOSED, addresses=EVERYWHERE[1:]), "official_account"),
        (a_family(chat=CLOSED, addresses=[address("mini_program", template="other")]), "group_send"),
        (a_family(chat=CLOSED, addresses=[address("mini_program", consent="one_time", remaining=0)]), "group_send"),
        (a_family(chat=CLOSED, addresses=[address("mini_program", consent="one_time", remaining=1)]), "mini_program"),
        (a_family(chat=CLOSED, addresses=[], attempts=tried("group_send", made=True, about="mass:7")), "hand"),
        (a_family(chat=CLOSED, addresses=EVERYWHERE[2:], friend=None), "sms"),
        (a_family(chat=CLOSED, attempts=tried("mini_program")), "official_account"),
        (a_family(chat=CLOSED, attempts=tried("mini_program", at=NOON - timedelta(days=1))), "mini_program"),
        (a_family(attempts=tried("kf")), "mini_program"),
        (a_family(chat=a_chat(window_used=3)), "kf"),
        (a_family(chat=a_chat(window_used=4)), "mini_program"),
        (a_family(chat=a_chat(window_used=2), queued=2), "mini_program"),
        (a_family(chat=CLOSED, link=False), "hand"),
    ],
)
def test_the_first_lawful_route_in_the_order_of_the_rules(known: Known, route: str) -> None:
    decision = decided(known)
    assert (decision.kind, decision.route) == ("send", route)
    assert decision.key == ("task:1:opening" if route == "kf" else f"task:1:opening:{route}:20260310")


def test_a_want_may_be_for_one_route_alone() -> None:
    assert decided(a_family(chat=CLOSED), a_want(only=("kf",))).reason == "window_closed"
    assert decided(a_family(), a_want(only=("sms",))).route == "sms"


def test_a_second_try_by_the_chat_has_a_key_of_its_own() -> None:
    assert decided(a_family(attempts=tried("kf", at=NOON - timedelta(days=1)))).key == "task:1:opening:kf:20260310"


@pytest.mark.parametrize(
    "known, want, kind, reason, until",
    [
        (a_family(carer=a_carer(stopped_at=NOON)), {}, "wait", "stopped", local(D + timedelta(days=1), 0)),
        (a_family(carer=a_carer(stopped_at=NOON)), {"useful_until": None, "purpose": "mass"}, "no", "stopped", None),
        (a_family(carer=a_carer(paused_until=NOON + timedelta(hours=2))), {}, "wait", "paused", NOON + timedelta(hours=2)),
        (a_family(chat=a_chat(service_state=3)), {}, "wait", "human", NOON + timedelta(minutes=15)),
        (a_family(), {"busy": True}, "wait", "busy", NOON + timedelta(minutes=15)),
        (a_family(), {"useful_until": NOON}, "expired", "expired", None),
        (a_family(attempts=tried("kf", made=True)), {}, "repeat", "due", None),
        (a_family(chat=CLOSED, addresses=[], friend=None), {}, "no", "window_closed", None),
        (a_family(chat=None, addresses=[], friend=None), {}, "no", "no_chat", None),
        (a_family(chat=a_chat(window_used=4), addresses=[], friend=None), {}, "no", "over_quota", None),
        (a_family(chat=a_chat(service_state=4), addresses=[], friend=None), {}, "no", "chat_ended", None),
        (a_family(chat=CLOSED, addresses=[], friend=None, attempts=tried("sms")), {}, "no", "refused", None),
        (a_family(carer=a_carer(follow_up_hour=19)), {"purpose": "content"}, "wait", "family_hour", local(D, 19)),
        (a_family(carer=a_carer(follow_up_hour=19)), {}, "send", "due", None),
        (a_family(attempts=tried("kf", made=True, about="x") * 4), {}, "wait", "over_budget", local(D + timedelta(days=1), 0)),
        (a_family(attempts=tried("kf", made=True, about="x") * 4), {"purpose": "reply"}, "send", "due", None),
        (a_family(attempts=tried("kf", about="x") * 9), {}, "send", "due", None),
        (a_family(attempts=tried("kf", made=True, about="x") * 2), {"purpose": "survey", "useful_until": None}, "wait", "over_budget",
         local(D + timedelta(days=1), 0)),
    ],
)  # fmt: skip
def test_what_holds_a_message_back(known: Known, want: dict[str, Any], kind: str, reason: str, until: datetime | None) -> None:
    decision = decided(known, a_want(**want))
    assert (decision.kind, decision.reason, decision.until) == (kind, reason, until)
    assert reason == "due" or reason in words("undeliverable")


def test_at_night_nothing_begins_and_everything_that_answers_goes_out() -> None:
    for hour in (21, 23, 0, 7):
        now = local(D, hour) if hour > 12 else local(D + timedelta(days=1), hour)
        family = a_family(chat=a_chat(window_from=now - timedelta(hours=1)))
        until = now + timedelta(days=2)
        assert {decided(family, a_want(purpose=each, useful_until=until), now=now).reason for each in PROACTIVE} == {"quiet"}
        assert decided(family, a_want(purpose="alert", useful_until=until), now=now).kind == "send"


def test_a_department_has_its_own_hours_budget_and_order() -> None:
    text = shipped().replace(
        "departments: {}",
        "departments:\n  血液肿瘤随访组:\n    quiet: {start: '22:00', end: '07:00'}\n    budget: {per_day: 6}\n    routes: [sms, kf]\n",
    )
    rules = read_policy(text).of("血液肿瘤随访组")
    assert (rules.budget.per_day, rules.budget.per_week, rules.routes) == (6, 20, ("sms", "kf"))
    late = local(D, 21, 30)
    family = a_family(chat=a_chat(window_from=late - timedelta(hours=1)))
    assert decided(family, now=late, rules=rules).route == "sms"
    assert decided(family, now=late, rules=read_policy(text).of("新生儿随访组")).reason == "quiet"


def test_what_was_held_up_counts_from_when_it_reached_the_family() -> None:
    a_week_ago = NOON - timedelta(days=7)
    lately = [Attempt("kf", f"task:{100 + number}:opening", NOON - timedelta(days=6 - number // 4), made=True) for number in range(19)]
    assert len(lately) == RULES.budget.per_week - 1
    in_time = Attempt("kf", "task:99:opening", a_week_ago, made=True, sent_at=a_week_ago)
    held_up = Attempt("kf", "task:99:opening", a_week_ago, made=True, sent_at=a_week_ago + timedelta(minutes=1))
    assert decided(a_family(attempts=[in_time, *lately])).kind == "send"
    found = decided(a_family(attempts=[held_up, *lately]))
    assert (found.kind, found.reason, found.until) == ("wait", "over_budget", NOON + timedelta(minutes=1))


# Random families over two weeks: each want is decided, and what is sent is written into their history.

MOMENTS = st.integers(0, 14 * 24 * 12).map(lambda n: local(D) + timedelta(minutes=5 * n))
WANTS = st.tuples(MOMENTS, st.sampled_from(ORDER), st.integers(0, 9))
WRITES = MOMENTS


@st.composite
def lives(draw: st.DrawFn) -> tuple[Carer, list[tuple[datetime, str, int]], list[datetime], datetime | None, frozenset[str]]:
    carer = a_carer(
        follow_up_hour=draw(st.integers(8, 20)),
        paused_until=draw(st.none() | MOMENTS),
    )
    stopped = draw(st.none() | MOMENTS)
    wants = sorted(draw(st.lists(WANTS, max_size=80)))
    return (
        carer,
        wants,
        sorted(draw(st.lists(WRITES, max_size=12))),
        stopped,
        frozenset(draw(st.sets(st.sampled_from(sorted(ALL.templates))))),
    )


@given(lives())
def test_no_family_is_ever_reached_against_the_rules(life: Any) -> None:
    carer, wants, writes, stopped, channels = life
    chat = a_chat(window_from=None)
    known = a_family(carer=carer, chat=chat, addresses=[each for each in EVERYWHERE if each.channel in channels], friend=None)
    sent: list[tuple[datetime, str, str]] = []
    in_window = 0
    for now, purpose, number in wants:
        while writes and writes[0] <= now:
            chat.window_from, chat.window_used, in_window = writes.pop(0), 0, 0
        carer.stopped_at = stopped if stopped is not None and stopped <= now else None
        want = Want(f"{purpose}:{number}", 1, purpose, useful_until=now + timedelta(days=1))
        decision = decide(want, known, RULES, ALL, now=now, zone=ZONE)
        if decision.kind != "send":
            continue
        known = replace(known, attempts=[*known.attempts, attempt_of(decision, want, now)])
        sent.append((now, purpose, str(decision.route)))
        if decision.route == "kf":
            assert left(chat, "alert", now) >= 2
            chat.window_used += 1
            in_window += 1
        assert in_window <= 4
        assert not is_quiet(now, ZONE)
        assert carer.stopped_at is None and not (carer.paused_until and now < carer.paused_until)
    days = [at.astimezone(ZONE).date() for at, _, _ in sent]
    assert all(days.count(day) <= RULES.budget.per_day for day in days)
    assert all(sum(at - timedelta(days=7) < other <= at for other, _, _ in sent) <= RULES.budget.per_week for at, _, _ in sent)
    keys = [(now.astimezone(ZONE).date(), purpose) for now, purpose, _ in sent if purpose == "survey"]
    assert all(keys.count(each) <= RULES.budget.per_day - RULES.budget.yields["survey"].day for each in keys)
    assert all(at.tzinfo == UTC for at, _, _ in sent)
