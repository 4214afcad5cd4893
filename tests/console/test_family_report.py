"""A value that a family enters goes the road of a message: triaged, kept once, alerted, answered; whatever else is typed runs nowhere."""

import asyncio
from collections.abc import AsyncIterator
from datetime import date, timedelta

import pytest
from sqlalchemy import select

from console.family.measures import measures
from plans.questionnaire import newest
from plans.questionnaire_response import assign
from plans.template import load_templates
from records.care_plan import Task
from records.chat import Chat
from records.database import Database
from records.message import Outbound
from records.patient import Patient, PatientCarer
from records.questionnaire import QuestionnaireResponse
from tagging.patient import PatientFacts
from tagging.understanding import understand
from tests.console.family_stage import FamilyStage, hidden, open_family
from tests.console.stage import NOW

SCRIPT = "<script>alert(1)</script>"


@pytest.fixture
async def family(db: Database) -> AsyncIterator[FamilyStage]:
    async with open_family(db) as stage:
        yield stage


def filled_in(page: str) -> dict[str, str]:
    """What a thumb does with the open question."""
    given = {f.vital: f"{f.start:g}" for each in measures() for f in each.fields if f'name="{f.vital}"' in page}
    if 'name="none"' in page:
        given["none"] = "yes"
    if 'name="option"' in page:
        given["option"] = page.partition('name="option" value="')[2].partition('"')[0]
    return given


@pytest.mark.parametrize("each", measures(), ids=lambda each: each.id)
@pytest.mark.parametrize("moment", ["now", "3"])
def test_what_is_entered_is_read_as_just_that(each: object, moment: str) -> None:
    from console.family.measures import Measure

    assert isinstance(each, Measure)
    values = {field.vital: f"{field.start:g}" for field in each.fields}
    text = each.said(values, moment if each.moment else "now")
    read = understand(text, context=None, patient=PatientFacts(age_days=150), now=NOW).measurements
    assert {m.vital: m.value for m in read} == {vital: float(value) for vital, value in values.items()}
    if each.moment and moment == "3":
        assert {m.at for m in read} == {NOW.replace(second=0) - timedelta(hours=3)} or {m.at for m in read} == {NOW - timedelta(hours=3)}


def test_every_number_that_a_shipped_plan_asks_for_can_be_entered() -> None:
    asked = {v for t in load_templates().values() for step in t.steps for question in step.questions for v in question.vitals}
    assert asked <= {field.vital for each in measures() for field in each.fields}


async def test_a_dangerous_value_is_alerted_and_answered_at_once(family: FamilyStage) -> None:
    phone, child = await family.signed_in(), await family.child("小满")
    answer = await phone.send(f"/h5/{child}/report/temperature", temperature="39.8")
    page = await phone.follow(answer)
    assert "请马上这样做" in page and "急诊" in page and "tel:120" in page and "体温39.8℃" in page
    [flag] = await family.flags()
    assert (flag.level, flag.patient_id, flag.said) == ("emergency", child, "体温39.8℃")
    [seen] = await family.observations("小满")
    assert (seen.code, seen.value, seen.status) == ("temperature", 39.8, "final")
    [message] = await family.messages()
    assert (message.id, message.state, message.outcome["triage"]) == (seen.message_id, "done", "emergency")
    async with family.db.transaction() as tx:
        jobs = (await tx.execute(select(Outbound.key))).all()
        assert jobs == []


async def test_a_form_that_is_sent_twice_writes_once(family: FamilyStage) -> None:
    phone, child = await family.signed_in(), await family.child("小满")
    path = f"/h5/{child}/report/temperature"
    form = hidden(await phone.text(path)) | {"temperature": "39.8"}
    first, second = await phone.post(path, form), await phone.post(path, form)
    assert first.headers["Location"] == second.headers["Location"]
    assert len(await family.observations("小满")) == len(await family.messages()) == len(await family.flags()) == 1
    assert (await family.flags())[0].repeats == 0
    again = await phone.send(path, temperature="37.2")
    assert again.headers["Location"] != first.headers["Location"] and len(await family.observations("小满")) == 2


async def test_an_ordinary_value_is_said_back_with_what_comes_next(family: FamilyStage) -> None:
    phone, child = await family.signed_in(), await family.child("乐乐")
    page = await phone.follow(await phone.send(f"/h5/{child}/report/temperature", temperature="36.8", moment="3"))
    assert "体温36.8℃" in page and "请马上" not in page
    [seen] = await family.observations("乐乐")
    assert seen.effective_at == NOW.replace(second=0) - timedelta(hours=3) or seen.effective_at == NOW - timedelta(hours=3)
    assert await family.flags() == []


