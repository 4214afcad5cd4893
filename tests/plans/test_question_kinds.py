"""Answers to every kind of question: numbers, signs, choices and free words, read against what was asked."""

from datetime import date, timedelta
from typing import Any

import pytest
from sqlalchemy import select

from plans.follow_up import next_question, template_of
from plans.question import buttons_of, facts_of, tapped
from plans.settle import Answer
from plans.task import sent
from records.care_plan import CarePlan, Task
from records.observation import Observation
from tests.plans.conftest import Family, local

DAY = date(2026, 3, 10)
NOW = local(DAY, 9)


async def asked(family: Family, template: str, step: str, **anchors: date) -> Task:
    """Today's follow-up of this step of a shipped plan, its opening sent."""
    plan = CarePlan(
        patient_id=family.patient.id, template=template, template_version=1, anchors={}, state="active", created_at=NOW, created_by="lin"
    )
    family.tx.add(plan)
    await family.tx.flush()
    task = Task(
        care_plan_id=plan.id, patient_id=family.patient.id, step=step, day=DAY, due_at=NOW, useful_until=local(DAY + timedelta(days=1), 0)
    )
    family.tx.add(task)
    await family.tx.flush()
    await sent(family.tx, task, family.chat, next_at=NOW + timedelta(hours=4), now=NOW)
    return task


async def says(family: Family, task: Task, *texts: str) -> Answer:
    for text in texts:
        answer = await family.answers(task, text, now=NOW + timedelta(minutes=family.message + 1))
    return answer


async def stored(family: Family) -> list[tuple[str, float | None, Any]]:
    rows = await family.tx.scalars(select(Observation).where(Observation.status == "final").order_by(Observation.id))
    return [(row.code, row.value, row.detail.get("status", row.text)) for row in rows]


def signs(task: Task, question: str) -> dict[str, str]:
    return task.answers[question]["signs"]


async def test_a_bare_number_is_the_reading_that_was_asked_for(family: Family) -> None:
    task = await asked(family, "chemotherapy", "temperature")
    answer = await says(family, task, "36.8")
    assert answer.finished and "36.8℃" in answer.echo
    assert (task.state, task.outcome) == ("done", "answered")
    assert [row[:2] for row in await stored(family)] == [("temperature", 36.8)]


async def test_a_blood_pressure_has_two_readings_and_the_missing_one_is_asked_for(family: Family) -> None:
    family.patient.birth_date = date(1970, 1, 1)
    task = await asked(family, "hypertension", "weekly")
    assert not (await says(family, task, "高压128")).finished
    answer = await says(family, task, "低压82")
    assert {code for code, *_ in await stored(family)} >= {"systolic_bp", "diastolic_bp"}
    assert answer.understood


async def test_a_pain_score_is_a_number_too(family: Family) -> None:
    family.patient.birth_date = date(2016, 1, 1)
    task = await asked(family, "chemotherapy", "mood")
    answer = await says(family, task, "4分")
    assert answer.next is not None and answer.next.id == "sleep"
    assert [row[:2] for row in await stored(family)] == [("pain", 4.0)]


async def test_none_of_the_signs_is_an_answer_to_each(family: Family) -> None:
    task = await asked(family, "chemotherapy", "intake")
    answer = await says(family, task, "都没有")
    assert signs(task, "gut") == {"vomiting": "absent", "diarrhea": "absent", "constipation": "absent"}
    assert answer.next is not None and answer.next.id == "drinking"
    assert {(code, status) for code, _, status in await stored(family)} == {
        ("vomiting", "absent"),
        ("diarrhea", "absent"),
        ("constipation", "absent"),
    }


