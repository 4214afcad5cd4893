"""Questionnaires in the chat: one item at a time, with side questions, pauses, taps out of order and answers that call for help."""

from datetime import date, timedelta

import pytest
from sqlalchemy import select

from plans.questionnaire import newest
from plans.questionnaire_report import questionnaire_report
from plans.questionnaire_response import assign
from records.patient import Patient
from records.questionnaire import QuestionnaireResponse
from tests.dialogue.conftest import Family

pytestmark = pytest.mark.dialogue


@pytest.fixture
async def adult(new_family) -> Family:
    """王先生, thirty, who writes for himself."""
    return await new_family(("王先生", date(1996, 1, 5), "M"))


async def assigned(family: Family, id: str) -> None:
    async with family.db.transaction() as tx:
        await assign(tx, await tx.get_one(Patient, family.children[0]), newest()[id], now=family.now, by="linyue")


async def responses(family: Family) -> list[QuestionnaireResponse]:
    async with family.db.transaction() as tx:
        return list(await tx.scalars(select(QuestionnaireResponse).order_by(QuestionnaireResponse.id)))


async def taps(family: Family, label: str) -> str:
    """The offered choice of this label."""
    menu_id = next(menu_id for menu_id, offered in family.choices.items() if offered == label)
    return await family.says(label, menu_id=menu_id)


async def test_a_survey_is_answered_by_ten_taps_and_forgets_who_gave_it(family: Family) -> None:
    said = await family.says("填问卷")
    assert "不记名" in said
    assert "（1/11）" in said
    for _ in range(10):
        said = await taps(family, "满意")
    assert "（11/11）" in said
    assert "谢谢" in await family.says("希望回复再快一点")
    [response] = await responses(family)
    assert (response.state, response.score, response.chat_id, response.patient_id) == ("completed", 100.0, None, None)
    assert response.answers["comment"]["value"] == "希望回复再快一点"


async def test_low_marks_offer_a_call_and_raise_nothing(family: Family) -> None:
    await family.says("填问卷")
    for label in ["不满意", "很不满意", *["一般"] * 8]:
        await taps(family, label)
    assert "护士" in await family.says("跳过")
    assert list(family.choices) == ["human"]
    assert await family.flags() == []
    [response] = await responses(family)
    assert response.score == 0.0


async def test_what_a_clinician_wants_goes_first_and_stands_in_todays_list(adult: Family) -> None:
    await assigned(adult, "phq9")
    assert "情绪自评" in await adult.says("今天要做什么")
    assert "（1/9）" in await adult.says("填问卷")
    for words, number in (("没有", 2), ("1", 3), ("有时候吧", 4), ("第三个", 5), ("几乎每天", 6)):
        assert f"（{number}/9）" in await adult.says(words)
    [response] = await responses(adult)
    assert [response.answers[item.id]["value"] for item in newest()["phq9"].items[:5]] == [0, 1, 1, 2, 3]


async def test_the_item_about_harm_calls_a_clinician_at_once_and_the_score_too(adult: Family) -> None:
    await assigned(adult, "phq9")
    await adult.says("填问卷")
    for _ in range(8):
        await taps(adult, "一半以上的日子")
    said = await taps(adult, "有几天")
    assert "12356" in said
    assert sorted((flag.category, flag.level) for flag in await adult.flags()) == [
        ("questionnaire_score", "same_day"),
        ("suicide_selfharm", "urgent"),
    ]
    [response] = await responses(adult)
    assert (response.score, response.band) == (17.0, "中重度")


async def test_a_skipped_item_about_harm_is_no_answer(adult: Family) -> None:
    await assigned(adult, "phq9")
    await adult.says("填问卷")
    for _ in range(8):
        await taps(adult, "完全不会")
    await adult.says("跳过")
    [flag] = await adult.flags()
    assert (flag.category, flag.level) == ("questionnaire_score", "same_day")
    [response] = await responses(adult)
    assert response.score is None


async def test_a_side_question_is_answered_and_the_item_asked_again(family: Family) -> None:
    await family.says("填问卷")
    said = await family.says("宝宝吐奶怎么办")
    assert "参考" in said
    assert "（1/11）" in said
    assert "（2/11）" in await family.says("还行")


async def test_a_report_beside_it_is_written_down(family: Family) -> None:
    await family.says("填问卷")
    said = await family.says("体温36.8")
    assert "36.8" in said
    assert "（1/11）" in said
    assert await family.recorded("temperature") == [36.8]


async def test_put_off_it_waits_and_is_taken_up_where_it_was(family: Family) -> None:
    await family.says("填问卷")
    await taps(family, "满意")
    assert "填问卷" in await family.says("先不填了")
    assert "不客气" in await family.says("谢谢")
    said = await family.says("继续填问卷")
    assert "接着" in said
    assert "（2/11）" in said


async def test_after_days_it_begins_anew(family: Family) -> None:
    await family.says("填问卷")
    await taps(family, "满意")
    await family.says("先不填了")
    family.now += timedelta(days=3)
    assert "（1/11）" in await family.says("填问卷")
    assert [response.state for response in await responses(family)] == ["stopped", "in_progress"]


async def test_an_earlier_item_is_put_right_by_tapping_it_again(family: Family) -> None:
    await family.says("填问卷")
    first = next(menu_id for menu_id, label in family.choices.items() if label == "很满意")
    await taps(family, "满意")
    assert "（2/11）" in await family.says("很满意", menu_id=first)
    [response] = await responses(family)
    assert {id: each["value"] for id, each in response.answers.items()} == {"ease": 5}


async def test_a_tap_on_another_familys_item_says_nothing(family: Family) -> None:
    await family.says("填问卷")
    assert "（1/11）" in await family.says("就点这个", menu_id="item_999999_ease_5")
    [response] = await responses(family)
    assert response.answers == {}


async def test_three_answers_that_nobody_can_read_lead_to_a_choice(family: Family) -> None:
    await family.says("填问卷")
    for text in ("木头做的", "紫的绿的都有"):
        await family.says(text)
        assert "skip" not in family.choices
    await family.says("东西掉地上了")
    assert list(family.choices)[:1] != []
    assert "（2/11）" in await family.says("跳过", menu_id="skip")


async def test_a_person_can_be_called_inside(family: Family) -> None:
    await family.says("填问卷")
    await family.says("转人工")
    assert family.turn is not None
    assert family.turn.wants_human == "request"


async def test_a_follow_up_waits_until_the_survey_is_over(family: Family) -> None:
    asked = await family.is_asked()
    await family.says("填问卷")
    assert "（2/11）" in await taps(family, "满意")
    await family.says("先不填了")
    assert "3.40公斤" in await family.says("3.4公斤")
    assert asked


async def test_the_report_counts_the_satisfied_by_item(family: Family) -> None:
    await family.says("填问卷")
    for label in ["不满意", *["满意"] * 9]:
        await taps(family, label)
    await family.says("跳过")
    async with family.db.transaction() as tx:
        report = await questionnaire_report(tx, newest()["satisfaction"])
    assert report.states == {"completed": 1}
    assert report.satisfied == pytest.approx(90)
    assert report.items["ease"] == (0, 1)
    assert "comment" not in report.items
