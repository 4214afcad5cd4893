"""What a family reports unasked is kept and said back; nothing is invented."""

from datetime import date, timedelta

from sqlalchemy import func, select

from plans.finding import HISTORY, patient_facts, store
from plans.follow_up import open_task, today
from records.schema import Observation
from tests.plans.conftest import ZONE, Family, local

D = date(2026, 3, 6)


async def test_several_things_in_one_message(family: Family) -> None:
    report = await family.reports("体温36.8度，吃了8次奶，湿了7片尿布，没有咳嗽，有点鼻塞", now=local(D, 10))
    assert report.understood
    for part in ("体温36.8℃", "吃奶8次", "湿尿布7片", "没有咳嗽", "鼻塞"):
        assert part in report.echo
    assert report.alert is None
    assert "4小时后" in report.next_step and "120" in report.safety
    codes = set(await family.tx.scalars(select(Observation.code)))
    assert {"temperature", "feed_count", "wet_diapers", "cough"} <= codes


async def test_other_peoples_signs_and_what_ifs_are_not_kept(family: Family) -> None:
    for said in ("姐姐有点咳嗽", "如果发烧了怎么办？", "你好呀"):
        report = await family.reports(said, now=local(D, 10))
        assert report.echo == ""
    assert await family.tx.scalar(select(func.count()).select_from(Observation)) == 0


async def test_a_red_value_gets_no_soothing_next_step(family: Family) -> None:
    report = await family.reports("宝宝体温38.5度", now=local(D, 10))
    assert "体温38.5℃" in report.echo
    assert "4小时" not in report.next_step and "120" in report.safety


async def test_a_report_answers_the_follow_up_of_today(family: Family) -> None:
    await family.enrolled()
    task = await family.task_of(D)
    report = await family.reports("今天体重3.42公斤", now=local(D, 8, 30))
    assert report.answered and not report.finished
    assert report.next is not None and report.next.id == "feeding"
    assert task.state == "started"
    last = await family.reports("吃了8次奶，湿了7片尿布", now=local(D, 8, 40))
    assert last.finished and last.closing and task.state == "done"


async def test_yesterdays_weight_does_not_answer_todays_question(family: Family) -> None:
    await family.enrolled()
    task = await family.asked(D)
    report = await family.reports("昨天体重3.38公斤", now=local(D, 10))
    assert "昨天体重3.38公斤" in report.echo
    assert not report.answered and task.state == "sent"


async def test_the_same_report_twice_writes_once(family: Family) -> None:
    for _ in range(2):
        report = await family.reports("体温36.8度，有点咳嗽", now=local(D, 10), message_id=5)
        assert report.understood
    assert len(await family.observations("temperature")) == 1
    assert len(await family.observations("cough")) == 1


async def test_a_weight_without_a_plan_is_judged_too(family: Family) -> None:
    report = await family.reports("体重3.0公斤", now=local(D, 10))
    assert report.alert is not None and report.alert.rule == "neonatal_weight.loss_over_10"


async def test_what_is_on_today(family: Family) -> None:
    await family.enrolled()
    (planned,) = await today(family.tx, [family.patient], local(D, 8), ZONE)
    assert planned.open and "09:00" in planned.text and "小满" in planned.text
    task = await family.asked(D)
    assert await open_task(family.tx, family.chat) is task
    await family.answers(task, "3.42公斤，吃了8次奶，湿了7片尿布", now=local(D, 10))
    (done,) = await today(family.tx, [family.patient], local(D, 11), ZONE)
    assert (done.open, done.state) == (False, "done")
    assert await open_task(family.tx, family.chat) is None


async def test_medicines_are_kept_and_said_back_without_advice(family: Family) -> None:
    report = await family.reports("今天喂了美林5毫升，还有肺宁颗粒，没吃头孢", now=local(D, 10))
    assert "用药有美林（5毫升）、肺宁颗粒" in report.echo and "没有用头孢" in report.echo
    assert "医生" in report.next_step and "毫升" not in report.next_step
    rows = list(await family.tx.scalars(select(Observation).where(Observation.code == "medicine").order_by(Observation.id)))
    assert [(row.text, row.detail["status"]) for row in rows] == [("美林", "present"), ("肺宁颗粒", "present"), ("头孢", "absent")]
    assert rows[0].detail["dose"] == "5毫升"


async def test_a_treatment_without_a_name_is_kept_in_the_familys_words(family: Family) -> None:
    report = await family.reports("一天三次，一次半袋", now=local(D, 10))
    assert report.understood and "原话" in report.echo
    assert list(await family.tx.scalars(select(Observation.text).where(Observation.code == "medicine"))) == ["一天三次，一次半袋"]


async def test_a_medicine_that_is_asked_about_is_not_on_record(family: Family) -> None:
    report = await family.reports("可以吃美林吗", now=local(D, 10))
    assert not report.understood
    assert await family.observations("medicine") == []


async def test_a_disease_that_was_named_is_not_said_back_as_present(family: Family) -> None:
    report = await family.reports("医生说是支气管炎", now=local(D, 10))
    assert "提到支气管炎" in report.echo


async def test_contradictions_of_one_message_are_said_back_once(family: Family) -> None:
    report = await family.reports("白天没咳嗽，晚上咳嗽", now=local(D, 10))
    assert "没有咳嗽" not in report.echo and "咳嗽" in report.echo


async def test_a_weight_is_not_lost_among_many_temperatures(family: Family) -> None:
    now = local(D, 10)
    readings = [("weight", 3.4, "kg", 400), *(("temperature", 36.7, "Cel", hours) for hours in range(5 * HISTORY))]
    for code, value, unit, hours in readings:
        at = now - timedelta(hours=hours)
        await store(family.tx, family.patient, code=code, value=value, unit=unit, text=code, at=at, now=now, message_id=None)
    known = (await patient_facts(family.tx, family.patient, now=now, zone=ZONE)).history
    assert [reading.value for reading in known if reading.vital == "weight"] == [3.4]
    temperatures = [reading.at for reading in known if reading.vital == "temperature"]
    assert len(temperatures) == HISTORY
    assert min(temperatures) == now - timedelta(hours=HISTORY - 1)
