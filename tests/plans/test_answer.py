"""What a family answers becomes observations, an echo in words and, when the rules say so, an alert."""

from datetime import date, timedelta

import pytest
from sqlalchemy import select

from plans.follow_up import decline
from records.schema import StateChange
from tests.plans.conftest import ZONE, Family, local

D = date(2026, 3, 6)


@pytest.mark.parametrize("said", ["6斤8两", "3.4公斤", "3400克", "六斤八两", "3.4"])
async def test_a_weight_in_many_wordings_is_the_same_weight(family: Family, said: str) -> None:
    await family.enrolled()
    await family.weighed((date(2026, 3, 5), 3.36))
    task = await family.asked(D)
    answer = await family.answers(task, said, now=local(D, 10))
    assert answer.understood
    assert answer.echo == "收到，体重3.40公斤（6斤8两），比昨天多40克。"
    assert answer.next is not None and answer.next.id == "feeding"
    assert not answer.finished
    assert answer.alert is None
    assert (await family.observations())[-1] == (3.4, "final")
    assert task.state == "started"


async def test_a_whole_follow_up(family: Family) -> None:
    await family.enrolled()
    task = await family.asked(D)
    await family.answers(task, "3.42公斤", now=local(D, 10))
    last = await family.answers(task, "吃了8次，每次60毫升，尿布湿了7片", now=local(D, 11))
    assert last.echo == "收到，吃奶8次，每次奶量60毫升，湿尿布7片。"
    assert last.finished and last.closing
    assert (task.state, task.outcome, task.closed_at, family.chat.task_id) == ("done", "answered", local(D, 11), None)
    assert await family.observations("wet_diapers") == [(7.0, "final")]
    changes = await family.tx.scalars(
        select(StateChange).where(StateChange.entity == "task", StateChange.entity_id == task.id).order_by(StateChange.id)
    )
    assert [change.new for change in changes] == ["scheduled", "sent", "started", "done"]


async def test_everything_in_one_message(family: Family) -> None:
    await family.enrolled()
    task = await family.asked(D)
    answer = await family.answers(task, "3.42公斤，吃了8次奶，尿布湿了7片，有点咳嗽", now=local(D, 10))
    assert answer.finished
    assert "体重3.42公斤" in answer.echo and "吃奶8次" in answer.echo and "咳嗽" in answer.echo
    assert len(await family.observations("cough")) == 1


async def test_a_missing_part_is_asked_for(family: Family) -> None:
    await family.enrolled()
    task = await family.asked(D)
    await family.answers(task, "3.42公斤", now=local(D, 10))
    answer = await family.answers(task, "吃了8次奶", now=local(D, 10, 5))
    assert answer.understood and not answer.finished
    assert answer.ask_back == "过去24小时换了几片尿湿的尿布？"
    assert answer.next is not None and answer.next.ask == answer.ask_back
    assert (await family.answers(task, "7", now=local(D, 10, 6))).finished
    assert await family.observations("wet_diapers") == [(7.0, "final")]


@pytest.mark.parametrize("said", ["8次，60毫升，7片", "吃了8次，每次60ml，湿了7片", "八次，每次60毫升，七片", "奶8次，尿布7片，一次60毫升"])
async def test_amounts_are_told_apart_by_their_units(family: Family, said: str) -> None:
    await family.enrolled()
    task = await family.asked(D)
    await family.answers(task, "3.42公斤", now=local(D, 10))
    assert (await family.answers(task, said, now=local(D, 10, 5))).finished
    for vital, value in {"feed_count": 8.0, "feed_volume": 60.0, "wet_diapers": 7.0}.items():
        assert await family.observations(vital) == [(value, "final")]


