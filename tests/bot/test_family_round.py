"""What is due for a family is one conversation: bundled, reminded together, ended one by one; whatever happens to one, the others go on."""

from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from random import Random
from typing import Any

import pytest
from sqlalchemy import func, select, update

from bot.family_round import FamilyRound
from bot.follow_up import FollowUps
from bot.jobs import BULK
from bot.reach import Means
from bot.reply import plain_text
from bot.turn import TurnTaker
from plans.consent import resume, stop
from plans.content.shipped import shipped_contents, take_in_shipped
from plans.errand import close_errand
from plans.family import Key, due_families, read_families, set_aside
from plans.history import task_history
from plans.queue import go_on
from records.chat import lock_chats
from records.database import Database
from records.patient import AccessRefused
from records.schema import CarePlan, CarePlanChange, Contact, Errand, Inbound, Outbound, Patient, PatientCarer, StateChange, Task
from tests.plans.conftest import ZONE, Family, local, make_family

DAY = date(2026, 3, 10)
NINE = local(DAY, 9)
NIGHT = local(DAY + timedelta(days=1), 0)


@dataclass
class Ward:
    """Mother Zhao with Xiaoman, and what falls due for her."""

    family: Family
    heard: int = 0
    made: int = 0

    async def due(
        self, step: str, template: str = "chemotherapy", *, child: Patient | None = None, at: datetime = NINE, until: Any = None
    ) -> Task:
        tx, patient = self.family.tx, child or self.family.patient
        plan = await tx.scalar(select(CarePlan).where(CarePlan.patient_id == patient.id, CarePlan.template == template))
        if plan is None:
            plan = CarePlan(
                patient_id=patient.id, template=template, template_version=1, anchors={}, state="active", created_at=at, created_by="lin"
            )
            tx.add(plan)
            await tx.flush()
        until = until or local(at.astimezone(ZONE).date() + timedelta(days=1), 0)
        day = at.astimezone(ZONE).date()
        task = Task(care_plan_id=plan.id, patient_id=patient.id, step=step, day=day, slot=self.made, due_at=at, useful_until=until)
        self.made += 1
        tx.add(task)
        await tx.flush()
        return task

    async def brother(self) -> Patient:
        tx = self.family.tx
        child = Patient(team_id=self.family.team.id, record_number="N2", name="乐乐", sex="M", birth_date=date(2020, 1, 1), tags=[])
        tx.add(child)
        await tx.flush()
        tx.add(PatientCarer(patient_id=child.id, carer_id=self.family.carer.id, relationship="母亲"))
        await tx.flush()
        return child

    async def passes(self, now: datetime) -> list[str]:
        """The round at `now`; the proactive messages that it put into the outbox."""
        tx = self.family.tx
        families = await read_families(tx, await due_families(tx, now, most=100), now)
        turns = TurnTaker(None, ZONE, emergency_phone="120")
        await FamilyRound(tx, families, turns=turns, means=Means(ZONE), now=now, priority=BULK, rng=Random(1)).run()
        rows = list(await tx.scalars(select(Outbound).where(Outbound.seq > self.heard).order_by(Outbound.seq)))
        self.heard = max([self.heard, *(row.seq for row in rows)])
        self.family.chat.window_used = 0
        return [plain_text(row.payload) for row in rows if row.route == "kf"]


@pytest.fixture
async def ward(db: Database) -> AsyncIterator[Ward]:
    async with db.transaction() as tx:
        family = await make_family(tx)
        family.chat.window_from, family.chat.service_state = NINE - timedelta(hours=2), 1
        yield Ward(family)


async def test_three_things_for_one_child_are_one_message_that_asks_the_first(ward: Ward) -> None:
    tasks = [await ward.due(step) for step in ("temperature", "mouth", "intake")]
    [opening] = await ward.passes(NINE)
    assert "3件小事：体温、口腔、吃喝和大小便" in opening and "先说体温" in opening and "分钟" in opening
    assert [task.state for task in tasks] == ["sent"] * 3
    assert ward.family.chat.task_id == tasks[0].id
    assert await ward.passes(NINE + timedelta(minutes=1)) == []


async def test_one_thing_keeps_the_words_of_its_own_plan(ward: Ward) -> None:
    await ward.due("temperature")
    [opening] = await ward.passes(NINE)
    assert opening.startswith("您好，我是随访助手，来问问小满的情况") and "体温" in opening


