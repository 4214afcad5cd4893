"""How long a sign has lasted: only what is told of itself counts."""

import pytest

from tagging.duration import duration_hours
from tagging.text import fold


@pytest.mark.parametrize(
    ("text", "sign", "hours"),
    [
        ("烧了五天了", "烧", 120.0),
        ("五天了，每天晚上发烧", "发烧", 120.0),
        ("今天第五天了，都是晚上烧到38度多", "烧", 120.0),
        ("昨晚到现在12个小时没尿", "没尿", 12.0),
        ("从昨天晚上开始一天没尿", "没尿", 24.0),
        ("咳嗽差不多一个星期，然后突然发烧", "发烧", None),
        ("送了一个星期的幼儿园后昨晚突然又发热了", "发热", None),
        ("男孩3周3，前天晚上开始发烧", "发烧", None),
    ],
)
def test_what_began_at_a_time_of_its_own_has_not_lasted_longer(text: str, sign: str, hours: float | None) -> None:
    start = text.index(sign)
    assert duration_hours(fold(text), start, start + len(sign)) == hours
