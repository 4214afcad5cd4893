"""What families say outside of a follow-up, and what they hear."""

import pytest

from tests.dialogue.conftest import Family

pytestmark = pytest.mark.dialogue


async def test_the_assistant_says_once_who_it_is(family: Family) -> None:
    assert "随访助手" in await family.says("你好")
    again = await family.says("您好")
    assert "随访助手" not in again
    assert again


async def test_a_report_is_kept_and_said_back_with_a_next_step(family: Family) -> None:
    said = await family.says("体温37.2度")
    assert "37.2" in said
    assert "4小时" in said
    assert await family.recorded("temperature") == [37.2]


@pytest.mark.parametrize(("text", "code"), [("6斤8两", "weight"), ("38.2", "temperature"), ("拉了三次绿便便", "stool_count")])
async def test_a_bare_finding_is_a_report(family: Family, text: str, code: str) -> None:
    await family.says(text)
    assert len(await family.recorded(code)) == 1


async def test_a_question_is_answered_with_source_and_review(family: Family) -> None:
    said = await family.says("宝宝吐奶怎么办")
    assert "参考" in said
    assert "审阅" in said


async def test_what_it_does_not_know_it_says_and_offers_the_nurse(family: Family) -> None:
    said = await family.says("宝宝可以戴金手镯吗")
    assert "答不好" in said
    assert set(family.choices) == {"yes", "no"}
    assert "转给值班护士" in await family.says("请护士回答", menu_id="yes")
    assert [flag.category for flag in await family.flags()] == ["family_question"]


async def test_an_offer_that_was_passed_over_is_no_longer_open(family: Family) -> None:
    await family.says("宝宝可以戴金手镯吗")
    await family.says("体温36.8")
    await family.says("好的")
    assert family.turn is not None
    assert family.turn.wants_human is None


async def test_a_person_is_called_and_what_was_said_beside_it_is_kept(family: Family) -> None:
    assert "38.1" in await family.says("38.1度，转人工")
    assert family.turn is not None
    assert family.turn.wants_human == "request"
    assert await family.recorded("temperature") == [38.1]


async def test_a_complaint_goes_to_a_person(family: Family) -> None:
    assert "对不起" in await family.says("我要投诉你们")
    assert family.turn is not None
    assert family.turn.wants_human == "complaint"


async def test_stopping_is_confirmed_once_and_can_be_taken_back(family: Family) -> None:
    await family.says("别再发消息了")
    assert set(family.choices) == {"yes", "no"}
    assert family.turn is not None and not family.turn.stop
    assert "停止" in await family.says("是的，停掉", menu_id="yes")
    assert family.turn.stop
    assert "恢复" in await family.says("恢复随访")


async def test_stopping_said_twice_is_meant(family: Family) -> None:
    await family.says("不要再发了")
    await family.says("停止随访")
    assert family.turn is not None
    assert family.turn.stop


async def test_not_stopping_stops_nothing(family: Family) -> None:
    await family.says("别再发消息了")
    assert "照常" in await family.says("先不停", menu_id="no")
    assert family.turn is not None and not family.turn.stop


async def test_a_late_yes_stops_nothing(family: Family) -> None:
    await family.says("别再发消息了")
    await family.says("体温36.8")
    await family.says("是的")
    assert family.turn is not None and not family.turn.stop


async def test_what_is_not_understood_is_said_with_ways_on(family: Family) -> None:
    said = await family.says("那个啥呀就是那样子的嘛")
    assert "没" in said
    assert set(family.choices) == {"today", "question", "human"}


async def test_each_way_on_leads_somewhere(family: Family) -> None:
    assert await family.says("今天要做什么", menu_id="today")
    assert "问" in await family.says("问问题", menu_id="question")
    await family.says("找护士", menu_id="human")
    assert family.turn is not None
    assert family.turn.wants_human == "request"


async def test_an_unknown_or_stale_menu_id_is_read_as_words(family: Family) -> None:
    await family.says("体温36.6", menu_id="left_over_from_last_year")
    assert await family.recorded("temperature") == [36.6]
    said = await family.says("跳过", menu_id="skip")
    assert "没有等您回答" in said


async def test_what_is_not_for_us_gets_one_line(family: Family) -> None:
    said = await family.says("今天股票涨了吗")
    assert "\n" not in said
    assert "帮不上" in said