async def test_the_next_begins_with_the_reply_that_ends_the_one_before(ward: Ward) -> None:
    temperature, mouth = [await ward.due(step) for step in ("temperature", "mouth")]
    await ward.passes(NINE)
    answered = await ward.family.answers(temperature, "36.6", now=NINE + timedelta(minutes=5))
    assert answered.finished
    then = await go_on(ward.family.tx, ward.family.chat, now=NINE + timedelta(minutes=5), zone=ZONE, several=False)
    assert then is not None and then.text.startswith("接下来说口腔") and ward.family.chat.task_id == mouth.id
    assert await ward.passes(NINE + timedelta(minutes=6)) == []


async def test_two_children_are_named(ward: Ward) -> None:
    brother = await ward.brother()
    await ward.due("temperature")
    await ward.due("temperature", child=brother)
    await ward.due("mouth", child=brother)
    [opening] = await ward.passes(NINE)
    assert "小满的体温，乐乐的体温、口腔" in opening and "先说小满的体温" in opening


async def test_a_visit_is_told_in_the_opening_and_needs_no_answer(ward: Ward) -> None:
    visit, temperature = await ward.due("visit"), await ward.due("temperature")
    [opening] = await ward.passes(NINE)
    assert "到院时间" in opening and "先说体温" in opening and "知道了" in opening and "去不了" in opening
    assert ward.family.chat.task_id == temperature.id
    await ward.family.tx.execute(update(Contact).values(state="sent"))
    await ward.passes(NIGHT)
    assert (visit.state, visit.outcome) == ("done", "told")
    assert (temperature.state, temperature.outcome) == ("missed", "no_answer")


async def test_reminders_are_one_message_no_more_than_the_steps_say_and_none_after_the_end(ward: Ward) -> None:
    mouth, intake = await ward.due("mouth"), await ward.due("intake")
    await ward.passes(NINE)
    [reminder] = await ward.passes(NINE + timedelta(hours=5))
    assert "2件没说：口腔、吃喝和大小便" in reminder and "先说口腔" in reminder
    assert (mouth.state, intake.state) == ("reminded", "reminded")
    assert await ward.passes(NINE + timedelta(hours=10)) == []
    assert await ward.passes(NIGHT) == []
    assert (mouth.state, intake.state) == ("missed", "missed")


async def test_what_is_half_answered_ends_as_partial_each_by_itself(ward: Ward) -> None:
    mouth, intake = await ward.due("mouth"), await ward.due("intake")
    await ward.passes(NINE)
    ward.family.chat.task_id = intake.id
    await ward.family.answers(intake, "都没有", now=NINE + timedelta(minutes=3))
    await ward.passes(NIGHT)
    assert (intake.state, intake.outcome, mouth.state) == ("partial", "unanswered", "missed")


async def test_nothing_at_night_and_the_whole_bundle_in_the_morning(ward: Ward) -> None:
    late = local(DAY, 22)
    task = await ward.due("mouth", at=late, until=local(DAY + timedelta(days=1), 20))
    assert await ward.passes(late) == []
    assert task.next_at == local(DAY + timedelta(days=1), 8)


async def test_another_conversation_is_waited_for_or_joined(ward: Ward) -> None:
    first = await ward.due("temperature")
    await ward.passes(NINE)
    second = await ward.due("mouth", at=NINE + timedelta(minutes=20))
    assert await ward.passes(NINE + timedelta(minutes=20)) == []
    assert (second.state, second.next_at) == ("scheduled", NINE + timedelta(minutes=35))
    [opening] = await ward.passes(NINE + timedelta(hours=1, minutes=1))
    assert "溃疡" in opening and (first.state, second.state) == ("sent", "sent")


async def test_a_person_in_the_chat_is_waited_for_and_a_closed_window_goes_to_a_nurse(ward: Ward) -> None:
    task = await ward.due("mouth")
    ward.family.chat.state = "human"
    assert await ward.passes(NINE) == []
    ward.family.chat.state, ward.family.chat.window_from = "bot", None
    assert await ward.passes(NINE + timedelta(minutes=15)) == []
    assert (task.state, task.outcome) == ("undeliverable", "window_closed")
    assert await ward.family.tx.scalar(select(func.count()).select_from(Errand).where(Errand.kind == "no_route")) == 1


async def test_a_family_that_stopped_hears_nothing_and_what_it_missed_says_so(ward: Ward) -> None:
    task = await ward.due("mouth")
    await stop(ward.family.tx, ward.family.carer, NINE - timedelta(hours=1))
    assert await ward.passes(NINE) == []
    await resume(ward.family.tx, ward.family.carer, NINE + timedelta(hours=1))
    assert len(await ward.passes(NINE + timedelta(hours=1))) == 1
    assert task.state == "sent"


