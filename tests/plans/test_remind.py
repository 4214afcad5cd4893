"""Silence is reminded once, and the day's end ends it; what may not go out is held back, never lost."""

from datetime import date, timedelta

import pytest

from plans.consent import resume, stop
from plans.follow_up_sweep import claim_due, extend, is_busy, route_of
from plans.guard import decide
from plans.remind import Nudge, at_next, hold
from records.care_plan import Task
from records.database import Database
from tests.plans.conftest import ZONE, Family, local, make_family

D = date(2026, 3, 6)
NEXT = D + timedelta(days=1)


async def nudge(family: Family, task: Task, *, day: date = D, hour: int = 9, minute: int = 0) -> Nudge:
    return await at_next(family.tx, task, family.patient, family.chat, family.carer, now=local(day, hour, minute), zone=ZONE)


async def test_silence_is_reminded_once_and_then_missed(family: Family) -> None:
    await family.enrolled()
    task = await family.asked(D)
    assert (await nudge(family, task, hour=12)).kind == "nothing"
    reminded = await nudge(family, task, hour=13)
    assert (reminded.kind, reminded.key) == ("remind", f"task:{task.id}:reminder:1")
    assert reminded.text is not None and "体重" in reminded.text and "小满" in reminded.text
    assert (await nudge(family, task, hour=13)).kind == "nothing"
    assert (task.state, task.next_at) == ("reminded", local(NEXT, 0))
    assert (await nudge(family, task, day=NEXT, hour=0)).kind == "closed"
    assert (task.state, task.outcome, family.chat.task_id) == ("missed", "no_answer", None)


async def test_half_an_answer_ends_as_partial(family: Family) -> None:
    await family.enrolled()
    task = await family.asked(D)
    await family.answers(task, "3.42公斤", now=local(D, 10))
    reminded = await nudge(family, task, hour=14)
    assert reminded.text is not None and "吃了几次奶" in reminded.text
    await nudge(family, task, day=NEXT, hour=0)
    assert (task.state, task.outcome) == ("partial", "unanswered")


async def test_later_is_not_reminded_more_often_than_the_step_says(family: Family) -> None:
    await family.enrolled()
    task = await family.asked(D)
    await nudge(family, task, hour=13)
    later = await family.answers(task, "等会儿", now=local(D, 13, 5))
    assert "不急" in later.echo and task.next_at == task.useful_until
    assert (await nudge(family, task, hour=17, minute=5)).kind == "nothing"
    await nudge(family, task, day=NEXT, hour=0)
    assert (task.state, task.outcome) == ("missed", "not_yet")


async def test_no_reminder_in_the_night_or_while_a_person_has_the_chat(family: Family) -> None:
    await family.enrolled(hour=18)
    task = await family.asked(D, 18)
    assert (await nudge(family, task, hour=22)).kind == "wait"
    assert task.next_at == local(NEXT, 0)
    other = await family.asked(NEXT, 9)
    family.chat.state = "human"
    assert (await nudge(family, other, day=NEXT, hour=13)).kind == "wait"
    assert other.next_at == local(NEXT, 13, 15)


async def test_what_waits_comes_back_and_what_cannot_go_is_written_down(family: Family) -> None:
    await family.enrolled()
    task = await family.task_of(D)
    family.chat.state, family.chat.window_from, family.chat.service_state = "human", local(D, 7), 1
    now = local(D, 9)
    assert await claim_due(family.tx, now, 10) == [task.id]
    await hold(family.tx, task, decide(task, family.chat, family.carer, now=now, zone=ZONE), now=now)
    assert await claim_due(family.tx, local(D, 9, 14), 10) == []
    assert await claim_due(family.tx, local(D, 9, 15), 10) == [task.id]
    family.chat.state, family.chat.window_from = "bot", None
    now = local(D, 9, 15)
    await hold(family.tx, task, decide(task, family.chat, family.carer, now=now, zone=ZONE), now=now)
    assert (task.state, task.outcome) == ("undeliverable", "window_closed")
    assert await claim_due(family.tx, local(D, 10), 10) == []


async def test_a_message_that_may_go_is_not_held(family: Family) -> None:
    await family.enrolled()
    task = await family.task_of(D)
    family.chat.window_from, family.chat.service_state = local(D, 8), 1
    with pytest.raises(ValueError, match="not held"):
        await hold(family.tx, task, decide(task, family.chat, family.carer, now=local(D, 9), zone=ZONE), now=local(D, 9))


async def test_stopping_keeps_the_plan_and_resuming_goes_on_at_once(family: Family) -> None:
    await family.enrolled()
    task = await family.task_of(D)
    family.chat.window_from, family.chat.service_state = local(D, 8), 1
    assert "已停止" in await stop(family.tx, family.carer, local(D, 8, 30))
    await stop(family.tx, family.carer, local(D, 8, 40))
    assert family.carer.stopped_at == local(D, 8, 30)
    now = local(D, 9)
    await hold(family.tx, task, decide(task, family.chat, family.carer, now=now, zone=ZONE), now=now)
    assert (task.state, task.next_at) == ("scheduled", local(NEXT, 0))
    assert "恢复" in await resume(family.tx, family.carer, local(D, 11))
    assert await claim_due(family.tx, local(D, 11), 10) == [task.id]
    assert decide(task, family.chat, family.carer, now=local(D, 11), zone=ZONE).kind == "send"


async def test_two_sweeps_share_the_work(db: Database) -> None:
    async with db.transaction() as tx:
        await (await make_family(tx)).enrolled()
    now = local(date(2026, 3, 9), 9)
    async with db.transaction() as one, db.transaction() as two:
        first, second = await claim_due(one, now, 3), await claim_due(two, now, 3)
        assert len(first) == 3 and len(second) == 1
        assert not set(first) & set(second)
    async with db.transaction() as tx:
        assert await claim_due(tx, now, 9) == first + second
        assert await extend(tx, first, now + timedelta(minutes=5)) == 3
        assert await claim_due(tx, now, 9) == second


async def test_a_siblings_follow_up_waits_for_an_hour(family: Family) -> None:
    await family.enrolled()
    task = await family.asked(D)
    sibling = Task(id=task.id + 10_000)
    assert await is_busy(family.tx, family.chat, sibling, local(D, 9, 59))
    assert not await is_busy(family.tx, family.chat, sibling, local(D, 10))
    assert not await is_busy(family.tx, family.chat, task, local(D, 9, 1))
    assert (await route_of(family.tx, task)).chat is family.chat
