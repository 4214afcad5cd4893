"""The guard as a table: one row a situation, the decision beside it."""

from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from plans.guard import decide, is_quiet, quiet_ends
from records.schema import Carer, Chat, Task
from tests.plans.conftest import ZONE, local

DAY = date(2026, 3, 10)
NEXT = DAY + timedelta(days=1)


def a_task(**fields: object) -> Task:
    return Task(**{"id": 1, "due_at": local(DAY, 9), "useful_until": local(NEXT, 0), "state": "scheduled", **fields})


def a_chat(**fields: object) -> Chat:
    return Chat(**{"id": 1, "state": "bot", "service_state": 1, "window_from": local(DAY, 7), "window_used": 0, **fields})


def a_carer(**fields: object) -> Carer:
    return Carer(**{"id": 1, "stopped_at": None, **fields})


@pytest.mark.parametrize(
    "now, chat, carer, busy, kind, until, reason",
    [
        (local(DAY, 9), a_chat(), a_carer(), False, "send", None, "due"),
        (local(DAY, 20, 59), a_chat(), a_carer(), False, "send", None, "due"),
        (local(DAY, 21), a_chat(), a_carer(), False, "wait", local(NEXT, 0), "quiet"),
        (local(DAY, 7, 59), a_chat(), a_carer(), False, "wait", local(DAY, 8), "quiet"),
        (local(DAY, 8), a_chat(), a_carer(), False, "send", None, "due"),
        (local(NEXT, 0), a_chat(), a_carer(), False, "expired", None, "expired"),
        (local(DAY, 9), None, a_carer(), False, "undeliverable", None, "no_chat"),
        (local(DAY, 9), a_chat(), None, False, "undeliverable", None, "no_carer"),
        (local(DAY, 9), a_chat(window_from=None), a_carer(), False, "undeliverable", None, "window_closed"),
        (local(DAY, 9), a_chat(window_from=local(DAY, 9) - timedelta(hours=48)), a_carer(), False, "undeliverable", None, "window_closed"),
        (local(DAY, 9), a_chat(window_from=local(DAY, 9) - timedelta(hours=47, minutes=59)), a_carer(), False, "send", None, "due"),
        (local(DAY, 9), a_chat(window_used=5), a_carer(), False, "undeliverable", None, "over_quota"),
        (local(DAY, 9), a_chat(service_state=4), a_carer(), False, "undeliverable", None, "chat_ended"),
        (local(DAY, 9), a_chat(service_state=3), a_carer(), False, "wait", local(DAY, 9, 15), "human"),
        (local(DAY, 9), a_chat(state="human"), a_carer(), False, "wait", local(DAY, 9, 15), "human"),
        (local(DAY, 20, 55), a_chat(state="human"), a_carer(), False, "wait", local(DAY, 21, 10), "human"),
        (local(NEXT, 0), a_chat(state="human"), a_carer(), False, "expired", None, "human"),
        (local(DAY, 9), a_chat(), a_carer(), True, "wait", local(DAY, 9, 15), "busy"),
        (local(DAY, 9), a_chat(), a_carer(stopped_at=local(DAY, 8)), False, "wait", local(NEXT, 0), "stopped"),
        (local(NEXT, 0), a_chat(), a_carer(stopped_at=local(DAY, 8)), False, "expired", None, "stopped"),
    ],
)
def test_the_guard(
    now: datetime, chat: Chat | None, carer: Carer | None, busy: bool, kind: str, until: datetime | None, reason: str
) -> None:
    decision = decide(a_task(), chat, carer, now=now, zone=ZONE, busy=busy)
    assert (decision.kind, decision.until, decision.reason) == (kind, until, reason)


def test_a_follow_up_that_is_useful_overnight_waits_for_the_morning() -> None:
    task = a_task(useful_until=local(NEXT, 12))
    for now in (local(DAY, 21), local(DAY, 23, 59), local(NEXT, 0), local(NEXT, 7, 59)):
        decision = decide(task, a_chat(), a_carer(), now=now, zone=ZONE)
        assert (decision.kind, decision.until) == ("wait", local(NEXT, 8))


@given(
    minutes=st.integers(0, 10 * 365 * 24 * 60),
    zone=st.sampled_from([ZONE, ZoneInfo("Europe/Berlin"), ZoneInfo("America/New_York")]),
)
def test_quiet_hours_end_at_eight_within_half_a_day(minutes: int, zone: ZoneInfo) -> None:
    now = datetime(2020, 1, 1, tzinfo=UTC) + timedelta(minutes=minutes)
    if not is_quiet(now, zone):
        assert 8 <= now.astimezone(zone).hour < 21
        return
    end = quiet_ends(now, zone)
    assert timedelta(0) < end - now <= timedelta(hours=12)
    assert end.astimezone(zone).hour == 8
    assert not is_quiet(end, zone)
