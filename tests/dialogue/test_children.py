"""One chat, several children: nothing is written down before it is clear about whom."""

import pytest

from tests.dialogue.conftest import Family

pytestmark = pytest.mark.dialogue


async def test_the_children_are_offered_by_name_and_the_report_waits(two_children: Family) -> None:
    said = await two_children.says("38.2度")
    assert "哪个孩子" in said
    assert set(two_children.choices.values()) == {"安安", "乐乐"}
    assert await two_children.recorded("temperature", 0) == await two_children.recorded("temperature", 1) == []
    assert "38.2" in await two_children.says("乐乐", menu_id=f"patient_{two_children.children[1]}")
    assert await two_children.recorded("temperature", 1) == [38.2]
    assert await two_children.recorded("temperature", 0) == []


async def test_words_that_wait_are_put_together(two_children: Family) -> None:
    await two_children.says("37.9度")
    await two_children.says("有点咳嗽")
    await two_children.says("乐乐", menu_id=f"patient_{two_children.children[1]}")
    assert await two_children.recorded("temperature", 1) == [37.9]
    assert len(await two_children.recorded("cough", 1)) == 1


@pytest.mark.parametrize(("answer", "child"), [("乐乐", 1), ("是老大", 1), ("小的那个", 0), ("是妹妹", 0), ("我说的是哥哥", 1)])
async def test_the_child_can_be_chosen_in_words(two_children: Family, answer: str, child: int) -> None:
    await two_children.says("37.6度")
    await two_children.says(answer)
    assert await two_children.recorded("temperature", child) == [37.6]


async def test_the_choice_is_judged_with_what_is_known_of_that_child(two_children: Family) -> None:
    await two_children.says("38.2度")
    said = await two_children.says("安安", menu_id=f"patient_{two_children.children[0]}")
    flags = await two_children.flags()
    assert [flag.level for flag in flags] == ["emergency"]
    assert flags[0].patient_id == two_children.children[0]
    assert "医院" in said or "急诊" in said or "120" in said


async def test_somebody_elses_child_cannot_be_chosen(two_children: Family, new_family) -> None:
    from datetime import date

    other: Family = await new_family(("豆豆", date(2025, 5, 1), "M"))
    await two_children.says("37.6度")
    await two_children.says("豆豆", menu_id=f"patient_{other.children[0]}")
    assert await other.recorded("temperature") == []


async def test_in_a_follow_up_the_other_child_is_not_mistaken_for_the_one_asked_about(two_children: Family) -> None:
    asked = await two_children.is_asked()
    said = await two_children.says("乐乐体重16公斤")
    assert await two_children.recorded("weight", 0) == []
    assert await two_children.recorded("weight", 1) == [16.0]
    assert asked in said
