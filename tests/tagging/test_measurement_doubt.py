"""What speaks against a value turns it into a question; and numbers that stand below or behind their names."""

from datetime import datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tagging.measurement import Readings, read_measurements
from tagging.patient import PatientFacts

NOW = datetime.fromisoformat("2026-03-01T08:00:00+08:00")


def read(text: str, context: str | None = None, age_days: int | None = 800) -> Readings:
    return read_measurements(text, context=context, patient=PatientFacts(age_days), now=NOW)


def values(text: str, context: str | None = None) -> list[tuple[str, float]]:
    return [(m.vital, m.value) for m in read(text, context).measurements]


# The tables are read once, on first use; no single example pays for it.
read("体温38.5")


@pytest.mark.parametrize(
    "text",
    [
        "我38.4，头疼得很",
        "体温38.2，这是他爸爸的",
        "大宝37.1，小的没事，妹妹38.6",
        "体温38.5，37.5，前面那个写错了",
        "抱着一起称是65公斤",
        "从昨晚到现在拉了八次",
    ],
)
def test_a_value_that_may_not_count_is_asked_about(text: str) -> None:
    found = read(text)
    assert found.measurements == ()
    assert found.questions


def test_a_numeral_that_goes_on_behind_the_value_is_asked_about_and_still_tells_a_danger() -> None:
    found = read("体温39度2.5")
    assert found.measurements == ()
    assert found.questions
    assert [m.vital for m in found.doubtful] == ["temperature"]


def test_somebody_elses_value_beside_the_childs_is_left_alone() -> None:
    found = read("我36.8，宝宝38.6")
    assert [m.value for m in found.measurements] == [38.6]
    assert found.questions == ()


@pytest.mark.parametrize("text", ["爷爷给他量的38.6", "他爸说孩子38.6", "宝宝在姥姥家，量了38.6", "我刚给孩子量了38.6"])
def test_who_only_measures_raises_no_doubt(text: str) -> None:
    assert values(text) == [("temperature", 38.6)]
    assert read(text).questions == ()


def test_a_grown_patient_speaks_of_himself() -> None:
    assert [m.value for m in read("爷爷血压高，我的138/84", age_days=22000).measurements] == [138.0, 84.0]


@given(st.integers(360, 410), st.integers(80, 160), st.integers(20, 60), st.sampled_from(["、", " ", "，", "/"]))
def test_numbers_behind_their_names_are_given_to_them_in_order(tenths: int, beats: int, breaths: int, separator: str) -> None:
    names = separator.join(["体温", "心率", "呼吸"])
    numbers = separator.join([f"{tenths / 10:.1f}", str(beats), str(breaths)])
    expected = [("temperature", tenths / 10), ("heart_rate", float(beats)), ("respiratory_rate", float(breaths))]
    assert values(f"{names}分别是{numbers}") == expected
    assert values(f"{names}\n{numbers}") == expected


def test_a_row_of_another_length_than_its_heading_is_asked_about() -> None:
    found = read("体温 心率 呼吸\n38.2 120")
    assert found.measurements == ()
    assert len(found.questions) == 2


def test_a_pressure_below_its_heading_takes_two_numbers() -> None:
    assert values("血压 心率\n135/85 76") == [("systolic_bp", 135.0), ("diastolic_bp", 85.0), ("heart_rate", 76.0)]


def test_the_lines_of_a_notebook_are_dated_by_their_first_word() -> None:
    found = read("日期 体温\n2.27 38.3\n2.28 37.6\n3.1 36.9").measurements
    assert [(m.value, m.at.strftime("%m-%d") if m.at else "") for m in found] == [(38.3, "02-27"), (37.6, "02-28"), (36.9, "03-01")]


def test_a_single_line_has_no_date() -> None:
    assert read("3.1\n").measurements == ()


def test_milk_that_was_left_is_taken_off() -> None:
    assert values("奶粉冲了180剩了40") == [("feed_volume", 140.0)]