async def test_a_family_without_a_child_on_record_is_invited_to_bind_and_may_have_a_nurse(new_family) -> None:
    stranger: Family = await new_family()
    assert "档案" in await stranger.says("孩子发烧38度5")
    assert stranger.turn is not None and stranger.turn.wants_human is None
    assert set(stranger.choices) == {"bind", "human"}
    assert len(await stranger.says("还有点咳嗽")) < 40


async def test_medicine_that_did_not_help_is_no_complaint(family: Family) -> None:
    said = await family.says("思密达吃了一天不管用")
    assert "对不起" not in said and "思密达" in said
    assert family.turn is not None and family.turn.wants_human is None
    assert len(await family.recorded("medicine")) == 1


@pytest.mark.parametrize("text", ["现在要不要吃抗生素", "还用吃什么药呢", "头孢能和益生菌一起吃吗", "美林一次喂几毫升"])
async def test_questions_of_medicine_are_the_doctors(family: Family, text: str) -> None:
    said = await family.says(text)
    assert ("医生" in said or "不能替您" in said) and "参考" not in said
    assert set(family.choices) == {"yes", "no"}
    await family.says("好的")
    assert [flag.category for flag in await family.flags()] == ["family_question"]


@pytest.mark.parametrize("text", ["红细胞好几项偏低，会不会贫血", "是不是细菌感染"])
async def test_results_and_diagnoses_are_the_doctors(family: Family, text: str) -> None:
    assert "医生" in await family.says(text)
    assert set(family.choices) == {"yes", "no"}


async def test_a_value_without_its_report_is_not_explained(family: Family) -> None:
    said = await family.says("CRP 33.9")
    assert "还没有" in said and "护士" in said and family.choices


async def test_an_article_about_the_medicine_itself_is_given(family: Family) -> None:
    assert "滴" in await family.says("维生素D忘了吃怎么办")


async def test_a_sign_that_is_only_asked_about_is_not_kept(family: Family) -> None:
    assert "溢奶" in await family.says("宝宝吐奶怎么办")
    assert await family.recorded("vomiting") == await family.recorded("spit_up") == []
    await family.says("宝宝刚才吐奶了，怎么办")
    assert await family.recorded("vomiting") + await family.recorded("spit_up")


async def test_not_understood_twice_the_nurse_comes_first(family: Family) -> None:
    first = await family.says("木头做的")
    second = await family.says("紫的绿的都有")
    assert "原样记下" in first and "护士" not in first
    assert "请护士" in second and next(iter(family.choices)) == "yes"
    await family.says("体温36.8")
    assert await family.says("木头做的") == first


async def test_a_doubtful_number_is_asked_about_and_counts_once_confirmed(family: Family) -> None:
    assert "38.5℃吗" in await family.says("体温385")
    assert await family.recorded("temperature") == []
    assert "38.5" in await family.says("是的")
    assert await family.recorded("temperature") == [38.5]


async def test_a_number_that_cannot_be_true_is_asked_back_beside_the_question(family: Family) -> None:
    said = await family.says("现在体温45度要紧吗")
    assert "多少度" in said and "护士" in said


async def test_a_bare_answer_to_nothing_is_acknowledged(family: Family) -> None:
    for text in ("没有", "没有啊", "还没有"):
        assert "没有等您回答的问题" in await family.says(text)


async def test_the_danger_signs_are_said_in_full_once(family: Family) -> None:
    assert "叫不醒" in await family.says("打喷嚏了")
    again = await family.says("有点流鼻涕")
    assert "叫不醒" not in again and "120" in again


async def test_the_first_weight_is_compared_with_the_birth_weight(family: Family) -> None:
    assert "再称一次" in await family.says("5.2公斤")


async def test_a_polite_yes_is_no_yes_to_the_nurse(family: Family) -> None:
    await family.says("宝宝可以戴金手镯吗")
    await family.says("好的，那我再观察观察")
    assert family.turn is not None and family.turn.wants_human is None


async def test_a_question_beside_a_report_is_not_passed_over(family: Family) -> None:
    said = await family.says("有点咳嗽，和前天吹空调有关系吗")
    assert "咳嗽" in said and "请护士" in said


async def test_a_child_who_is_well_needs_no_watching(family: Family) -> None:
    said = await family.says("精神很好，能吃能睡")
    assert "不错" in said and "120" not in said


async def test_stopping_something_else_is_not_stopping_the_messages(family: Family) -> None:
    assert "随访消息" not in await family.says("刚输完液，这停了一星期")


async def test_only_a_bare_yes_gets_a_nod(family: Family) -> None:
    assert await family.says("嗯嗯") == "好的。"
    assert await family.says("就是绿水") != "好的。"
