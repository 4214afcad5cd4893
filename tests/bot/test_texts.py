"""Why an alert fired, as a nurse reads it."""

import pytest

from bot.texts import reasons


@pytest.mark.parametrize(
    ("because", "read"),
    [
        (["「喘」[3:4] + 「发紫」[0:2]", "「发紫」[0:2]"], "「喘」 并有 「发紫」"),
        (["体温 39.5 ℃ at 20 days", "temperature 39.5"], "体温 39.5 ℃（20日龄）"),
        (["体温 38 ℃, tag chemo"], "体温 38 ℃（化疗）"),
        (["2700 g, 15.6% below birth weight 3200 g at 10 days"], "体重 2700 克，比出生体重 3200 克低 15.6%（10日龄）"),
        (["「发烧」[0:2], not certain"], "「发烧」（不确定）"),
        (["血小板 8.9 10*9/L at 400 days"], "血小板 8.9 ×10⁹/L（400日龄）"),
        (["体温 38.9 ℃ at 64 days if 「389℃」[2:6] is meant so"], "体温 38.9 ℃（64日龄）（如果「389℃」就是这个意思，请核对）"),
        (["request", "request"], "家属要求找人"),
    ],
)
def test_a_nurse_reads_words(because: list[str], read: str) -> None:
    assert reasons(because) == read
