"""A follow-up in conversation: answers, side questions, refusals, failures."""

import pytest

from tests.dialogue.conftest import Family

pytestmark = pytest.mark.dialogue


@pytest.mark.parametrize(("text", "kilograms"), [("6斤8两", 3.4), ("3.4公斤", 3.4), ("3400克", 3.4), ("三千四百克", 3.4)])
async def test_the_weight_is_read_in_any_unit_and_the_next_question_follows(family: Family, text: str, kilograms: float) -> None:
    await family.is_asked()
    said = await family.says(text)
    assert f"{kilograms:.2f}公斤" in said
    assert "吃了几次奶" in said
    assert await family.recorded("weight") == [kilograms]
    assert (await family.task()).state == "started"


async def test_all_answers_close_the_follow_up(family: Family) -> None:
    await family.is_asked()
    await family.says("6斤8两")
    await family.says("吃了8次奶，每次60毫升，换了7片尿布")
    assert (await family.task()).state == "done"
    assert "不客气" in await family.says("谢谢")


async def test_not_weighed_leaves_the_weight_out_and_goes_on(family: Family) -> None:
    await family.is_asked()
    assert "吃了几次奶" in await family.says("没称")
    assert await family.recorded("weight") == []


async def test_not_yet_keeps_the_question_open_without_asking_it_again(family: Family) -> None:
    asked = await family.is_asked()
    said = await family.says("等会儿")
    assert said
    assert asked not in said
    assert (await family.task()).state == "started"
    assert "3.40公斤" in await family.says("3.4公斤")


async def test_cannot_ends_it_with_the_reason(family: Family) -> None:
    await family.is_asked()
    await family.says("家里没秤，称不了")
    task = await family.task()
    assert (task.state, task.outcome) == ("declined", "cannot")


async def test_a_side_question_is_answered_and_the_follow_up_taken_up_again(family: Family) -> None:
    asked = await family.is_asked()
    said = await family.says("宝宝吐奶怎么办")
    assert "参考" in said
    assert said.rstrip().endswith(asked)
    assert "3.40公斤" in await family.says("3.4公斤")


@pytest.mark.parametrize("text", ["你好", "谢谢", "你是机器人吗", "今天股票涨了吗", "什么时候复诊"])
async def test_small_talk_does_not_fill_the_answer(family: Family, text: str) -> None:
    asked = await family.is_asked()
    assert asked in await family.says(text)
    assert await family.recorded("weight") == []
    assert (await family.task()).answers == {}


async def test_a_person_inside_a_follow_up_pauses_it(family: Family) -> None:
    asked = await family.is_asked()
    said = await family.says("转人工")
    assert asked not in said
    assert family.turn is not None
    assert family.turn.wants_human == "request"
    assert "3.40公斤" in await family.says("3.4公斤")


async def test_stopping_inside_a_follow_up_asks_only_that(family: Family) -> None:
    asked = await family.is_asked()
    assert asked not in await family.says("别再发消息了")
    assert set(family.choices) == {"yes", "no"}
    assert asked in await family.says("先不停", menu_id="no")


async def test_three_failures_lead_to_a_choice(family: Family) -> None:
    await family.is_asked()
    for text in ("木头做的", "紫的绿的都有"):
        assert await family.says(text)
        assert "skip" not in family.choices
    await family.says("东西掉地上了")
    assert list(family.choices) == ["skip", "human", "go_on"]


async def test_after_three_failures_each_choice_works(new_family) -> None:
    from datetime import date

    for choice, hears in (("skip", "吃了几次奶"), ("human", ""), ("go_on", "体重")):
        family: Family = await new_family(("安安", date(2026, 2, 20), "F"))
        await family.is_asked()
        for text in ("木头做的", "紫的绿的都有", "东西掉地上了"):
            await family.says(text)
        assert hears in await family.says(family.choices[choice], menu_id=choice)
        assert family.turn is not None
        assert (family.turn.wants_human is not None) == (choice == "human")


async def test_what_is_said_beside_the_answer_is_kept(family: Family) -> None:
    await family.is_asked()
    await family.says("3.4公斤，有点咳嗽")
    assert len(await family.recorded("cough")) == 1


async def test_the_form_follows_the_task_not_the_other_way_round(family: Family) -> None:
    from records.care_plan import Task
    from records.chat import Chat

    asked = await family.is_asked()
    async with family.db.transaction() as tx:
        chat = await tx.get_one(Chat, family.chat_id)
        task = await tx.get_one(Task, chat.task_id)
        task.state, chat.task_id = "missed", None
    assert asked not in await family.says("你好")


async def test_a_follow_up_cuts_the_conversation(family: Family) -> None:
    await family.says("别再发消息了")
    asked = await family.is_asked()
    said = await family.says("是的")
    assert family.turn is not None and not family.turn.stop
    assert asked or said