async def test_one_feed_is_not_taken_for_a_day(family: Family) -> None:
    await family.enrolled()
    task = await family.asked(D)
    await family.answers(task, "3.42公斤", now=local(D, 10))
    doubted = await family.answers(task, "刚吃了一次", now=local(D, 10, 5))
    assert doubted.alert is None and doubted.ask_back is not None and "24小时" in doubted.ask_back
    assert await family.observations("feed_count") == [(1.0, "preliminary")]
    await family.answers(task, "吃了8次，湿了7片", now=local(D, 10, 6))
    assert await family.observations("feed_count") == [(1.0, "entered-in-error"), (8.0, "final")]
    assert task.state == "done"


async def test_few_feeds_said_twice_are_believed(family: Family) -> None:
    await family.enrolled()
    task = await family.asked(D)
    await family.answers(task, "3.42公斤", now=local(D, 10))
    await family.answers(task, "24小时只吃了3次奶", now=local(D, 10, 5))
    sure = await family.answers(task, "一共吃了3次奶", now=local(D, 10, 6))
    assert sure.alert is not None and sure.alert.rule == "neonatal_feeding.few_feeds"


async def test_the_same_message_twice_writes_once(family: Family) -> None:
    await family.enrolled()
    task = await family.asked(D)
    first = await family.answers(task, "3.42公斤", now=local(D, 10), message_id=77)
    again = await family.answers(task, "3.42公斤", now=local(D, 10, 1), message_id=77)
    assert again.echo == first.echo
    assert again.next == first.next
    assert await family.observations() == [(3.42, "final")]
    await family.answers(task, "没数", now=local(D, 10, 2), message_id=78)
    closed = await family.tx.scalars(select(StateChange).where(StateChange.entity == "task", StateChange.entity_id == task.id))
    assert len(closed.all()) == 4


@pytest.mark.parametrize(
    "kg, age, history, level, rule",
    [
        (3.05, 6, [], "urgent", "loss_over_10"),  # 10.3 %
        (3.06, 6, [], "same_day", "loss_7_to_10"),  # exactly 10 %
        (3.162, 6, [], "same_day", "loss_7_to_10"),  # exactly 7 %
        (3.17, 6, [], None, None),
        (3.39, 13, [], None, None),
        (3.39, 14, [], "same_day", "below_birth_weight"),
        (3.40, 14, [], None, None),
        (3.559, 17, [(14, 3.5)], "same_day", "slow_gain"),  # 19.7 g/day over 3 days
        (3.56, 17, [(14, 3.5)], None, None),  # 20 g/day
        (3.51, 16, [(14, 3.5)], None, None),  # two days are not enough
        (3.51, 16, [(13, 3.5)], None, None),  # it began before day 14
    ],
)
async def test_the_weight_rules(
    family: Family, kg: float, age: int, history: list[tuple[int, float]], level: str | None, rule: str | None
) -> None:
    birth = family.patient.birth_date
    await family.enrolled()
    await family.weighed(*((birth + timedelta(days=day), weight) for day, weight in history))
    day = birth + timedelta(days=age)
    task = await family.asked(day)
    answer = await family.answers(task, f"{kg}公斤", now=local(day, 10))
    if level is None:
        assert answer.alert is None
        return
    assert answer.alert is not None
    assert (answer.alert.level, answer.alert.category, answer.alert.rule) == (level, "neonatal_weight", f"neonatal_weight.{rule}")
    evidence = answer.alert.evidence[0]
    assert evidence["version"] == 2 and f"{kg:.2f}" in evidence["because"]
    assert "通知" not in answer.alert.advice


async def test_preterm_babies_have_three_weeks(family: Family) -> None:
    family.patient.gestational_age_weeks = 35
    await family.enrolled(discharge=date(2026, 3, 14))
    for age, rule in ((20, None), (21, "neonatal_weight.below_birth_weight_preterm")):
        day = family.patient.birth_date + timedelta(days=age)
        task = await family.asked(day)
        alert = (await family.answers(task, "3.39公斤", now=local(day, 10))).alert
        assert (alert.rule if alert else None) == rule


