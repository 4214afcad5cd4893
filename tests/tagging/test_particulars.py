"""Record numbers, birth dates and telephone numbers as families type them."""

from datetime import date, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tagging.particulars import BirthDate, read_birth_date, read_phone, read_record_number

TODAY = date(2026, 3, 2)


@pytest.mark.parametrize(
    "text",
    [
        "2025年3月8号",
        "2025年3月8日上午",
        "25.3.8",
        "25年3月8",
        "2025-03-08",
        "2025 3 8",
        "2025/3/8",
        "20250308",
        "二〇二五年三月八日",
        "２０２５年３月８日",
        "去年3月8号生的",
        "2025年3月8日出生，3月12日出院",
        "2026年2月1日入院，2025年3月8日生",
        "生日是2025、3、8",
    ],
)
def test_one_day_in_many_spellings(text: str) -> None:
    assert read_birth_date(text, TODAY) == BirthDate(date(2025, 3, 8))


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("今年三月初八", "lunar"),
        ("农历二月十九", "lunar"),
        ("正月初五", "lunar"),
        ("3月8号", "year"),
        ("2025年2月30日", "impossible"),
        ("25.13.1", "impossible"),
        ("2026年5月1日", "future"),
    ],
)
def test_what_is_no_day_yet_is_said_so(text: str, why: str) -> None:
    found = read_birth_date(text, TODAY)
    assert found is not None and found.day is None and found.why == why


@pytest.mark.parametrize("text", ["", "春天", "38.5", "ZY20260031", "13800001234", "昨天出院的", "3400克", "2026年2月1日出院", "一点点"])
def test_what_holds_no_birth_date(text: str) -> None:
    assert read_birth_date(text, TODAY) is None


@pytest.mark.parametrize(("text", "back"), [("昨天生的", 1), ("前天", 2), ("今天刚生", 0)])
def test_the_newborn_of_yesterday(text: str, back: int) -> None:
    assert read_birth_date(text, TODAY) == BirthDate(TODAY - timedelta(days=back))


@pytest.mark.parametrize(("text", "year"), [("2025", 2025), ("25年", 2025), ("去年", 2025), ("今年的", 2026), ("2024年生的", 2024)])
def test_a_year_completes_the_day(text: str, year: int) -> None:
    assert read_birth_date(text, TODAY, before=BirthDate(why="year", month=2, day_of_month=1)) == BirthDate(date(year, 2, 1))


def test_two_digits_are_the_last_hundred_years() -> None:
    assert read_birth_date("98年3月2号", TODAY) == BirthDate(date(1998, 3, 2))


@pytest.mark.parametrize(
    "text", ["13800001234", "138 0000 1234", "+86 138-0000-1234", "电话１３８００００１２３４，妈妈的", "一三八零零零零一二三四"]
)
def test_a_mobile_number(text: str) -> None:
    assert read_phone(text) == "13800001234"


@pytest.mark.parametrize("text", ["1380000123", "138000012345", "20250308", "12800001234", "没有"])
def test_no_telephone_number(text: str) -> None:
    assert read_phone(text) is None


@pytest.mark.parametrize(
    ("text", "number"),
    [
        ("D0004", "D0004"),
        ("d 00 04", "D0004"),
        ("住院号：ZY-2026 0031。", "ZY20260031"),
        ("０１２３４", "01234"),
        ("住院号 100 234 567", "100234567"),
        ("20250308", "20250308"),
        ("D0004 生日2025-03-08 电话13800001234", "D0004"),
        ("昨天出院的，病案号是998", "998"),
    ],
)
def test_a_record_number_however_it_is_printed(text: str, number: str) -> None:
    assert read_record_number(text) == number


@pytest.mark.parametrize("text", ["", "不知道", "38.5", "2025-03-08", "13800001234", "5", "发烧"])
def test_no_record_number(text: str) -> None:
    assert read_record_number(text) is None


@given(st.text(max_size=300))
def test_any_text_is_read_without_harm(text: str) -> None:
    read_birth_date(text, TODAY)
    read_phone(text)
    read_record_number(text)


@given(
    st.dates(date(1990, 1, 1), TODAY),
    st.sampled_from(["{0.year}年{0.month}月{0.day}日", "{0:%Y-%m-%d}", "{0:%Y%m%d}", "{0.year}.{0.month}.{0.day}"]),
)
def test_every_day_is_read_back(day: date, spelling: str) -> None:
    assert read_birth_date(spelling.format(day), TODAY) == BirthDate(day)
