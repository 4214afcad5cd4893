"""What is changed for one patient, on top of the template."""

from dataclasses import dataclass, field
from datetime import date, timedelta
from typing import Any

import pytest

from plans.change import OWN_SLOTS, adjusted, personal
from plans.schedule import schedule
from plans.template import PlanTemplate
from tests.plans.conftest import ZONE

DAY = date(2026, 3, 2)


def template() -> PlanTemplate:
    ask = {
        "id": "t",
        "kind": "number",
        "vitals": ["temperature"],
        "required": ["temperature"],
        "ask": "体温多少？",
        "rules": "neonatal_weight",
    }
    step: dict[str, Any] = {"anchor": "discharge", "schedule": [{"first": 1, "last": 6, "src": "R"}]}
    return PlanTemplate.model_validate(
        {
            "id": "p", "version": 1, "title": "随访", "department": "儿科", "needs_clinician_review": True, "anchors": ["discharge"],
            "steps": [
                {"id": "fever", "title": "体温", "questions": [ask], **step},
                {"id": "walk", "kind": "message", "title": "散步", "text": "走一走", "hours": [8, 18], **step},
            ],
        }
    )  # fmt: skip


@dataclass
class Change:
    kind: str
    step: str = "fever"
    day: date | None = None
    slot: int | None = None
    detail: dict[str, Any] = field(default_factory=dict)
    id: int = 1


def on(number: int) -> date:
    return DAY + timedelta(days=number)


def moments(*changes: Change, step: str = "fever", days: tuple[int, int] = (0, 10)) -> list[tuple[int, int]]:
    """Days after the discharge and hours of the follow-ups of a step."""
    own = personal(template(), changes)
    start, end = on(days[0]), on(days[1])
    dues = schedule(own, {"discharge": DAY}, hour=9, zone=ZONE, start=start, end=end, taken_up=False)
    found = adjusted(dues, own, changes, hour=9, zone=ZONE, start=start, end=end)
    return [((due.day - DAY).days, due.due_at.astimezone(ZONE).hour) for due in found if due.step == step]


@pytest.mark.parametrize(
    "change, expected",
    [
        (Change("skip", day=on(3), slot=0), [1, 2, 4, 5, 6]),
        (Change("skip", detail={"from": on(4).isoformat()}), [1, 2, 3]),
        (Change("add", detail={"day": on(9).isoformat()}), [1, 2, 3, 4, 5, 6, 9]),
        (Change("move", day=on(2), slot=0, detail={"day": on(8).isoformat(), "hour": 15}), [1, 3, 4, 5, 6, 8]),
        (Change("frequency", detail={"from": on(2).isoformat(), "until": on(8).isoformat(), "every": 3}), [1, 2, 5, 8]),
        (Change("skip", step="gone", day=on(1)), [1, 2, 3, 4, 5, 6]),
    ],
)
def test_days_after_a_change(change: Change, expected: list[int]) -> None:
    assert [day for day, _ in moments(change)] == expected


def test_hours_of_one_step_and_of_all_that_name_none() -> None:
    later = Change("hours", step="*", detail={"from": on(5).isoformat(), "hours": [19]})
    assert moments(later) == [(1, 9), (2, 9), (3, 9), (4, 9), (5, 19), (6, 19)]
    assert moments(later, step="walk")[-2:] == [(6, 8), (6, 18)]
    assert moments(Change("hours", step="walk", detail={"from": on(6).isoformat(), "hours": [12]}), step="walk")[-2:] == [(5, 18), (6, 12)]


def test_one_of_two_hours_is_skipped() -> None:
    assert (2, 8) not in moments(Change("skip", step="walk", day=on(2), slot=0), step="walk")
    assert (2, 18) in moments(Change("skip", step="walk", day=on(2), slot=0), step="walk")


def test_what_was_moved_can_be_moved_again_and_skipped() -> None:
    first = Change("move", day=on(2), slot=0, detail={"day": on(8).isoformat(), "hour": 15}, id=1)
    again = Change("move", day=on(8), slot=OWN_SLOTS + 1, detail={"day": on(9).isoformat(), "hour": 16}, id=2)
    assert moments(first, again)[-1] == (9, 16)
    # The day between lies in no window that is planned: the last word counts all the same.
    assert moments(first, again, days=(9, 9)) == [(9, 16)]
    assert moments(first, again, days=(8, 8)) == []
    gone = Change("skip", day=on(9), slot=OWN_SLOTS + 2, id=3)
    assert moments(first, again, gone)[-1] == (6, 9)


@pytest.mark.parametrize("cut", range(0, 9))
def test_windows_laid_end_to_end_are_the_whole(cut: int) -> None:
    changes = (
        Change("frequency", detail={"from": on(2).isoformat(), "until": on(9).isoformat(), "every": 2}, id=1),
        Change("move", day=on(4), slot=0, detail={"day": on(7).isoformat(), "hour": 10}, id=2),
        Change("hours", detail={"from": on(6).isoformat(), "hours": [20]}, id=3),
    )
    assert moments(*changes, days=(0, cut)) + moments(*changes, days=(cut + 1, 10)) == moments(*changes)


def test_a_step_of_its_own_and_other_words() -> None:
    body = {"kind": "message", "title": "拆线", "anchor": "discharge", "schedule": [{"days": [0], "src": "R"}], "text": "明天拆线"}
    added = Change("add", step="own_1", detail={"day": on(5).isoformat(), "hour": 10, "body": body})
    worded = Change("text", detail={"question": "t", "ask": "今天量体温了吗？"}, id=2)
    own = personal(template(), [added, worded])
    assert own.step("own_1").title == "拆线"
    assert own.step("fever").questions[0].ask == "今天量体温了吗？"
    assert own.step("fever").questions[0].required == template().step("fever").questions[0].required
    assert moments(added, step="own_1") == [(5, 10)]
