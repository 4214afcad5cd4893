"""A follow-up on its whole road: due, sent, answered or not, and never dropped in silence."""

from datetime import timedelta
from random import Random

from sqlalchemy import select, update

from bot.follow_up import FollowUps
from bot.reach import Means
from plans.experiment.setting import turn_on
from plans.work_list import work_list
from records.care_plan import Task
from records.chat import WINDOW_MESSAGES, Chat
from records.experiment import SendChoice
from records.message import Outbound
from records.patient import Patient
from records.sending import pause_sending, resume_sending
from records.staff import Staff, Team
from tests.bot.stage import ZONE, Family, Stage

NEWBORN = {"name": "小满", "days": 6, "birth_weight_g": 3400, "weeks": 39}


async def a_newborn_on_the_plan(stage: Stage, *, talks: bool = True) -> Family:
    mother = await stage.family("zhao", NEWBORN)
    if talks:
        await mother.says("你好")
    await stage.enrol(mother.patients[0])
    return mother


async def task_states(stage: Stage) -> list[str]:
    async with stage.db.transaction() as tx:
        rows = (await tx.scalars(select(Task).order_by(Task.day, Task.id))).all()
    return [row.state for row in rows if row.state != "scheduled"]


async def nurse_sees(stage: Stage, userid: str) -> list[str]:
    async with stage.db.transaction() as tx:
        nurse = (await tx.scalars(select(Staff).where(Staff.userid == userid))).one()
        return [f"{item.kind}: {item.name}" for item in await work_list(tx, nurse, stage.clock())]


async def test_the_mornings_question_goes_out_once(stage: Stage) -> None:
    mother = await a_newborn_on_the_plan(stage)
    await stage.settle()
    assert "体重" in await mother.last()
    assert await task_states(stage) == ["sent"]
    await stage.settle()
    assert sum("体重" in text for text in await mother.hears()) == 1


async def test_silence_is_reminded_once_then_missed_and_shown_to_the_nurse(stage: Stage) -> None:
    mother = await a_newborn_on_the_plan(stage)
    await stage.settle()
    await stage.move(timedelta(hours=5))
    assert await task_states(stage) == ["reminded"]
    assert "提醒" in await mother.last()
    await stage.move(timedelta(hours=10))
    assert "missed" in await task_states(stage)
    assert "missed: 小满" in await nurse_sees(stage, "linyue")
    assert await nurse_sees(stage, "qinlan") == []


async def test_no_question_at_night(stage: Stage) -> None:
    mother = await a_newborn_on_the_plan(stage)
    await stage.settle()
    asked = len(await mother.hears())
    await stage.move(timedelta(hours=14))
    await stage.move(timedelta(hours=6))
    assert len(await mother.hears()) == asked
    await stage.move(timedelta(hours=4))
    assert len(await mother.hears()) > asked


async def test_a_family_that_never_wrote_is_the_nurses_work(stage: Stage) -> None:
    await a_newborn_on_the_plan(stage, talks=False)
    await stage.settle()
    assert await task_states(stage) == ["undeliverable"]
    assert "errand: 小满" in await nurse_sees(stage, "linyue")


async def test_when_the_window_has_closed_the_nurse_is_told_at_once(stage: Stage) -> None:
    mother = await a_newborn_on_the_plan(stage)
    await stage.settle()
    for _ in range(3):
        await stage.move(timedelta(days=1))
    assert "undeliverable" in await task_states(stage)
    assert "errand: 小满" in await nurse_sees(stage, "linyue")
    heard = len(await mother.hears())
    await mother.says("不好意思才看到")
    assert len(await mother.hears()) == heard + 1


async def test_a_window_that_wecom_closes_first_is_not_a_silent_drop(stage: Stage) -> None:
    await a_newborn_on_the_plan(stage)
    await stage.control("POST", "faults", path="kf/send_msg", times=1, errcode=95002)
    await stage.settle()
    async with stage.db.transaction() as tx:
        row = (await tx.scalars(select(Outbound).where(Outbound.purpose == "task"))).one()
    assert (row.state, row.error) == ("withdrawn", "window_closed")
    assert await task_states(stage) == ["undeliverable"]


async def test_an_opening_that_found_the_window_used_up_is_said_at_the_familys_next_word(stage: Stage) -> None:
    mother = await a_newborn_on_the_plan(stage)
    async with stage.db.transaction() as tx:
        await pause_sending(tx, by="hemin", reason="停一会儿", now=stage.clock())
        task = (await tx.scalars(select(Task).order_by(Task.day, Task.id))).first()
    assert task is not None
    await FollowUps(stage.db, stage.turns, stage.clock, Means(ZONE)).run(str(task.id))
    await stage.move(timedelta(seconds=10))
    await mother.says("有点担心")
    async with stage.db.transaction() as tx:
        # Answers to the mother's word have used up what WeCom allows.
        await tx.execute(update(Chat).values(window_used=WINDOW_MESSAGES))
        await resume_sending(tx, by="hemin", reason="好了", now=stage.clock())
    await stage.move(timedelta(minutes=2))
    async with stage.db.transaction() as tx:
        row = (await tx.scalars(select(Outbound).where(Outbound.purpose == "task"))).one()
        assert (row.state, row.error) == ("withdrawn", "window_closed")
    assert await task_states(stage) == ["sent"]
    assert not any("体重" in text for text in await mother.hears())
    await mother.says("还在吗")
    assert any("体重" in text for text in await mother.hears())


async def test_while_a_nurse_talks_the_question_waits(stage: Stage) -> None:
    mother = await stage.family("zhao", NEWBORN)
    await mother.says("转人工")
    await stage.enrol(mother.patients[0])
    await stage.settle()
    assert not any("体重" in text for text in await mother.hears())
    await stage.control("POST", f"{mother.path}/servicer", userid="linyue", act="end")
    await stage.settle()
    await mother.says("谢谢")
    await stage.move(timedelta(minutes=20))
    assert any("体重" in text for text in await mother.hears())


async def test_the_opening_is_worded_as_chosen_and_the_question_stays_the_plans(stage: Stage) -> None:
    mother = await a_newborn_on_the_plan(stage)
    async with stage.db.transaction() as tx:
        nurse = (await tx.scalars(select(Staff).where(Staff.userid == "linyue"))).one()
        patient = await tx.get_one(Patient, mother.patients[0])
        team = await tx.get_one(Team, patient.team_id)
        await turn_on(tx, nurse, team, "wording", ["brief", "purpose"], now=stage.clock(), rng=Random(1), held_out=0.05)
    await stage.settle()
    async with stage.db.transaction() as tx:
        choice = (await tx.scalars(select(SendChoice))).one()
        task = await tx.get_one(Task, choice.task_id)
    assert choice.chosen in ("brief", "purpose", "plain") and task.state == "sent"
    heard = await mother.last()
    begins = {"brief": "小满的随访：", "purpose": "小满家长您好，您的回答会直接给随访团队看", "plain": "您好"}
    assert heard.startswith(begins[choice.chosen]) and "体重" in heard
