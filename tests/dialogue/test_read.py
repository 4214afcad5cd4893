"""What the dialogue made of the words is told with the turn, for whoever retrains the model."""

import pytest

from tests.dialogue.conftest import Family

pytestmark = pytest.mark.dialogue


async def test_intent_and_confidence_are_told(family: Family) -> None:
    await family.says("你好")
    assert family.turn is not None
    assert family.turn.read["intent"] == "greet"
    assert 0.5 < family.turn.read["confidence"] <= 1
    assert "missed" not in family.turn.read


async def test_what_was_not_understood_says_so(family: Family) -> None:
    await family.says("你好")
    await family.says("那个啥呀就是那样子")
    assert family.turn is not None
    assert family.turn.read["intent"] == "nlu_fallback"
    assert family.turn.read["missed"] is True


async def test_an_answer_in_a_form_names_the_form(family: Family) -> None:
    await family.is_asked()
    await family.says("3.4公斤")
    assert family.turn is not None
    assert family.turn.read["form"] == "follow_up_form"