async def test_a_jump_is_weighed_again_and_a_second_like_it_believed(family: Family) -> None:
    await family.enrolled()
    await family.weighed((date(2026, 3, 5), 3.36))
    task = await family.asked(D)
    first = await family.answers(task, "3.8公斤", now=local(D, 10))
    assert first.ask_back is not None and "再称一次" in first.ask_back
    assert first.next is not None and first.next.id == "weight"
    assert await family.observations() == [(3.36, "final"), (3.8, "preliminary")]
    second = await family.answers(task, "3.82公斤", now=local(D, 10, 20))
    assert "两次称的差不多" in second.echo
    assert await family.observations() == [(3.36, "final"), (3.8, "final"), (3.82, "final")]


async def test_a_jump_that_was_a_slip_is_taken_out(family: Family) -> None:
    await family.enrolled()
    await family.weighed((date(2026, 3, 5), 3.36))
    task = await family.asked(D)
    await family.answers(task, "4.3公斤", now=local(D, 10))
    second = await family.answers(task, "3.40公斤", now=local(D, 10, 20))
    assert second.next is not None and second.next.id == "feeding"
    assert await family.observations() == [(3.36, "final"), (4.3, "entered-in-error"), (3.4, "final")]


async def test_readings_that_never_agree_go_to_a_nurse(family: Family) -> None:
    await family.enrolled()
    await family.weighed((date(2026, 3, 5), 3.36))
    task = await family.asked(D)
    for said in ("4.3公斤", "4.6公斤"):
        assert (await family.answers(task, said, now=local(D, 10))).ask_back
    third = await family.answers(task, "5公斤", now=local(D, 10))
    assert third.alert is not None and third.alert.rule == "neonatal_weight.reweigh"
    assert third.next is not None and third.next.id == "feeding"


async def test_a_red_value_alerts_before_it_is_confirmed(family: Family) -> None:
    await family.enrolled()
    await family.weighed((date(2026, 3, 5), 3.36))
    task = await family.asked(D)
    answer = await family.answers(task, "2.9公斤", now=local(D, 10))
    assert answer.ask_back is not None
    assert answer.alert is not None and answer.alert.level == "urgent" and answer.alert.evidence[0]["confirmed"] is False


async def test_a_correction_replaces_the_reading_of_the_day(family: Family) -> None:
    await family.enrolled()
    task = await family.asked(D)
    await family.answers(task, "3.5公斤", now=local(D, 10))
    answer = await family.answers(task, "不对，是3.4公斤", now=local(D, 10, 1))
    assert "已更正" in answer.echo and "3.40公斤" in answer.echo
    assert answer.next is not None and answer.next.id == "feeding"
    assert await family.observations() == [(3.5, "entered-in-error"), (3.4, "final")]
    changes = await family.tx.scalars(select(StateChange).where(StateChange.entity == "observation"))
    assert [(change.old, change.new) for change in changes] == [("final", "entered-in-error")]


async def test_a_correction_after_the_end_amends_a_closed_follow_up(family: Family) -> None:
    await family.enrolled()
    task = await family.asked(D)
    await family.answers(task, "3.5公斤，吃了8次奶，湿了7片尿布", now=local(D, 10))
    assert task.state == "done"
    report = await family.reports("刚才写错了，是3.4公斤", now=local(D, 12))
    assert "已更正" in report.echo
    assert await family.observations() == [(3.5, "entered-in-error"), (3.4, "final")]
    assert task.state == "done"
    assert task.answers["weight"]["values"]["weight"]["value"] == 3.4


@pytest.mark.parametrize("said", ["没称", "今天忘了称", "跳过"])
async def test_not_weighed_goes_on_to_the_next_question(family: Family, said: str) -> None:
    await family.enrolled()
    task = await family.asked(D)
    answer = await family.answers(task, said, now=local(D, 10))
    assert answer.understood and answer.next is not None and answer.next.id == "feeding"
    assert (await family.answers(task, "吃了8次奶，湿了7片尿布", now=local(D, 10))).finished
    assert (task.state, task.outcome) == ("partial", "not_weighed")
    assert await family.observations() == []