async def test_missed_again_and_again_is_one_errand(ward: Ward) -> None:
    for day in range(5):
        at = NINE + timedelta(days=day)
        ward.family.chat.window_from = at - timedelta(hours=1)
        await ward.due("temperature", at=at)
        await ward.passes(at)
        await ward.passes(local(DAY + timedelta(days=day + 1), 0))
    errands = list(await ward.family.tx.scalars(select(Errand).where(Errand.kind == "missed")))
    assert len(errands) == 1 and "连续4次" in errands[0].text


async def test_an_honest_cannot_breaks_the_run(ward: Ward) -> None:
    for day in range(5):
        at = NINE + timedelta(days=day)
        ward.family.chat.window_from = at - timedelta(hours=1)
        task = await ward.due("temperature", at=at)
        await ward.passes(at)
        if day == 2:
            await ward.family.answers(task, "家里没有体温计", now=at + timedelta(minutes=5))
            assert task.state == "declined"
        await ward.passes(local(DAY + timedelta(days=day + 1), 0))
    assert await ward.family.tx.scalar(select(func.count()).select_from(Errand).where(Errand.kind == "missed")) == 0


async def test_one_broken_family_does_not_stop_the_others(db: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    async with db.transaction() as tx:
        family = await make_family(tx)
        family.chat.window_from, family.chat.service_state = NINE - timedelta(hours=2), 1
        ward = Ward(family)
        good = await ward.due("temperature")
        bad_child = Patient(team_id=family.team.id, record_number="N9", name="坏坏", birth_date=date(2026, 1, 1), tags=[])
        tx.add(bad_child)
        await tx.flush()
        bad = await ward.due("temperature", child=bad_child)
    original = FamilyRound._give_up

    def breaks(self: FamilyRound, bundle: Any, reason: str) -> None:
        if any(piece.patient.name == "坏坏" for piece in bundle):
            raise RuntimeError("broken")
        original(self, bundle, reason)

    monkeypatch.setattr(FamilyRound, "_give_up", breaks)
    follow_ups = FollowUps(db, TurnTaker(None, ZONE, emergency_phone="120"), lambda: NINE, Means(ZONE))
    for lane in range(4):
        await follow_ups.run_lane(str(lane))
    async with db.transaction() as tx:
        assert (await tx.get_one(Task, good.id)).state == "sent"
        left = await tx.get_one(Task, bad.id)
        assert (left.state, left.next_at) == ("scheduled", NINE + timedelta(minutes=10))


async def test_a_second_worker_finds_nothing_and_a_locked_chat_is_passed_over(db: Database) -> None:
    async with db.transaction() as tx:
        family = await make_family(tx)
        family.chat.window_from, family.chat.service_state = NINE - timedelta(hours=2), 1
        await Ward(family).due("temperature")
        chat, carer = family.chat.id, family.carer.id
    follow_ups = FollowUps(db, TurnTaker(None, ZONE, emergency_phone="120"), lambda: NINE, Means(ZONE))
    async with db.transaction() as talking:
        await lock_chats(talking, [chat])
        await follow_ups.run_lane(str(Key(carer).lane))
        assert await talking.scalar(select(func.count()).select_from(Outbound)) == 0
    for _ in range(2):
        await follow_ups.run_lane(str(Key(carer).lane))
    async with db.transaction() as tx:
        assert await tx.scalar(select(func.count()).select_from(Outbound)) == 1
        assert await set_aside(tx, [Key(carer)], NINE, NINE) == 0


async def test_every_move_is_written_down(ward: Ward) -> None:
    task = await ward.due("mouth")
    await ward.passes(NINE)
    await ward.passes(NINE + timedelta(hours=5))
    await ward.passes(NIGHT)
    rows = await ward.family.tx.execute(
        select(StateChange.new, StateChange.reason)
        .where(StateChange.entity == "task", StateChange.entity_id == task.id)
        .order_by(StateChange.id)
    )
    assert [tuple(row) for row in rows] == [("sent", "due"), ("reminded", "no answer yet"), ("missed", "no_answer")]


async def test_the_history_tells_it_all_in_order(ward: Ward) -> None:
    tx = ward.family.tx
    task = await ward.due("intake")
    ward.family.chat.state = "human"
    await ward.passes(NINE)
    ward.family.chat.state = "bot"
    await ward.passes(NINE + timedelta(minutes=15))
    said = Inbound(
        chat_id=ward.family.chat.id, msgid="m1", origin=3, msgtype="text", text="都没有", body={}, sent_at=NINE + timedelta(minutes=20),
        received_at=NINE + timedelta(minutes=20),
    )  # fmt: skip
    tx.add(said)
    await tx.flush()
    await ward.family.answers(task, "都没有", now=NINE + timedelta(minutes=20), message_id=said.id)
    await ward.family.answers(task, "几乎不吃不喝", now=NINE + timedelta(minutes=21))
    told = await task_history(tx, ward.family.lin, task.id, now=NINE + timedelta(minutes=30), zone=ZONE)
    assert "吃喝和大小便" in told.head and "已开始答" in told.head
    assert "化疗期间居家随访" in told.why[0] and "09:00" in told.why[-1]
    kinds = [line.kind for line in told.lines]
    assert kinds.index("held") < kinds.index("message") < kinds.index("heard")
    words = "\n".join(line.text for line in told.lines)
    for part in ("没有发出：人工会话中", "渠道微信客服", "开场白：您好", "家属：都没有", "记录：没有呕吐", "“几乎不吃不喝”"):
        assert part in words, part
    with pytest.raises(AccessRefused):
        await task_history(tx, ward.family.qin, task.id, now=NINE, zone=ZONE)


async def own_step(ward: Ward, step: str, **body: Any) -> Task:
    """A step of the patient's own, as a clinician adds one, due at nine."""
    whole = {"title": "自己的一步", "anchor": "enrolment", "schedule": [{"days": [0], "src": "R"}]} | body
    plan = (await ward.due("temperature", at=NINE + timedelta(days=300))).care_plan_id
    tx = ward.family.tx
    (await tx.get_one(CarePlan, plan)).changes = 1
    day = DAY.isoformat()
    tx.add(CarePlanChange(care_plan_id=plan, kind="add", step=step, detail={"body": whole, "day": day}, at=NINE, by="lin"))
    await tx.flush()
    return await ward.due(step)


async def test_a_message_is_done_once_it_was_sent(ward: Ward) -> None:
    task = await own_step(ward, "news", kind="message", text="{name}的门诊改到三楼了。")
    [said] = await ward.passes(NINE)
    assert "小满的门诊改到三楼了" in said and task.state == "sent"
    await ward.passes(NINE + timedelta(minutes=10))
    assert task.state == "sent", "it has not left the outbox yet"
    await ward.family.tx.execute(update(Contact).values(state="sent"))
    await ward.passes(NINE + timedelta(minutes=20))
    assert (task.state, task.outcome) == ("done", "told")


async def test_what_joins_becomes_the_next_subject_without_a_message(ward: Ward) -> None:
    first = await ward.due("temperature", at=NINE - timedelta(minutes=5))
    await ward.passes(NINE - timedelta(minutes=5))
    options = [{"value": 1, "label": "好"}, {"value": 0, "label": "不好"}]
    ask = {"id": "how", "kind": "choice", "ask": "今天走路怎么样？", "options": options}
    joined = await own_step(ward, "walk", kind="exercise", start="join", questions=[ask])
    assert await ward.passes(NINE) == []
    assert (joined.state, ward.family.chat.task_id) == ("sent", first.id)
    await ward.family.answers(first, "36.6", now=NINE + timedelta(minutes=1))
    then = await go_on(ward.family.tx, ward.family.chat, now=NINE + timedelta(minutes=1), zone=ZONE, several=False)
    assert then is not None and "走路" in then.text and [label for _, label in then.buttons] == ["好", "不好"]


async def test_a_clinicians_step_says_nothing_to_the_family_and_ends_with_its_errand(ward: Ward) -> None:
    task = await ward.due("live_vaccines", "kawasaki")
    assert await ward.passes(NINE) == []
    errand = (await ward.family.tx.scalars(select(Errand))).one()
    assert "活疫苗" in errand.text and "小满" in errand.text and task.state == "sent"
    await close_errand(ward.family.tx, errand, "done", by="lin", outcome="家长已知", now=NINE + timedelta(hours=1))
    assert (task.state, task.outcome) == ("done", "done")


async def test_a_lesson_that_is_not_published_is_not_said(ward: Ward) -> None:
    task = await ward.due("education_fever")
    assert await ward.passes(NINE) == []
    assert (task.state, task.outcome) == ("undeliverable", "no_content")


async def test_a_lesson_waits_for_the_end_of_what_is_asked(ward: Ward) -> None:
    await take_in_shipped(ward.family.tx, shipped_contents(), NINE - timedelta(days=1))
    lesson, mouth = await ward.due("education_fever"), await ward.due("mouth")
    [opening] = await ward.passes(NINE)
    assert "溃疡" in opening and lesson.state == "scheduled"
    await ward.family.answers(mouth, "都没有", now=NINE + timedelta(minutes=2))
    then = await go_on(ward.family.tx, ward.family.chat, now=NINE + timedelta(minutes=2), zone=ZONE, several=False)
    assert then is not None and then.asks is None and "小知识" in then.text
    assert [key.split("_")[0] for key, _ in then.buttons] == ["useful", "useless"]
    assert (lesson.state, lesson.outcome) == ("done", "told")
