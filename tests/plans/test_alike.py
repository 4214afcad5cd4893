"""Two questions are alike when they ask the same about the same."""

from pathlib import Path

import pytest

from plans.alike import Question, likeness
from plans.encoder import EncoderMissing, OnnxEncoder
from plans.retrieval import RIGHT, Answers, Pairs, auc, evaluate_file


def alike(a: str, b: str) -> float:
    return likeness(Question.of(a), Question.of(b))


@pytest.mark.parametrize(
    ("asked", "same", "other"),
    [
        ("宝宝发烧怎么办", "孩子发热如何处理", "宝宝发烧可以洗澡吗"),
        ("婴儿多久洗一次澡", "宝宝多长时间洗一次澡", "婴儿洗澡水多少度"),
        ("两个月宝宝咳嗽怎么办", "2个月的宝宝咳嗽怎么处理", "四个月宝宝咳嗽怎么办"),
        ("大便隐血阳性是什么意思", "大便隐血阳性是啥意思", "大便隐血阴性是什么意思"),
        ("腹泻的症状", "拉肚子有什么表现", "腹泻的危害"),
    ],
)
def test_the_same_question_is_nearer_than_one_about_something_else(asked: str, same: str, other: str) -> None:
    assert alike(asked, same) > alike(asked, other)
    assert alike(asked, same) == alike(same, asked)


@pytest.mark.parametrize("text", ["", "？？", "了", "a" * 3000, "😀"])
def test_any_text_can_be_compared(text: str) -> None:
    assert 0 <= alike(text, "宝宝发烧怎么办") <= 1


def test_the_encoder_s_word_counts_where_there_is_one() -> None:
    a, b = Question.of("嗓子眼疼"), Question.of("喉咙不舒服")
    assert likeness(a, b, 0.98) > likeness(a, b, 0.85)


def test_a_folder_without_a_model_is_refused_in_words(tmp_path: Path) -> None:
    with pytest.raises(EncoderMissing, match=r"model\.onnx"):
        OnnxEncoder(tmp_path)


def test_the_area_under_the_curve() -> None:
    assert auc([(0.9, True), (0.8, True), (0.1, False)]) == 1
    assert auc([(0.1, True), (0.9, False)]) == 0
    assert auc([(0.5, True), (0.5, False)]) == 0.5


def test_both_kinds_of_file_are_evaluated(tmp_path: Path) -> None:
    pairs, questions = tmp_path / "pairs.jsonl", tmp_path / "questions.jsonl"
    pairs.write_text(
        '{"a": "脐带几天掉", "b": "脐带多久掉", "label": 2}\n{"a": "脐带几天掉", "b": "怎么哄睡", "label": 0}\n'
        '{"a": "脐带", "b": "脐带几天掉", "label": 1}\n',
        "utf-8",
    )
    questions.write_text('{"question": "脐带几天掉", "article": "cord-care"}\n{"question": "停车场在哪", "article": null}\n', "utf-8")
    told, answered = evaluate_file(pairs), evaluate_file(questions)
    assert isinstance(told, Pairs) and isinstance(answered, Answers)
    assert len(told.scored) == 2
    assert "AUC 1.000" in told.report(worst=1)
    assert next(kind for kind, *_ in answered.found) == RIGHT
    assert "1.000" in answered.report(worst=5)