@pytest.mark.parametrize("said", ["还没称，等会儿", "晚点再说", "在忙"])
async def test_later_keeps_it_open_with_a_reminder(family: Family, said: str) -> None:
    await family.enrolled()
    task = await family.asked(D)
    answer = await family.answers(task, said, now=local(D, 10))
    assert not answer.finished and "提醒" in answer.echo
    assert (task.state, task.next_at) == ("started", local(D, 14))
    late = await decline(family.tx, task, reason="not_yet", text="等会", now=local(D, 18), zone=ZONE)
    assert "提醒" not in late.echo
    assert task.next_at == task.useful_until


async def test_cannot_ends_it_with_the_reason(family: Family) -> None:
    await family.enrolled()
    task = await family.asked(D)
    answer = await family.answers(task, "家里没有秤", now=local(D, 10))
    assert answer.finished
    assert (task.state, task.outcome) == ("declined", "cannot")


async def test_nonsense_is_asked_again_and_then_offered_a_way_out(family: Family) -> None:
    await family.enrolled()
    task = await family.asked(D)
    replies = [await family.answers(task, said, now=local(D, 10)) for said in ("嗯嗯", "好的呀", "天气不错")]
    assert not any(reply.understood for reply in replies)
    assert replies[0].ask_back is not None and "没看明白" in replies[0].ask_back
    assert replies[2].ask_back is not None and "人工" in replies[2].ask_back
    assert task.state == "sent"


async def test_an_unclear_unit_is_asked(family: Family) -> None:
    await family.enrolled(discharge=date(2026, 3, 10))
    day = date(2026, 3, 12)
    task = await family.asked(day)
    answer = await family.answers(task, "5.5", now=local(day, 10))
    assert not answer.understood and answer.ask_back is not None and "斤" in answer.ask_back
    assert await family.observations() == []


async def test_an_absurd_weight_is_not_stored(family: Family) -> None:
    await family.enrolled()
    task = await family.asked(D)
    answer = await family.answers(task, "34公斤", now=local(D, 10))
    assert not answer.understood and answer.ask_back is not None
    assert await family.observations() == []


async def test_few_wet_diapers_alert(family: Family) -> None:
    await family.enrolled()
    day = date(2026, 3, 8)
    task = await family.asked(day)
    answer = await family.answers(task, "3.42公斤，吃了8次奶，湿了5片尿布", now=local(day, 10))
    assert answer.alert is not None and answer.alert.rule == "neonatal_feeding.few_wet_diapers"


async def test_an_answer_about_something_else_is_kept_and_the_question_stays(family: Family) -> None:
    await family.enrolled()
    task = await family.asked(D)
    answer = await family.answers(task, "体温36.8度", now=local(D, 10))
    assert answer.understood and answer.next is not None and answer.next.id == "weight"
    assert await family.observations("temperature") == [(36.8, "final")]
    assert task.state == "sent"


async def test_one_question_refused_and_another_answered_in_one_message(family: Family) -> None:
    await family.enrolled()
    task = await family.asked(D)
    answer = await family.answers(task, "今天没称，吃了8次奶，湿了7片尿布", now=local(D, 10))
    assert answer.finished and answer.echo == "收到，吃奶8次，湿尿布7片。"
    assert (task.state, task.outcome) == ("partial", "not_weighed")


async def test_leaving_out_the_feeding_says_so(family: Family) -> None:
    await family.enrolled()
    task = await family.asked(D)
    await family.answers(task, "3.42公斤", now=local(D, 10))
    assert (await decline(family.tx, task, reason="not_weighed", text="跳过", now=local(D, 10), zone=ZONE)).finished
    assert (task.state, task.outcome) == ("partial", "skipped")
