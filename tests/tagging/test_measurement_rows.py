"""Several values at once: rows without names, answers in the order of the question, changes, days beside each other, notes of a ward."""

from datetime import datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tagging.measurement import Readings, read_measurements
from tagging.patient import PatientFacts

NOW = datetime.fromisoformat("2026-03-01T08:00:00+08:00")
CHILD = PatientFacts(age_days=1500, tags=("diabetes",))
GROWN = PatientFacts(age_days=22000)


def read(text: str, context: str | None = None, patient: PatientFacts = CHILD) -> Readings:
    return read_measurements(text, context=context, patient=patient, now=NOW)


def values(text: str, context: str | None = None, patient: PatientFacts = CHILD) -> list[tuple[str, float]]:
    return [(m.vital, m.value) for m in read(text, context, patient).measurements]


read("体温38.5")


@pytest.mark.parametrize(
    ("text", "context", "expected"),
    [
        ("37.2℃/98%/115次", None, {"temperature": 37.2, "spo2": 98, "heart_rate": 115}),
        ("36.8℃ 99% 102次 24次", None, {"temperature": 36.8, "spo2": 99, "heart_rate": 102, "respiratory_rate": 24}),
        ("血氧仪显示95 130", None, {"spo2": 95, "heart_rate": 130}),
        ("T36.8 HR 102 SPO2 99%", None, {"temperature": 36.8, "heart_rate": 102, "spo2": 99}),
        ("BP 112/74 HR 86", None, {"systolic_bp": 112, "diastolic_bp": 74, "heart_rate": 86}),
        ("37.6 110 24 98", "体温、心率、呼吸、血氧各多少？", {"temperature": 37.6, "heart_rate": 110, "respiratory_rate": 24, "spo2": 98}),
        ("血氧97，空腹5.6", None, {"spo2": 97, "glucose": 5.6}),
        ("呼吸每分钟30次 大便7次", None, {"respiratory_rate": 30, "stool_count": 7}),
    ],
)
def test_numbers_in_a_row_are_known_by_unit_name_or_question(text: str, context: str | None, expected: dict[str, float]) -> None:
    assert dict(values(text, context)) == expected


@pytest.mark.parametrize("text", ["36.5/88/20/118/76", "36.5 88 20", "生命体征：37.5 120 28 96%", "夹手指95 98"])
def test_a_row_that_nothing_explains_is_asked_about(text: str) -> None:
    assert read(text).questions
    assert not values(text)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("从18.2下来到11了，血糖", [("glucose", 11.0)]),
        ("打完胰岛素从16.8降到9.4", [("glucose", 9.4)]),
        ("血压从160/100降到140/90了", [("systolic_bp", 140.0), ("diastolic_bp", 90.0)]),
        ("大便从8次降到3次", [("stool_count", 3.0)]),
        ("从94降到90%了，血氧", [("spo2", 90.0)]),
    ],
)
def test_what_changed_is_where_it_has_come_to(text: str, expected: list[tuple[str, float]]) -> None:
    assert values(text) == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("黄疸早上7.7晚上六点四", [7.7, 6.4]),
        ("昨天黄疸14.2今天12点8", [14.2, 12.8]),
        ("血糖早上九点五中午十三点三晚上五点二", [9.5, 13.3, 5.2]),
        ("血糖早上九点测的是5.6", [5.6]),
    ],
)
def test_a_decimal_behind_a_part_of_the_day_is_no_clock_time(text: str, expected: list[float]) -> None:
    assert [m.value for m in read(text).measurements] == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("今天早上量的135 85", [135, 85]),
        ("上头146，下头90", [146, 90]),
        ("血压142杠88", [142, 88]),
        ("血压一百四十二斜杠八十八", [142, 88]),
    ],
)
def test_a_pressure_of_somebody_grown_needs_no_name(text: str, expected: list[float]) -> None:
    assert [m.value for m in read(text, None, GROWN).measurements] == expected


def test_two_numbers_of_a_child_are_no_pressure() -> None:
    assert not values("今天早上量的135 85")


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("嗯那个体温是三十七度嗯五", 37.5),
        ("体温39呃，38.9吧", 38.9),
        ("体温三十七六", 37.6),
        ("体温差不多三十七度六吧", 37.6),
        ("快39了怎么办", 39.0),
    ],
)
def test_a_temperature_is_told_with_hesitation(text: str, expected: float) -> None:
    assert values(text) == [("temperature", expected)]


NAMED = {
    "temperature": (["体温", "T", "温度：", "烧到"], st.integers(360, 405).map(lambda v: (v / 10, f"{v / 10}"))),
    "heart_rate": (["心率", "脉搏", "HR "], st.integers(70, 170).map(lambda v: (float(v), f"{v}次/分"))),
    "respiratory_rate": (["呼吸", "呼吸：", "RR"], st.integers(18, 59).map(lambda v: (float(v), f"{v}次"))),
    "spo2": (["血氧", "SpO2 ", "氧饱和度"], st.integers(88, 100).map(lambda v: (float(v), f"{v}%"))),
    "glucose": (["血糖", "空腹血糖"], st.integers(32, 180).map(lambda v: (v / 10, f"{v / 10}"))),
    "stool_count": (["大便", "拉了"], st.integers(1, 9).map(lambda v: (float(v), f"{v}次"))),
    "wet_diapers": (["小便", "尿了"], st.integers(2, 9).map(lambda v: (float(v), f"{v}次"))),
}


@given(
    st.lists(st.sampled_from(sorted(NAMED)), min_size=2, max_size=4, unique=True),
    st.sampled_from(["，", " ", "、", "；", "/", "\n", "，然后", "，还有"]),
    st.data(),
)
def test_a_list_of_named_values_is_read_back(vitals: list[str], separator: str, data: st.DataObject) -> None:
    expected, said = [], []
    for vital in vitals:
        names, numbers = NAMED[vital]
        value, shown = data.draw(numbers)
        expected.append((vital, value))
        said.append(data.draw(st.sampled_from(names)) + shown)
    assert values("刚量的" + separator.join(said)) == expected
