"""Which values the platform takes for which kind of keyword."""

import pytest

from integrations.push import PushRefused
from integrations.weixin.field import KINDS, check_field, kind_of

GOOD = [
    ("thing1", "随访任务提醒"),
    ("thing02", "字" * 20),
    ("thing3", "A,b（1）！"),
    ("number1", "12"),
    ("number1", "-3.50"),
    ("letter1", "ABC"),
    ("symbol1", "！？"),
    ("character_string4", "2026-03-02 09:00"),
    ("character_string4", "x" * 32),
    ("time5", "15:01"),
    ("time5", "15:01:30"),
    ("time5", "2026年3月2日 09:00"),
    ("time5", "08:00~21:00"),
    ("time5", "2026年3月2日 08:00~2026年3月2日 09:00"),
    ("date6", "2026年3月2日"),
    ("date6", "2026-03-02"),
    ("date6", "2026.03"),
    ("date6", "3月2日"),
    ("date6", "2026年3月2日 09:00"),
    ("date6", "2026年3月2日~2026年3月4日"),
    ("amount1", "￥12.50元"),
    ("phone_number1", "+86-0766-66888866"),
    ("car_number1", "粤A8Z888挂"),
    ("name1", "林悦"),
    ("name1", "Lin Yue"),
    ("phrase1", "待完成"),
    ("const1", "待完成"),
    ("enum1", "1"),
]
BAD = [
    ("thing1", ""),
    ("thing1", "字" * 21),
    ("thing1", "第一行\n第二行"),
    ("thing1", " 随访"),
    ("number1", "十二"),
    ("number1", "1" * 33),
    ("number1", "１２"),
    ("letter1", "A1"),
    ("symbol1", "!!!!!!"),
    ("symbol1", "字"),
    ("character_string4", "x" * 33),
    ("character_string4", "编号1"),
    ("time5", "25:00"),
    ("time5", "9点"),
    ("time5", "2026年3月2日"),
    ("time5", "15:01~"),
    ("date6", "15:01"),
    ("date6", "2026年13月2日"),
    ("date6", "明天"),
    ("amount1", "很多"),
    ("phone_number1", "1" * 18),
    ("car_number1", "粤"),
    ("name1", "字" * 11),
    ("phrase1", "请尽快完成"[:5] + "吧"),
    ("phrase1", "待完成1"),
    ("phrase1", "待完成！"),
]


@pytest.mark.parametrize(("keyword", "value"), GOOD)
def test_what_fits_is_taken(keyword: str, value: str) -> None:
    assert check_field(keyword, value) == value


@pytest.mark.parametrize(("keyword", "value"), BAD)
def test_what_does_not_fit_is_refused_with_the_rule_and_without_the_words(keyword: str, value: str) -> None:
    with pytest.raises(PushRefused) as refused:
        check_field(keyword, value)
    assert (refused.value.code, refused.value.permanent) == ("bad_field", True)
    assert refused.value.detail == f"{keyword} takes {KINDS[kind_of(keyword)].rule}"


@pytest.mark.parametrize("keyword", ["", "thing", "1thing", "first", "keyword1", "thing100", "THING1", "thing1.DATA", "diagnosis1"])
def test_only_typed_keywords_exist(keyword: str) -> None:
    with pytest.raises(PushRefused) as refused:
        kind_of(keyword)
    assert refused.value.code == "bad_field"


def test_every_kind_has_an_example_of_both() -> None:
    assert {kind_of(keyword) for keyword, _ in GOOD} == set(KINDS)
    assert set(KINDS) - {kind_of(keyword) for keyword, _ in BAD} == {"const", "enum"}