async def test_what_cannot_be_true_is_asked_again(family: FamilyStage) -> None:
    phone, child = await family.signed_in(), await family.child("小满")
    page = await phone.follow(await phone.send(f"/h5/{child}/report/temperature", temperature="45"))
    assert "体温没看明白" in page and "重新填" in page
    assert await family.observations("小满") == [] and len(await family.messages()) == 1


@pytest.mark.parametrize("given", ["", "abc", "38.5.1", "-3", "1e9", SCRIPT, "38'; drop table", "99999"])
async def test_what_is_no_number_is_said_so_and_keeps_what_was_typed(family: FamilyStage, given: str) -> None:
    phone, child = await family.signed_in(), await family.child("小满")
    answer = await phone.send(f"/h5/{child}/report/temperature", temperature=given, note="精神还好")
    page = await answer.text()
    assert answer.status == 422 and "请填数字" in page and "精神还好" in page and SCRIPT not in page
    assert await family.messages() == []


async def test_words_beside_a_value_are_judged_too_and_never_run(family: FamilyStage) -> None:
    phone, child = await family.signed_in(), await family.child("乐乐")
    page = await phone.follow(
        await phone.send(f"/h5/{child}/report/temperature", temperature="38.2", note=f"刚才抽搐了两分钟{SCRIPT}" + "长" * 500)
    )
    assert "请马上这样做" in page and SCRIPT not in page and "&lt;script&gt;" in page
    [flag] = await family.flags()
    assert flag.level == "emergency" and "抽搐" in flag.said
    assert len((await family.messages())[0].text or "") < 230


async def test_a_bad_form_is_refused_kindly(family: FamilyStage) -> None:
    phone, child = await family.signed_in(), await family.child("小满")
    path = f"/h5/{child}/report/temperature"
    form = hidden(await phone.text(path)) | {"temperature": "37"}
    assert (await phone.post(path, form | {"nonce": "x"})).status == 400
    assert (await phone.post(path, form | {"note": "字" * 80_000})).status == 413
    assert (await phone.get(f"/h5/{child}/report/nothing")).status == 404
    assert await family.messages() == []


async def test_what_was_told_is_for_this_family_alone(family: FamilyStage) -> None:
    phone, child = await family.signed_in(), await family.child("小满")
    told = (await phone.send(f"/h5/{child}/report/temperature", temperature="39.8")).headers["Location"]
    other = await family.signed_in("钱建国")
    mine = await family.child("安安")
    assert (await other.get(told)).status == 404
    assert (await other.get(told.replace(f"/{child}/", f"/{mine}/"))).status == 404
    assert (await phone.get(told.replace(f"/{child}/", f"/{await family.child('乐乐')}/"))).status == 404


async def test_while_a_nurse_has_the_chat_a_value_is_still_kept(family: FamilyStage) -> None:
    async with family.db.transaction() as tx:
        for chat in await tx.scalars(select(Chat)):
            chat.state = "human"
    phone, child = await family.signed_in(), await family.child("小满")
    page = await phone.follow(await phone.send(f"/h5/{child}/report/temperature", temperature="39.8"))
    assert "请马上这样做" in page and len(await family.flags()) == 1
    assert [message.state for message in await family.messages()] == ["recorded"]


async def test_a_follow_up_is_answered_question_by_question(family: FamilyStage) -> None:
    await family.enrolled("小满", "neonatal", discharge=date(2026, 2, 26))
    task = (await family.rows(Task))[0]
    family.now = max(family.now, task.due_at + timedelta(minutes=5))
    phone, child = await family.signed_in(), await family.child("小满")
    page = await phone.text(f"/h5/{child}/today")
    path = f"/h5/{child}/tasks/{task.id}"
    assert f'href="{path}"' in page
    for _ in range(8):
        page = await phone.text(path)
        if "已经填完了" in page:
            break
        answer = await phone.send(path, **filled_in(page))
        assert answer.status == 303, await answer.text()
    [now] = await family.rows(Task, Task.id == task.id)
    assert now.state in ("done", "partial"), now.answers
    assert "已完成" in await phone.text(f"/h5/{child}/today")
    stale = await phone.post(path, {"csrf": "x"})
    assert stale.status == 403


