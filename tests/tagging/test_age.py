"""Ages told in a message."""

import pytest

from tagging.age import age_from_text

WORDS = {"新生儿": 14, "月子": 20, "未满百天": 80, "满月": 31}


@pytest.mark.parametrize(
    ("text", "days"),
    [
        ("宝宝才40天", 40),
        ("宝宝出生22天了", 22),
        ("五个月的娃", 152),
        ("4个半月发高烧", 136),
        ("女儿两个月零六天", 66),
        ("一岁半的宝宝", 547),
        ("男孩3岁2个月", 1156),
        ("宝宝7个月，满月的时候得过黄疸", 213),
        ("未满百天发烧", 80),
        ("月子里发烧", 20),
        ("咳嗽两个月了", None),
        ("烧了5天", None),
        ("一天大概拉四次", None),
        ("去年得过新生儿肺炎", None),
        ("2月16日开始发烧", None),
    ],
)
def test_an_age_is_told_from_a_duration_and_a_date(text: str, days: int | None) -> None:
    assert age_from_text(text, WORDS) == days
