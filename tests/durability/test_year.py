"""Many days of follow-ups on all plans, with silence, faults and kill -9: no step lost or doubled, and every promise to families kept."""

import os
from pathlib import Path

import pytest

from tests.durability.year import live

pytestmark = pytest.mark.durability

# The short form; CARELOOP_YEAR=1 is the long one, which `python -m tests.durability.year` runs too.
SHORT = {"days": 30, "patients": 25, "kills": 6, "seed": 1}
LONG = {"days": 365, "patients": 200, "kills": 50, "seed": 1}


async def test_no_step_is_lost_or_doubled_and_no_promise_broken(folder: Path) -> None:
    asked = LONG if os.environ.get("CARELOOP_YEAR") else SHORT
    run, counted, wrong = await live(folder, **asked)
    print(run, counted)
    assert not wrong, f"{run}\n{counted}\n{len(wrong)} findings:\n" + "\n".join(wrong[:20])
    assert run.kills == asked["kills"] and run.faults > asked["days"]
    # It has lost its point when nothing goes out, nobody answers, and nothing changes.
    assert counted["openings"] > asked["patients"] and counted["reminders"] and counted["ended_as"]["done"] > asked["patients"] / 2
    assert {"enrolled", "next_visit"} <= counted["clinic"].keys()
