"""Completion, response and contacts of small histories, worked out by hand."""

from datetime import date

import pytest

from plans.measures.disposition import DUE
from plans.measures.period import Period
from records.contact import Contact
from tests.plans.measures.conftest import BLOOD, ZONE, Hospital, local


@pytest.fixture
async def march(hospital: Hospital) -> Hospital:
    """Two babies. Of ten follow-ups one was withdrawn and one lies in April; eight were due."""
    one, two = await hospital.patient(), await hospital.patient(BLOOD, plan="haematology")
    await hospital.task(one, 2, "done", answered_after=1)
    await hospital.task(one, 3, "done", answered_after=3)
    await hospital.task(one, 4, "partial", outcome="unanswered", answered_after=5)
    await hospital.task(one, 5, "missed", outcome="no_answer")
    await hospital.task(two, 2, "missed", outcome="not_yet", answered_after=2, hour=19)
    await hospital.task(two, 3, "declined", answered_after=4, hour=19)
    await hospital.task(two, 4, "undeliverable", outcome="window_closed")
    await hospital.task(two, 5, "done", answered_after=2, hour=19, step="medicine")
    await hospital.task(two, 6, "withdrawn", outcome="died")
    await hospital.task(two, 1, "done", answered_after=1, month=4)
    return hospital


async def test_completion_counts_done_of_what_was_due_and_not_cancelled(march: Hospital) -> None:
    assert await march.of("completion") == (3, 8)


async def test_response_counts_every_answer_of_what_came_through(march: Hospital) -> None:
    # done ×3, partial, "later", declined: six of the seven that were delivered.
    assert await march.of("response") == (6, 7)
    times = await march.total("response_time")
    # 1, 2, 2, 3, 4, 5 hours.
    assert (times.numerator, times.denominator, times.value) == (6, 7, 2.5)
    assert times.more["p90"] == pytest.approx(4.5)


async def test_dispositions_add_up_to_all_that_was_due(march: Hospital) -> None:
    found = (await march.report(*(f"disposition_{each}" for each in DUE))).results
    assert {each.measure.removeprefix("disposition_"): each.numerator for each in found} == {
        "never_reached": 1, "delivered": 0, "started": 0, "partial": 1, "broke_off": 1, "done": 3, "declined": 1, "expired": 1,
    }  # fmt: skip
    assert {each.denominator for each in found} == {8}


async def test_a_report_is_divided_by_team_plan_step_hour_and_weekday(march: Hospital) -> None:
    async def rates(*by: str) -> dict[tuple[str, ...], tuple[float, float]]:
        report = await march.report("completion", by=by)
        return {tuple(each.group.values()): (each.numerator, each.denominator) for each in report.results}

    assert await rates("team") == {(): (3, 8), ("新生儿科随访组",): (2, 4), ("血液科随访组",): (1, 4)}
    assert await rates("plan") == {(): (3, 8), ("neonatal",): (2, 4), ("haematology",): (1, 4)}
    assert await rates("step") == {(): (3, 8), ("weight",): (2, 7), ("medicine",): (1, 1)}
    assert await rates("hour") == {(): (3, 8), ("09",): (2, 5), ("19",): (1, 3)}
    # 2026-03-02 is a Monday.
    assert await rates("weekday") == {(): (3, 8), ("1",): (1, 2), ("2",): (1, 2), ("3",): (0, 2), ("4",): (1, 2)}
    assert (await rates("team", "weekday"))["血液科随访组", "4"] == (1, 1)
    assert await rates("wording") == {(): (3, 8), ("plain",): (3, 8)}
    assert await rates("month") == {(): (3, 8), ("2026-03",): (3, 8)}


async def test_what_is_not_over_yet_is_not_counted(march: Hospital) -> None:
    # At noon of the 3rd the evening's is still to come and these two are open; over are one on the 2nd, one on the 3rd, and one missed.
    noon = local(3, 12, 30)
    for state in ("sent", "scheduled"):
        third = await march.patient()
        await march.task(third, 3, state)
    assert await march.of("completion", now=noon) == (2, 3)


async def test_the_period_is_the_hospitals(march: Hospital) -> None:
    late = await march.patient()
    # 07:00 and 23:00 in Shanghai on the 10th; in UTC the first one lies on the 9th.
    await march.task(late, 10, "done", answered_after=0.5, hour=7)
    await march.task(late, 11, "done", answered_after=0.5, hour=22)
    tenth = Period(date(2026, 3, 10), date(2026, 3, 10), ZONE)
    assert await march.of("completion", period=tenth) == (1, 1)


async def test_all_that_a_plan_asks_on_one_day_is_one_contact(hospital: Hospital) -> None:
    one = await hospital.patient()
    await hospital.task(one, 2, "missed", outcome="no_answer")
    await hospital.task(one, 2, "partial", outcome="unanswered", answered_after=1, step="medicine")
    await hospital.task(one, 3, "missed", outcome="no_answer")
    assert await hospital.of("follow_up") == (1, 2)


async def test_the_route_is_that_of_the_last_attempt_made_and_may_be_shared(hospital: Hospital) -> None:
    one, two = await hospital.patient(), await hospital.patient()
    first, second = (
        await hospital.task(one, 2, "done", answered_after=1),
        await hospital.task(one, 2, "done", answered_after=1, step="medicine"),
    )
    third, fourth = await hospital.task(two, 2, "missed"), await hospital.task(two, 3, "undeliverable")
    carer = hospital.chats[one.id].carer_id

    async def attempt(route: str, state: str, hour: int, *tasks) -> None:
        hospital.number += 1
        given = {"key": f"k{hospital.number}", "about": "x", "carer_id": carer, "purpose": "task", "at": local(2, hour)}
        await hospital.add(Contact(route=route, state=state, task_id=tasks[0].id, tasks=[task.id for task in tasks], **given))

    await attempt("kf", "answered", 9, first, second)
    await attempt("official_account", "delivered", 9, third)
    await attempt("sms", "failed", 10, third)
    report = await hospital.report("completion", by=["route"])
    assert {each.group.get("route"): (each.numerator, each.denominator) for each in report.results} == {
        None: (2, 4), "kf": (2, 2), "official_account": (0, 1), "": (0, 1),
    }  # fmt: skip
    assert fourth.sent_at is None


async def test_what_was_only_told_asks_for_no_answer_and_what_was_reported_unasked_is_no_response(hospital: Hospital) -> None:
    one = await hospital.patient()
    await hospital.task(one, 2, "done", outcome="told", answered_after=0)
    unasked = await hospital.task(one, 3, "done", outcome="answered", answered_after=1)
    unasked.sent_at = None
    await hospital.task(one, 4, "done", outcome="answered", answered_after=1)
    assert await hospital.of("completion") == (2, 2)
    assert await hospital.of("response") == (1, 1)
    assert await hospital.of("follow_up") == (2, 2)
    assert await hospital.of("daily_interacting") == (2, 31)
