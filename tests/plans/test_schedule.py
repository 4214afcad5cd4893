"""Days of every kind of phase, worked out by hand; and what no schedule may do."""

from datetime import date, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from plans.schedule import days, next_day, schedule
from plans.template import Phase, PlanTemplate, Step
from tests.plans.conftest import ZONE

DAY = date(2026, 3, 2)  # a Monday


def step(*phases: dict[str, Any], **fields: Any) -> Step:
    schedule = [{"src": "R", **phase} for phase in phases]
    return Step.model_validate(
        {"id": "a", "kind": "message", "title": "t", "anchor": "surgery", "schedule": schedule, "text": "好"} | fields
    )


def on(*phases: dict[str, Any], anchors: dict[str, Any] | None = None, end: date | None = None) -> list[int]:
    """The days of the phases as numbers from the anchor."""
    return [(day - DAY).days for day in days(step(*phases), anchors or {"surgery": DAY}, end=end)]


@pytest.mark.parametrize(
    "phase, expected",
    [
        ({"days": [1, 2, 3, 5, 7]}, [1, 2, 3, 5, 7]),
        ({"days": [-7, -3, -1]}, [-7, -3, -1]),
        ({"first": 1, "last": 4}, [1, 2, 3, 4]),
        ({"first": 0, "last": 8, "weekdays": ["mon", "thu"]}, [0, 3, 7]),
        ({"months": [1, 2]}, [31, 61]),
        ({"months": [1], "shift": [-14, -3, 0, 7]}, [17, 28, 31, 38]),
        ({"after": 14, "every": [3, 4], "until": {"anchor": "surgery", "day": 25, "src": "R"}}, [17, 21, 24]),
        ({"after": 0, "every": [7], "until": {"anchor": "surgery", "months": 1, "src": "R"}}, [7, 14, 21, 28]),
        (
            {"cycle": {"length": 21, "first": 1, "last": 3}, "until": {"anchor": "surgery", "day": 43, "src": "R"}},
            [0, 1, 2, 21, 22, 23, 42, 43],
        ),
        ({"after": 2, "weekdays": ["mon"], "until": {"anchor": "surgery", "day": 21, "src": "R"}}, [7, 14, 21]),
    ],
)
def test_days_of_a_phase(phase: dict[str, Any], expected: list[int]) -> None:
    assert on(phase) == expected


def test_what_goes_on_as_long_as_the_plan_is_cut_where_the_caller_says() -> None:
    assert on({"after": 0, "every": [7]}, end=DAY + timedelta(days=30)) == [7, 14, 21, 28]
    assert on({"cycle": {"length": 28, "first": 1, "last": 1}}, end=DAY + timedelta(days=60)) == [0, 28, 56]


def test_a_date_that_comes_again_brings_its_days_again() -> None:
    assert on({"days": [7, 10]}, anchors={"surgery": [DAY + timedelta(days=21), DAY]}) == [7, 10, 28, 31]


def test_a_date_that_is_not_known_yet_brings_none() -> None:
    assert on({"days": [7]}, anchors={"birth": DAY}) == []


@pytest.mark.parametrize(
    "phase",
    [
        {},
        {"days": [1], "months": [1]},
        {"first": 3, "last": 1},
        {"first": 3},
        {"every": [7]},
        {"after": 3, "every": [0]},
        {"days": [1], "until": {"anchor": "surgery", "src": "R"}},
        {"cycle": {"length": 21, "first": 5, "last": 3}},
        {"days": [10**9]},
        {"weekdays": ["mon"]},
    ],
)
def test_a_phase_is_of_one_kind(phase: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        Phase.model_validate({"src": "R", **phase})


def template(**fields: Any) -> PlanTemplate:
    known = {"id": "p", "version": 1, "title": "术后随访", "department": "外科", "needs_clinician_review": True, "anchors": ["surgery"]}
    return PlanTemplate.model_validate(known | {"steps": [step({"first": 1, "last": 30}, **fields).model_dump()]})


def test_each_hour_is_a_follow_up_of_its_own() -> None:
    dues = schedule(template(hours=[8, 20]), {"surgery": DAY}, hour=9, zone=ZONE, end=DAY + timedelta(days=2))
    assert [(due.day.day, due.slot, due.due_at.astimezone(ZONE).hour) for due in dues] == [(3, 0, 8), (3, 1, 20), (4, 0, 8), (4, 1, 20)]


@pytest.mark.parametrize("useful, hours", [("end_of_day", 15), ({"hours": 6}, 6), ({"days": 2}, 63)])
def test_until_when_an_answer_helps(useful: Any, hours: int) -> None:
    due = schedule(template(useful_until=useful), {"surgery": DAY}, hour=9, zone=ZONE)[0]
    assert due.useful_until - due.due_at == timedelta(hours=hours)


@given(st.integers(0, 40), st.integers(1, 40))
def test_windows_laid_end_to_end_are_the_whole(first: int, length: int) -> None:
    whole = schedule(template(), {"surgery": DAY}, hour=9, zone=ZONE)
    start, cut, end = DAY, DAY + timedelta(days=first), DAY + timedelta(days=first + length)
    before = schedule(template(), {"surgery": DAY}, hour=9, zone=ZONE, start=start, end=cut, taken_up=False)
    after = schedule(template(), {"surgery": DAY}, hour=9, zone=ZONE, start=cut + timedelta(days=1), end=end, taken_up=False)
    assert before + after == [due for due in whole if due.day <= end]


PHASES: list[dict[str, Any]] = [
    {"days": [-3, 5, 1, 40]},
    {"months": [3, 1], "shift": [-3, 4]},
    {"first": -2, "last": 60},
    {"first": 0, "last": 90, "weekdays": ["sat"]},
    {"after": 14, "every": [3, 4]},
    {"after": 0, "every": [91]},
    {"after": 3, "every": [2, 9, 1], "until": {"anchor": "surgery", "day": 70, "src": "R"}},
    {"cycle": {"length": 21, "first": 5, "last": 8}},
    {"after": 10, "weekdays": ["mon", "fri"]},
]


@given(st.sampled_from(PHASES), st.integers(-10, 400), st.integers(0, 120))
def test_looking_from_a_later_day_on_leaves_nothing_out(phase: dict[str, Any], start: int, length: int) -> None:
    first, last = DAY + timedelta(days=start), DAY + timedelta(days=start + length)
    of_step, anchors = step(phase), {"surgery": DAY}
    whole = days(of_step, anchors, end=last)
    assert days(of_step, anchors, start=first, end=last) == [day for day in whole if day >= first]
    plan = PlanTemplate.model_validate(template().model_dump() | {"steps": [of_step.model_dump()]})
    later = [day for day in days(of_step, anchors, end=first + timedelta(days=800)) if day >= first]
    assert next_day(plan, anchors, first) == (later[0] if later else None)


def test_what_goes_on_for_ever_has_a_next_day_after_many_years() -> None:
    plan = PlanTemplate.model_validate(template().model_dump() | {"steps": [step({"after": 0, "every": [365]}).model_dump()]})
    assert next_day(plan, {"surgery": DAY}, DAY + timedelta(days=3651)) == DAY + timedelta(days=4015)
    assert next_day(plan, {}, DAY) is None
