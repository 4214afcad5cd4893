"""The intent model by itself, without Rasa."""

from collections import Counter
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.dialogue.features import MEASUREMENT, features, fold, word_groups
from bot.dialogue.linear import LinearModel, fit

SAID = {
    "weight": ["六斤八两", "七斤二两", "三公斤", "四公斤半", "五斤整", "六斤半", "七斤", "八斤一两"],
    "thanks": ["谢谢", "多谢", "谢谢你", "太感谢了", "感谢", "谢谢啦", "谢了", "谢谢护士"],
    "bye": ["再见", "拜拜", "回头见", "明天见", "再会", "先走了", "先忙了", "走了"],
}


def counted(text: str) -> Counter[str]:
    return features(text, [], {}, longest=2)


@pytest.fixture(scope="module")
def model() -> LinearModel:
    pairs = [(text, intent) for intent, texts in SAID.items() for text in texts]
    return fit([counted(text) for text, _ in pairs], [intent for _, intent in pairs], c=1.0, wrong_cost=3.0)


def test_what_was_learnt_is_known(model: LinearModel) -> None:
    assert [model.rank(counted(text))[0][0] for text in ("谢谢你们", "九斤", "拜拜啦")] == ["thanks", "weight", "bye"]


@given(st.text(max_size=400))
def test_confidence_of_any_text_sums_up_to_one(model: LinearModel, text: str) -> None:
    ranked = model.rank(counted(text))
    assert {name for name, _ in ranked} == set(SAID)
    assert sum(confidence for _, confidence in ranked) == pytest.approx(1, abs=1e-5)
    assert [confidence for _, confidence in ranked] == sorted((confidence for _, confidence in ranked), reverse=True)


def test_a_saved_model_answers_like_the_one_that_was_trained(model: LinearModel, tmp_path: Path) -> None:
    model.save(tmp_path)
    again = LinearModel.read(tmp_path)
    assert again.rank(counted("谢谢你们")) == model.rank(counted("谢谢你们"))
    assert again.threshold == model.threshold


def test_training_twice_gives_the_same_weights(model: LinearModel) -> None:
    pairs = [(text, intent) for intent, texts in SAID.items() for text in texts]
    again = fit([counted(text) for text, _ in pairs], [intent for _, intent in pairs], c=1.0, wrong_cost=3.0)
    assert np.array_equal(again.weights, model.weights)
    assert (again.temperature, again.threshold) == (model.temperature, model.threshold)


@given(st.text(max_size=50))
def test_folding_keeps_every_offset(text: str) -> None:
    assert len(fold(text)) == len(text)


@given(st.text(max_size=50), st.integers(0, 60), st.integers(1, 60))
def test_any_span_can_be_masked(text: str, start: int, length: int) -> None:
    found = features(text, [(start, start + length, MEASUREMENT)], {}, longest=2)
    assert any(MEASUREMENT in name for name in found) == (start < len(text))


def test_masked_numbers_look_alike() -> None:
    one, other = (features(text, [(0, len(text), MEASUREMENT)], {}, longest=2) for text in ("6斤8两", "3.4公斤"))
    assert {name for name in one if name.startswith("~")} == {name for name in other if name.startswith("~")}


def test_words_of_a_group_count_alike() -> None:
    groups = word_groups()
    assert "@staff" in features("找护士", [], groups, longest=2)
    assert "@staff" in features("问问医生", [], groups, longest=2)
    assert len(groups) == len(set(groups))