async def test_what_was_not_named_is_asked_once_more_and_then_unknown(family: Family) -> None:
    task = await asked(family, "chemotherapy", "intake")
    first = await says(family, task, "有点拉肚子，没吐")
    assert first.ask_back is not None and "有没有" in first.ask_back and not first.finished
    assert signs(task, "gut") == {"diarrhea": "present", "vomiting": "absent"}
    second = await says(family, task, "这个不清楚")
    assert signs(task, "gut")["constipation"] == "unknown"
    assert second.next is not None and second.next.id == "drinking"
    assert "constipation" not in {code for code, *_ in await stored(family)}


async def test_only_the_second_denies_the_others_and_a_bare_yes_asks_which(family: Family) -> None:
    task = await asked(family, "chemotherapy", "intake")
    vague = await says(family, task, "有")
    assert not vague.understood and vague.ask_back is not None and "哪一个" in vague.ask_back
    assert "signs" not in task.answers["gut"]
    await says(family, task, "只有第二个")
    assert signs(task, "gut") == {"vomiting": "absent", "diarrhea": "present", "constipation": "absent"}


async def test_a_choice_by_button_by_word_by_number_and_what_depends_on_it(family: Family) -> None:
    task = await asked(family, "chemotherapy", "intake")
    await says(family, task, "都没有")
    await says(family, task, "第二个")
    assert task.answers["drinking"]["value"] == 1
    template = await template_of(family.tx, task)
    question = next_question(task, template, family.patient)
    assert question is not None and question.id == "urine"
    assert tapped(buttons_of(task, question)[2][0]) == (task.id, "urine", 2)
    answer = await says(family, task, "12小时没有小便")
    assert answer.finished and task.state == "done"
    assert answer.alert is not None and answer.alert.level == "urgent"
    assert facts_of(task, template)["urine"] == 2


async def test_a_question_that_depends_on_another_answer_is_left_out(family: Family) -> None:
    task = await asked(family, "chemotherapy", "mouth")
    answer = await says(family, task, "都没有")
    assert answer.finished and task.state == "done" and "drinks" not in task.answers


async def test_a_choice_is_put_right_and_the_earlier_one_no_longer_counts(family: Family) -> None:
    task = await asked(family, "chemotherapy", "intake")
    await says(family, task, "都没有", "比平时少一些")
    answer = await says(family, task, "不对，是几乎不吃不喝")
    assert task.answers["drinking"]["value"] == 2 and "更正" in answer.echo
    assert [value for code, value, _ in await stored(family) if code == "answer.drinking"] == [2.0]


async def test_a_sign_is_put_right(family: Family) -> None:
    task = await asked(family, "chemotherapy", "intake")
    await says(family, task, "都没有", "说错了，有点拉肚子")
    assert signs(task, "gut")["diarrhea"] == "present"
    assert [status for code, _, status in await stored(family) if code == "diarrhea"] == ["present"]


async def test_an_alert_fires_once_however_often_the_follow_up_is_judged(family: Family) -> None:
    task = await asked(family, "chemotherapy", "intake")
    fired = [(await says(family, task, text)).alert for text in ("都没有", "几乎不吃不喝", "正常")]
    assert [alert.rule for alert in fired if alert is not None] == list(dict.fromkeys(a.rule for a in fired if a is not None))


@pytest.mark.parametrize("text", ["等会儿再说", "还没呢"])
async def test_later_keeps_it_open(family: Family, text: str) -> None:
    task = await asked(family, "chemotherapy", "intake")
    answer = await says(family, task, text)
    assert "不急" in (answer.ask_back or answer.echo + str(answer.closing)) or not answer.finished
    assert task.state in ("started", "sent")


async def test_an_answer_to_another_open_follow_up_goes_there(family: Family) -> None:
    temperature = await asked(family, "chemotherapy", "temperature")
    intake = await asked(family, "chemotherapy", "intake")
    answer = await says(family, intake, "没吐没拉，大便正常，体温36.7")
    assert "36.7" in answer.echo
    assert (temperature.state, temperature.answers["temperature"]["values"]["temperature"]["value"]) == ("done", 36.7)
    assert intake.state == "started"
