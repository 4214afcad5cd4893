"""Questionnaires as data, the reading of answers, and scores."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from plans.questionnaire import Questionnaire, find_questionnaire, newest, questionnaires, result_of
from plans.questionnaire_answer import read_answer
from plans.questionnaire_response import next_item
from plans.template import TemplateError
from records.questionnaire import QuestionnaireResponse

PHQ9 = newest()["phq9"]
SURVEY = newest()["satisfaction"]
PAIN = newest()["pain"]


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("完全不会", 0), ("没有", 0), ("0", 0), ("有几天", 1), ("好几天吧", 1), ("一半以上的日子", 2), ("２", 2), ("三", 3), ("选3", 3),
        ("第二个", 1), ("第4项", 3), ("几乎每天", 3), ("天天", 3), ("3分", 3),
        ("第五个", None), ("4", None), ("没有几天", None), ("不是每天", None), ("完全不会，有几天", None), ("嗯", None), ("", None),
        ("一百二八十五", None), ("昨天晚上三点才睡着然后就一直醒着到了天亮", None),
    ],
)  # fmt: skip
def test_an_option_is_read_or_asked_again(text: str, value: int | None) -> None:
    assert read_answer(PHQ9, PHQ9.items[0], text) == value


@pytest.mark.parametrize(("text", "value"), [("满意", 4), ("不满意", 2), ("很不满意", 1), ("非常满意", 5), ("还行", 3), ("不太满意", 2)])
def test_the_longer_words_win(text: str, value: int) -> None:
    assert read_answer(SURVEY, SURVEY.items[0], text) == value


@pytest.mark.parametrize(("text", "value"), [("7", 7), ("大概七分", 7), ("疼到10分了", 10), ("11", None), ("7到8分", None), ("6.5", None)])
def test_a_number_is_one_whole_number_in_range(text: str, value: int | None) -> None:
    assert read_answer(PAIN, PAIN.items[0], text) == value


@given(st.text())
def test_any_text_is_an_option_a_number_or_nothing(text: str) -> None:
    assert read_answer(PHQ9, PHQ9.items[0], text) in {None, 0, 1, 2, 3}
    assert read_answer(PAIN, PAIN.items[0], text) in {None, *range(11)}


@pytest.mark.parametrize(
    ("values", "score", "band", "level"),
    [
        ([0] * 9, 0, "没有或很轻", None),
        ([1, 1, 1, 1] + [0] * 5, 4, "没有或很轻", None),
        ([1] * 5 + [0] * 4, 5, "轻度", None),
        ([3, 3, 3] + [0] * 6, 9, "轻度", None),
        ([3, 3, 3, 1] + [0] * 5, 10, "中度", "same_day"),
        ([2] * 9, 18, "中重度", "same_day"),
        ([3] * 6 + [2] + [0] * 2, 20, "重度", "urgent"),
    ],
)
def test_phq9_is_scored_at_its_cut_offs(values: list[int], score: float, band: str, level: str | None) -> None:
    result = result_of(PHQ9, {item.id: value for item, value in zip(PHQ9.items, values, strict=True)})
    assert (result.score, result.band, result.level) == (score, band, level)


def test_a_gap_gives_no_score_but_a_level_that_is_reached_already() -> None:
    answers: dict[str, int | str | None] = {item.id: 3 for item in PHQ9.items} | {"interest": None}
    result = result_of(PHQ9, answers)
    assert (result.score, result.band, result.level) == (None, None, "urgent")


def test_satisfaction_counts_the_answered_only() -> None:
    answers: dict[str, int | str | None] = {"ease": 5, "response": 4, "education": 2, "contact": None}
    result = result_of(SURVEY, answers)
    assert result.score == pytest.approx(200 / 3)
    assert (result.answered, result.low) == (3, False)
    assert result_of(SURVEY, {**answers, "contact": 1}).low


def test_a_version_that_is_gone_is_an_error() -> None:
    with pytest.raises(TemplateError, match="phq9 version 99"):
        find_questionnaire("phq9", 99)


@pytest.mark.parametrize(
    ("change", "complaint"),
    [
        ({"options": []}, "two options"),
        ({"alarms": [{"item": "x", "gte": 1, "level": "urgent", "category": "c", "src": "R", "advice": "a"}]}, "not there"),
        ({"bands": []}, "needs bands"),
        ({"intro": "{who}"}, "placeholders"),
        ({"satisfied_from": 4}, "satisfied_share"),
    ],
)
def test_a_questionnaire_that_cannot_work_is_refused(change: dict[str, object], complaint: str) -> None:
    with pytest.raises(ValueError, match=complaint):
        Questionnaire.model_validate(PHQ9.model_dump() | change)


def test_the_file_is_named_in_the_complaint(tmp_path: Path) -> None:
    (tmp_path / "bad.yml").write_text("id: bad\n", encoding="utf-8")
    with pytest.raises(TemplateError, match=r"bad\.yml"):
        questionnaires(tmp_path)


ADHERENCE = newest()["adherence"]


@pytest.mark.parametrize(
    ("missed", "how_well", "how_often", "score", "band", "level"),
    [
        (0, 100, 100, 100.0, "按时服药", None),
        (3, 80, 80, 250 / 3, "按时服药", None),
        (6, 80, 60, 220 / 3, "有时漏药", None),
        (30, 40, 0, 40 / 3, "经常漏药", "same_day"),
    ],
)
def test_adherence_is_the_mean_of_its_three_items(
    missed: int, how_well: int, how_often: int, score: float, band: str, level: str | None
) -> None:
    result = result_of(ADHERENCE, {"missed_days": missed, "how_well": how_well, "how_often": how_often})
    assert (result.score, result.band, result.level) == (pytest.approx(score), band, level)


def test_the_reason_is_asked_of_those_below_80_alone() -> None:
    values = {"missed_days": 6, "how_well": 80, "how_often": 60}
    answers = {id: {"value": value, "at": "2026-03-01T00:00:00+00:00"} for id, value in values.items()}
    low = QuestionnaireResponse(questionnaire="adherence", version=1, answers=answers)
    assert (item := next_item(low)) is not None
    assert item.id == "reason"
    assert read_answer(ADHERENCE, item, "孩子不肯吃") == 5
    low.answers = {**answers, "missed_days": {"value": 0, "at": "2026-03-01T00:00:00+00:00"}}
    assert next_item(low) is None


@pytest.mark.parametrize(
    ("text", "value"), [("0", 0), ("没漏", 0), ("一天都没漏，0天", 0), ("一天都没落下", 0), ("3天", 3), ("没漏，就3天", None), ("31", None)]
)
def test_days_without_a_miss_are_said_in_words(text: str, value: int | None) -> None:
    assert read_answer(ADHERENCE, ADHERENCE.items[0], text) == value


@pytest.mark.parametrize(("age", "offered"), [(10, False), (11, True), (17, True), (18, False)])
def test_the_teenagers_form_is_for_teenagers(age: int, offered: bool) -> None:
    assert newest()["phqa"].is_for(age, ["psychology"]) is offered
