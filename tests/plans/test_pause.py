"""For how many days a family wants to hear nothing."""

import pytest

from plans.pause import days_of
from plans.trend import named_vital


@pytest.mark.parametrize(
    ("text", "days"),
    [
        ("先停三天", 3),
        ("停一周吧", 7),
        ("停两个星期", 14),
        ("36小时", 2),
        ("先停几天", None),
        ("停一年", None),
        ("停100天", None),
        ("", None),
    ],
)
def test_days_are_read_or_asked(text: str, days: int | None) -> None:
    assert days_of(text) == days


@pytest.mark.parametrize(
    ("text", "vital"), [("最近长了多少", "weight"), ("血糖怎么样", "glucose"), ("烧得怎么样了", "temperature"), ("最近怎么样", None)]
)
def test_the_vital_that_is_meant(text: str, vital: str | None) -> None:
    assert named_vital(text) == vital