@pytest.mark.parametrize("text", ["他大舅妈血糖11.2", "姥姥那边血压计上150/95", "听说体温39.5"])
def test_a_value_of_somebody_else_is_never_recorded(text: str) -> None:
    assert read(text).measurements == ()


@pytest.mark.parametrize(
    ("text", "context"),
    [
        ("母乳瓶喂100加奶粉50", None),
        ("血氧95 112", None),
        ("出生3.2公斤，出生体重3.4公斤", None),
        ("我发烧38.5", None),
        ("一会儿38一会儿37.5", "体温多少？"),
        ("38度还是39度来着", None),
        ("36.5/88/20/118/76", None),
        ("姐姐退烧了，弟弟还在烧38.8", None),
        ("比昨天高0.5度", "体温多少？"),
        ("体温计显示Lo", None),
    ],
)
def test_a_part_of_what_was_told_is_no_answer(text: str, context: str | None) -> None:
    assert read(text, context).questions


def test_the_value_beside_the_childs_belongs_to_whom_it_names() -> None:
    found = read("妈妈测5.6，孩子测12.8", "血糖多少？", age_days=4000)
    assert [m.value for m in found.measurements] == [12.8]


def test_a_whole_display_is_read() -> None:
    assert values("晨起132/84/70") == [("systolic_bp", 132.0), ("diastolic_bp", 84.0), ("heart_rate", 70.0)]


@pytest.mark.parametrize("text", ["刚称了 8 斤 1 两", "体温三十八度点五", "血小板从15到32", "从早上到现在湿了5片尿布"])
def test_half_of_what_was_told_is_asked_about(text: str) -> None:
    found = read(text, age_days=45)
    assert found.measurements == ()
    assert found.questions


def test_what_was_measured_in_hospital_is_not_of_now() -> None:
    assert values("胆红素12.6mg/dl，出院时14.1") == [("bilirubin", 12.6)]


def test_units_below_a_heading_are_read_with_it() -> None:
    found = read("体重、身长、头围：5.6kg、58cm、39cm", age_days=75)
    assert [(m.vital, m.value) for m in found.measurements] == [("weight", 5.6), ("height", 58.0), ("head_circumference", 39.0)]


@pytest.mark.parametrize(("text", "kilograms"), [("体重九斤差一两", 4.45), ("八斤少2两", 3.9)])
def test_what_is_missing_to_a_round_weight_is_taken_off(text: str, kilograms: float) -> None:
    assert [m.value for m in read(text, age_days=45).measurements] == [kilograms]


@pytest.mark.parametrize(
    ("text", "values"),
    [
        ("医生问有没有39度，我说没有，最高38度4", [38.4]),
        ("说好38.5喂药的，38.2我婆婆就给喂了", [38.2]),
        ("出院小结上写的体温36.5，今天家里量37.6", [37.6]),
        ("听隔壁床说她儿子39度抽了，我家这个38度5要紧不", [38.5]),
        ("群里有个妈妈说她家的烧到41度，吓死了", []),
        ("今天外头38度，娃有点蔫", []),
    ],
)
def test_what_is_only_said_or_is_anothers_is_left_alone(text: str, values: list[float]) -> None:
    found = read(text, age_days=900)
    assert ([m.value for m in found.measurements], found.questions) == (values, ())


@pytest.mark.parametrize("text", ["早上吐一次 中午吐一次 晚上又吐一次", "白天尿6次，夜里2次", "护士台量的是38度1，病历上写成了39.1"])
def test_parts_of_a_day_and_contradictions_are_asked_about(text: str) -> None:
    found = read(text, age_days=400)
    assert found.measurements == ()
    assert found.questions


@pytest.mark.parametrize(
    ("text", "counts"), [("昨天拉6次，今天3次", [6, 3]), ("昨天拉了八回今天才两回", [8, 2]), ("昨天拉6次，今天3次药", [6])]
)
def test_the_count_of_another_day_is_of_the_same_thing(text: str, counts: list[float]) -> None:
    assert [m.value for m in read(text, age_days=400).measurements] == counts
