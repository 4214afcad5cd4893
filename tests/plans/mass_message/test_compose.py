"""What a mass message may say."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from plans.mass_message.compose import MOST_BYTES, check_text, fill
from plans.mass_message.errors import MassRefused


def test_a_message_names_the_family_s_children() -> None:
    assert fill(check_text("  {name}的家长：下周三门诊停诊一天。 "), ["小满", "小月"]) == "小满和小月的家长：下周三门诊停诊一天。"


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("   ", "empty"),
        ("好" * 700, "too_long"),
        ("您好{", "brace"),
        ("您好{phone}", "placeholder"),
        ("您好{name.__class__}", "placeholder"),
        ("您好{name!r:>99999999}", "placeholder"),
        ("{}您好", "placeholder"),
        ("孩子没事，不用来医院。", "banned"),
        ("烧退了就可以停药。", "banned"),
    ],
)
def test_a_message_that_may_not_go_out_is_refused_with_a_sentence(text: str, code: str) -> None:
    with pytest.raises(MassRefused) as refused:
        check_text(text)
    assert refused.value.code == code
    assert str(refused.value).endswith("。")


@given(st.text())
def test_any_text_is_refused_or_can_be_filled_in(text: str) -> None:
    try:
        checked = check_text(text)
    except MassRefused:
        return
    assert len(checked.encode()) <= MOST_BYTES
    assert fill(checked, ["小满"]) is not None