async def test_of_two_parents_who_answer_at_once_one_is_taken_and_one_is_shown_what_is_open(family: FamilyStage) -> None:
    await family.enrolled("小满", "neonatal", discharge=date(2026, 2, 26))
    task, child = (await family.rows(Task))[0], await family.child("小满")
    family.now = max(family.now, task.due_at + timedelta(minutes=5))
    async with family.db.transaction() as tx:
        father, mother = await family.carer("钱建国"), await family.carer("赵敏")
        tx.add(PatientCarer(patient_id=child, carer_id=father, relationship="父亲"))
        # Asked in the mother's chat, which whoever answers last lets go of.
        chat = (await tx.scalars(select(Chat).where(Chat.carer_id == mother))).one()
        asked = await tx.get_one(Task, task.id)
        asked.state, asked.chat_id, chat.task_id = "sent", chat.id, task.id
    parents, path, taken = [await family.signed_in("赵敏"), await family.signed_in("钱建国")], f"/h5/{child}/tasks/{task.id}", 0
    while "已经填完了" not in (page := await parents[0].text(path)):
        forms = [hidden(await each.text(path)) | filled_in(page) for each in parents]
        answers = await asyncio.gather(*(each.post(path, form) for each, form in zip(parents, forms, strict=True)))
        told, back = sorted((answer.headers["Location"] for answer in answers), key=lambda where: where == path)
        assert told.startswith(f"/h5/{child}/told/") and back == path
        taken += 1
        assert taken < 9
    assert len(await family.messages()) == taken > 1
    [now] = await family.rows(Task, Task.id == task.id)
    assert now.state in ("done", "partial") and [len(known["messages"]) for known in now.answers.values()] == [1] * taken


async def test_an_answer_that_is_sent_twice_is_taken_once_and_told_twice(family: FamilyStage) -> None:
    await family.enrolled("小满", "neonatal", discharge=date(2026, 2, 26))
    task = (await family.rows(Task))[0]
    family.now = max(family.now, task.due_at + timedelta(minutes=5))
    phone, path = await family.signed_in(), f"/h5/{await family.child('小满')}/tasks/{task.id}"
    page = await phone.text(path)
    form = hidden(page) | filled_in(page)
    first, second = await asyncio.gather(phone.post(path, form), phone.post(path, form))
    third = await phone.post(path, form)
    assert "/told/" in first.headers["Location"]
    assert first.headers["Location"] == second.headers["Location"] == third.headers["Location"]
    assert len(await family.messages()) == 1


async def test_a_questionnaire_scores_and_alerts_as_in_the_chat(family: FamilyStage) -> None:
    async with family.db.transaction() as tx:
        await assign(tx, await tx.get_one(Patient, await family.child("小满")), newest()["epds"], now=family.now, by="nurse-lin")
    phone, child = await family.signed_in(), await family.child("小满")
    assert newest()["epds"].title in await phone.text(f"/h5/{child}/today")
    page = await phone.follow(await phone.send(f"/h5/{child}/questionnaires", f"/h5/{child}/questionnaires/begin/epds"))
    fill, pages = f"/h5/{child}/questionnaires/fill", []
    for item in newest()["epds"].items:
        worst = max(newest()["epds"].options_of(item), key=lambda option: option.value)
        form = hidden(page) | {"value": worst.label}
        answer = await phone.post(fill, form)
        twice = await phone.post(fill, form)
        assert twice.status == 303
        pages.append(await answer.text() if answer.status == 200 else "")
        page = await phone.text(fill)
    assert "请先看这里" in pages[-1] and "填完了" in pages[-1]
    [response] = await family.rows(QuestionnaireResponse)
    assert (response.state, response.score) == ("completed", 30.0)
    assert {flag.level for flag in await family.flags()} & {"urgent", "emergency"}


async def test_the_satisfaction_survey_forgets_who_it_was(family: FamilyStage) -> None:
    phone, child = await family.signed_in(), await family.child("乐乐")
    form = newest()["satisfaction"]
    answer = await phone.send(f"/h5/{child}/questionnaires", f"/h5/{child}/questionnaires/begin/satisfaction")
    if answer.status == 404:
        pytest.skip("the survey is for plans alone")
    page = await phone.follow(answer)
    for _ in form.items:
        answer = await phone.post(f"/h5/{child}/questionnaires/fill", hidden(page) | {"skip": "yes"})
        page = await answer.text() if answer.status == 200 else await phone.follow(answer)
    assert "填完了" in page
    [response] = await family.rows(QuestionnaireResponse)
    assert (response.state, response.patient_id, response.chat_id) == ("completed", None, None)


async def test_a_questionnaire_that_is_not_offered_cannot_be_begun(family: FamilyStage) -> None:
    phone, child = await family.signed_in(), await family.child("小满")
    for form in ("phq9", "nothing"):
        answer = await phone.send(f"/h5/{child}/questionnaires", f"/h5/{child}/questionnaires/begin/{form}")
        assert answer.status == 404
    assert await family.rows(QuestionnaireResponse) == []
