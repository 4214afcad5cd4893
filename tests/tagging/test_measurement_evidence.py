"""How sure a number without a name is: read in good company, asked about in poor company, dropped in contrary company."""

from datetime import datetime

import pytest

from tagging.measurement import read_measurements
from tagging.patient import PatientFacts

NOW = datetime.fromisoformat("2026-03-01T08:00:00+08:00")


def read(text: str, context: str | None = None, tags: tuple[str, ...] = ()) -> tuple[list[float], bool]:
    found = read_measurements(text, context=context, patient=PatientFacts(None, tags=tags), now=NOW)
    return [m.value for m in found.measurements], bool(found.questions)


@pytest.mark.parametrize("text", ["那个时候38.2", "退烧药吃了，过会儿变38.2", "早上38.2", "抱着量37.6，后来放下38.2"])
def test_a_decimal_of_a_fever_is_read_among_times_and_talk_of_fever(text: str) -> None:
    assert 38.2 in read(text)[0]


@pytest.mark.parametrize("text", ["他那边红灯38.2", "现在三十九", "一个37.8，一个38.2", "夜里三点测了三点八", "4O度", "体温三十八变度四"])
def test_a_number_in_poor_company_is_asked_about(text: str) -> None:
    assert read(text) == ([], True)


@pytest.mark.parametrize("text", ["¥38.2", "药38.2一盒", "白细胞8，淋巴38.2", "买了38.2的", "烧的时候我有38个未接来电", "我都39了"])
def test_a_number_in_contrary_company_is_dropped(text: str) -> None:
    assert read(text) == ([], False)


def test_the_illness_tells_what_may_have_been_measured() -> None:
    assert read("今天14.2") == ([], False)
    assert read("今天14.2", tags=("diabetes",)) == ([], True)


def test_a_whole_number_is_read_where_the_line_before_spoke_of_fever() -> None:
    assert read("现在三十九", context="还发烧吗？") == ([39.0], False)
    assert read("39", context="宝宝出生多少天了？") == ([], False)


def test_what_is_measured_again_is_what_was_measured_before() -> None:
    assert read("血糖2.9，喝了一杯糖水过了一刻钟复测4.1") == ([2.9, 4.1], False)


def test_values_of_two_children_are_asked_about() -> None:
    assert read("哥哥39度，弟弟38.4") == ([], True)
    assert read("妹妹39度") == ([], False)


def test_a_clause_about_now_is_about_now() -> None:
    assert read("医生让超过38.5才喂，现在38.2") == ([38.2], False)
    assert read("去年身高108，今年115了") == ([115.0], False)
    assert read("如果现在烧到39怎么办") == ([], False)


def test_pressures_that_contradict_each_other_are_asked_about() -> None:
    assert read("高压88低压140") == ([], True)
    assert read("血压120.80") == ([120.0, 80.0], False)


def read_of(text: str, age_days: int | None, context: str | None = None, tags: tuple[str, ...] = ()) -> tuple[list[float], bool]:
    found = read_measurements(text, context=context, patient=PatientFacts(age_days, tags=tags), now=NOW)
    return [m.value for m in found.measurements], bool(found.questions)


def test_101_is_fahrenheit_in_a_young_infant_and_asked_about_later() -> None:
    assert read_of("体温101", 40) == ([38.33], False)
    assert read_of("体温101", 400) == ([], True)
    assert read_of("体温101", None) == ([], True)


def test_a_bare_weight_is_kilograms_only_where_half_of_it_is_no_weight_of_that_age() -> None:
    assert read_of("体重26.5", 2700) == ([26.5], False)
    assert read_of("体重26.5", 2700, tags=("preterm",)) == ([], True)
    assert read_of("体重26.5", 1400) == ([], True)
    assert read_of("体重26.5", None) == ([], True)


def test_a_rough_weight_is_asked_again_of_a_newborn_only() -> None:
    assert read_of("七八斤吧", 20, context="宝宝体重多少？") == ([], True)
    assert read_of("体重10到11公斤", 400) == ([11.0], False)


@pytest.mark.parametrize("text", ["我岳母血糖9.4", "我老婆餐后血糖11.3", "8床的大叔说他血糖13.2"])
def test_a_relative_or_neighbour_is_not_the_patient(text: str) -> None:
    assert read_of(text, 18000) == ([], False)
    assert read_of("我餐后血糖11.3", 18000) == ([11.3], False)


def test_what_the_meter_of_a_diabetic_shows_is_sugar() -> None:
    assert read_of("显示屏打出LO", 4000, tags=("diabetes",)) == ([1.0], False)
    assert read_of("显示屏打出LO", 4000) == ([], False)


@pytest.mark.parametrize(("text", "value"), [("15秒呼吸14次", 56.0), ("半分钟里头十六下", 32.0), ("数了二十秒心跳41下", 123.0)])
def test_a_part_of_a_minute_comes_to_about_so_many_a_minute(text: str, value: float) -> None:
    found = read_measurements(text, context=None, patient=PatientFacts(800), now=NOW)
    assert [(m.value, m.precision) for m in found.measurements] == [(value, "about")]
    assert read_of("数了17秒呼吸9次", 800) == ([], True)


def test_a_time_told_as_an_age_dates_a_weight() -> None:
    found = read_measurements("二十天那天3600克，今天3720克", context=None, patient=PatientFacts(26), now=NOW)
    assert [m.at and (NOW - m.at).days for m in found.measurements] == [6, 0]


def test_what_was_forgotten_is_asked_again() -> None:
    assert read_of("38度6吧，记不太清", 800) == ([], True)
    assert read_of("七八点吧忘记了", 5000, context="血糖多少？") == ([], True)
