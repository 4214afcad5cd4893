from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from integrations.wecom import app_message
from integrations.wecom.client import WecomClient
from integrations.wecom.limits import Limiter, TokenBucket
from tests.integrations.wecom.fake import OK, Clock, FakeWecom

NOW = datetime(2026, 3, 1, tzinfo=UTC)


@given(st.lists(st.floats(0, 30), min_size=1, max_size=120), st.integers(2, 40))
def test_no_minute_ever_holds_more_than_the_limit(gaps: list[float], per_minute: int) -> None:
    limiter, now, sent = Limiter(per_minute, per_minute * 1000, burst=0.5), NOW, []
    for gap in gaps:
        now += timedelta(seconds=gap)
        sent.append(now + timedelta(seconds=limiter.delay("kf/send_msg", now)))
    for start in sent:
        assert sum(start <= each < start + timedelta(seconds=59.99) for each in sent) <= per_minute + 1


def test_apis_do_not_wait_for_each_other() -> None:
    limiter = Limiter(per_minute=10, per_hour=600)
    assert limiter.delay("a", NOW) == 0.0
    assert limiter.delay("a", NOW) > 0
    assert limiter.delay("b", NOW) == 0.0


def test_a_clock_that_steps_back_gives_nothing_away() -> None:
    bucket = TokenBucket(per_second=1, burst=1)
    assert bucket.take(NOW) == 0.0
    assert bucket.take(NOW - timedelta(seconds=50)) == 1.0
    assert bucket.take(NOW) == 2.0


def test_a_clock_that_was_wrong_and_is_set_right_holds_nobody_up() -> None:
    bucket = TokenBucket(per_second=1, burst=1)
    assert bucket.take(NOW + timedelta(hours=1)) == 0.0
    assert bucket.take(NOW) == 1.0
    assert bucket.take(NOW + timedelta(seconds=3)) == 0.0


async def test_a_nurse_gets_every_alert_of_a_bad_minute(client: WecomClient, wecom: FakeWecom, clock: Clock) -> None:
    wecom.answer("message/send", OK)
    for number in range(40):
        await app_message.send(client, 1, app_message.text(f"alert {number}"), touser=["lin"])
    # WeCom drops the 31st message of a minute without a word.
    assert clock.moment >= NOW + timedelta(seconds=60)
    moment = clock.moment
    await app_message.send(client, 1, app_message.text("for another"), touser=["qin"])
    assert clock.moment == moment
