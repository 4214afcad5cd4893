"""Many days of follow-ups on all plans, with silence, faults and kill -9: no step lost or doubled, and every promise to families kept."""

import os
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from tests.durability.hospital import ZONE
from tests.durability.year import live
from tests.durability.year_books import Books, figures, findings

pytestmark = pytest.mark.durability

# The short form; CARELOOP_LONG=1 is the long one, which `python -m tests.durability.year` runs too.
SHORT = {"days": 5, "patients": 21, "kills": 2, "seed": 1}
LONG = {"days": 365, "patients": 200, "kills": 50, "seed": 1}


async def test_no_step_is_lost_or_doubled_and_no_promise_broken(folder: Path) -> None:
    asked = LONG if os.environ.get("CARELOOP_LONG") else SHORT
    run, books = await live(folder, **asked)
    counted, wrong = figures(books), list(findings(books))
    print(run, counted)
    assert not wrong, f"{run}\n{counted}\n{len(wrong)} findings:\n" + "\n".join(wrong[:20])
    assert run.kills == asked["kills"] and run.faults > asked["days"]
    # It has lost its point when nothing goes out, nobody answers, and nothing changes.
    assert counted["openings"] > asked["patients"] and counted["reminders"] and counted["ended_as"]["done"] > asked["patients"] / 2
    assert {"enrolled", "next_visit"} <= counted["clinic"].keys()
    for words, tampered in _tampered(books):
        assert any(each.startswith(words) for each in findings(tampered)), f"the books do not see: {words}"


def _tampered(books: Books) -> Iterator[tuple[str, Books]]:
    """Books in which one thing is wrong, and how the finding of it begins."""
    done = next(task for task in books.tasks if task.state == "done" and task.care_plan_id not in books.changed)
    opening = next(each for each in books.said if each.purpose == "task")
    night = opening.at.astimezone(ZONE).replace(hour=22)
    yield "STEP LOST", replace(books, tasks=[task for task in books.tasks if task is not done])
    yield "STEP DOUBLED", replace(books, tasks=[*books.tasks, done])
    yield "SAID 2 TIMES", replace(books, said=[*books.said, opening])
    yield "IN QUIET HOURS", replace(books, said=[*books.said, replace(opening, at=night)])
    yield "SAID OF WHAT HAS ENDED", replace(books, said=[*books.said, replace(opening, at=opening.at + timedelta(days=90))])
    more = [replace(opening, key=f"push:{number}", purpose="push", tasks=()) for number in range(5)]
    yield "OVER THE DAY'S BUDGET", replace(books, said=[*books.said, *more])
    yield "REFUSED FOR A LIMIT", replace(books, rejected={"kf/send_msg 95001": 10_000})
    yield "HANGS", replace(books, hung_jobs=1)
