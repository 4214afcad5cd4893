"""The platform's limit is kept to the call by all processes together, and what is urgent does not wait behind what is many."""

import asyncio
import random
import sys
import time
from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from bot.pace import MINUTE, SPARE, DatabasePace, bucket
from bot.private import free_port, listening
from integrations.wecom.simulator import SimClock, create_app, demo_config
from integrations.wecom.simulator.control_http import SIMULATOR
from integrations.wecom.simulator.session import note_customer_message
from integrations.wecom.simulator.simulator import Simulator
from integrations.wecom.simulator.state import Customer
from records.database import Database
from tests.bot.pace_sender import moment
from tests.bot.stage import ACCOUNT

NOW = datetime(2026, 3, 2, tzinfo=UTC)
LIMIT, SPEED, PROCESSES, LASTS = 240, 15.0, 2, 10


class Hand:
    """A clock that is moved by hand."""

    def __init__(self) -> None:
        self.now = NOW

    def __call__(self) -> datetime:
        return self.now


@given(st.integers(60, 20_000), st.sampled_from([0.9, 1.0]))
def test_a_bucket_keeps_its_limit_in_any_window(limit: int, share: float) -> None:
    kept = bucket("b", limit, MINUTE, share)
    in_a_window = (MINUTE + SPARE) / kept.step + kept.ahead / kept.step + 1
    assert in_a_window <= limit * share + 1e-6


async def test_replies_do_not_wait_behind_a_round_of_follow_ups(db: Database) -> None:
    clock = Hand()
    one, other = (DatabasePace(db, clock, per_minute=600) for _ in range(2))
    waits = [await pace.reserve("kf/send_msg", bulk=True) for _ in range(60) for pace in (one, other)]
    assert waits[0] == 0 and waits[-1] > 5 and waits == sorted(waits)
    clock.now += timedelta(seconds=waits[-1])
    assert await other.reserve("kf/send_msg", bulk=False) == 0
    assert await other.reserve("kf/sync_msg", bulk=False) == 0
    clock.now -= timedelta(days=1)
    assert await one.reserve("kf/send_msg", bulk=True) == 0


async def test_a_clock_that_is_set_back_holds_nobody_up(db: Database) -> None:
    clock = Hand()
    pace = DatabasePace(db, clock)
    assert [await pace.reserve("kf/send_msg", bulk=True) for _ in range(20)] == [0.0] * 20
    clock.now -= timedelta(minutes=5)
    assert await pace.reserve("kf/send_msg", bulk=True) == 0


def a_platform(since: float) -> tuple[object, Simulator]:
    clock = SimClock(source=lambda: moment(since, SPEED).timestamp())
    app = create_app(demo_config("http://127.0.0.1:9/none"), clock=clock, rng=random.Random(3))
    simulator = app[SIMULATOR]
    simulator.switches.api_per_minute = LIMIT
    for name in range(PROCESSES):
        for family in range(400):
            user = f"wm{name}{family}"
            simulator.world.customers[user] = Customer(user, "家长", f"o{user}")
            note_customer_message(simulator.chat(ACCOUNT, user), simulator.now)
    return app, simulator


async def test_two_processes_keep_the_limit_to_the_call_and_see_no_error(db: Database) -> None:
    since = time.time()
    app, simulator = a_platform(since)
    port = free_port()
    async with listening(app, port):  # type: ignore[arg-type]
        first, last = [f"http://127.0.0.1:{port}", db.url, ACCOUNT], [str(LIMIT), str(SPEED), str(since), str(LASTS)]
        pipes = {"stdin": asyncio.subprocess.PIPE, "stdout": asyncio.subprocess.PIPE}
        senders = [
            await asyncio.create_subprocess_exec(sys.executable, "-m", "tests.bot.pace_sender", *first, str(n), *last, **pipes)
            for n in range(PROCESSES)
        ]
        for sender in senders:
            assert sender.stdout is not None and await sender.stdout.readline() == b"ready\n"
        for sender in senders:
            assert sender.stdin is not None
            sender.stdin.write(b"go\n")
        assert [await sender.wait() for sender in senders] == [0] * PROCESSES
    sent = sorted(message.at for chat in simulator.world.chats.values() for message in chat.messages.values() if message.sender == "bot")
    assert simulator.world.rejected_calls == {}
    busiest = max(sum(at <= other < at + 60 for other in sent) for at in sent)
    assert LIMIT * 0.5 < busiest <= LIMIT
    minutes = (sent[-1] - sent[0]) / 60
    assert minutes > 1.5 and len(sent) > LIMIT * 0.7 * minutes
