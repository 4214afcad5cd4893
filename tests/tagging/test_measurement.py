"""Vital signs in the many ways in which families write them."""

from datetime import datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tagging.measurement import find_measurements, read_measurements
from tagging.patient import PatientFacts, Reading

NOW = datetime.fromisoformat("2026-03-01T08:00:00+08:00")
CHILD = PatientFacts(age_days=None)
DIGITS = "零一二三四五六七八九"


def read(text: str, context: str | None = None, patient: PatientFacts = CHILD) -> list[tuple[str, float, str]]:
    measurements, _ = find_measurements(text, context=context, patient=patient, now=NOW)
    return [(m.vital, m.value, m.unit) for m in measurements]


def asked(text: str, context: str | None = None, patient: PatientFacts = CHILD) -> list[str]:
    return find_measurements(text, context=context, patient=patient, now=NOW)[1]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("宝宝烧到三十八度五了", [("temperature", 38.5, "Cel")]),
        ("38度半", [("temperature", 38.5, "Cel")]),
        ("量了38。5", [("temperature", 38.5, "Cel")]),
        ("体温38，5", [("temperature", 38.5, "Cel")]),
        ("体温 38 5", [("temperature", 38.5, "Cel")]),
        ("３９．２℃", [("temperature", 39.2, "Cel")]),
        ("一百零一华氏度", [("temperature", 38.33, "Cel")]),
        ("烧到38度5天了", [("temperature", 38.0, "Cel")]),
        ("七斤八两", [("weight", 3.9, "kg")]),
        ("6斤8两", [("weight", 3.4, "kg")]),
        ("五斤半", [("weight", 2.75, "kg")]),
        ("3公斤2", [("weight", 3.2, "kg")]),
        ("称了3400克", [("weight", 3.4, "kg")]),
        ("出生六斤现在五斤七两", [("birth_weight", 3.0, "kg"), ("weight", 2.85, "kg")]),
        ("血压120/80", [("systolic_bp", 120, "mm[Hg]"), ("diastolic_bp", 80, "mm[Hg]")]),
        ("高压140低压90", [("systolic_bp", 140, "mm[Hg]"), ("diastolic_bp", 90, "mm[Hg]")]),
        ("血压一百二八十", [("systolic_bp", 120, "mm[Hg]"), ("diastolic_bp", 80, "mm[Hg]")]),
        ("餐后7.8个血糖", [("glucose", 7.8, "mmol/L")]),
        ("血糖126", [("glucose", 6.994, "mmol/L")]),
        ("血糖仪显示HI", [("glucose", 33.4, "mmol/L")]),
        ("血氧掉到91了", [("spo2", 91, "%")]),
        ("一分钟呼吸52次", [("respiratory_rate", 52, "/min")]),
        ("呼吸六七十次", [("respiratory_rate", 70, "/min")]),
        ("今天拉了三四次", [("stool_count", 4, "/d")]),
        ("心率大概150", [("heart_rate", 150, "/min")]),
        ("身高1米2", [("height", 120, "cm")]),
        ("头围38.5厘米", [("head_circumference", 38.5, "cm")]),
        ("今天喝了80毫升奶，吃了8顿", [("feed_volume", 80, "mL"), ("feed_count", 8, "/d")]),
        ("尿了5次，拉了3次", [("wet_diapers", 5, "/d"), ("stool_count", 3, "/d")]),
        ("经皮测黄疸13.5", [("bilirubin", 13.5, "mg/dL")]),
        ("血小板才8", [("platelets", 8, "10*9/L")]),
    ],
)
def test_a_value_is_read_in_its_canonical_unit(text: str, expected: list[tuple[str, float, str]]) -> None:
    assert read(text) == expected


@pytest.mark.parametrize(
    "text",
    [
        "宝宝3个月了",
        "今年5岁",
        "3月12日复查",
        "电话13900000000",
        "喂了5毫升布洛芬",
        "咳了4天",
        "屋里室温26度",
        "洗澡水40度",
        "38.5度以上才喂退烧药对吗",
        "如果烧到39度怎么办",
        "妹妹烧到39度",
        "去年烧到过40度",
        "这个月长了2斤",
        "打120了",
    ],
)
def test_other_numbers_are_no_vital_signs(text: str) -> None:
    assert read(text) == []


@pytest.mark.parametrize(
    ("text", "context", "expected"),
    [
        ("38.9", "今天体温多少？", ("temperature", 38.9, "Cel")),
        ("三十七度二", "体温呢？", ("temperature", 37.2, "Cel")),
        ("3410", "今天体重多少？", ("weight", 3.41, "kg")),
        ("6斤8两", "今天体重多少？", ("weight", 3.4, "kg")),
        ("128/85", "血压量了吗？", ("systolic_bp", 128, "mm[Hg]")),
        ("7", "今天小便几次？", ("wet_diapers", 7, "/d")),
        ("96", "血氧多少？", ("spo2", 96, "%")),
    ],
)
def test_a_bare_number_answers_the_line_before(text: str, context: str, expected: tuple[str, float, str]) -> None:
    assert read(text, context)[0] == expected


def test_an_ambiguous_weight_is_asked_back() -> None:
    assert read("18", "体重多少？") == []
    assert asked("18", "体重多少？") == ["18 是斤还是公斤？"]


@pytest.mark.parametrize(("typed", "kilograms"), [("6.8", 3.4), ("3.4", 3.4)])
def test_the_last_weight_decides_the_unit(typed: str, kilograms: float) -> None:
    newborn = PatientFacts(40, history=(Reading("weight", 3.3, "kg", NOW - timedelta(days=2)),))
    assert read(typed, "今天体重多少？", newborn) == [("weight", kilograms, "kg")]


@pytest.mark.parametrize(("typed", "question"), [("385", "385是38.5℃吗？"), ("101", "101是华氏度吗？")])
def test_a_guess_is_asked_and_does_not_count(typed: str, question: str) -> None:
    found = read_measurements(typed, context="体温多少？", patient=CHILD, now=NOW)
    assert (found.measurements, found.questions) == ((), (question,))
    assert [m.vital for m in found.doubtful] == ["temperature"]


def test_an_impossible_value_is_asked_again() -> None:
    assert read("体温44.5度") == []
    assert asked("体温44.5度") == ["体温没看明白，麻烦再告诉我一次是多少度？"]


@pytest.mark.parametrize(
    ("text", "at"),
    [
        ("昨晚烧到38度5", "2026-02-28T20:00:00+08:00"),
        ("昨晚八点39度", "2026-02-28T20:00:00+08:00"),
        ("刚量的38.5", "2026-03-01T08:00:00+08:00"),
        ("38.5，刚量的", "2026-03-01T08:00:00+08:00"),
        ("半小时前38.2度", "2026-03-01T07:30:00+08:00"),
        ("三天前烧到40度", "2026-02-26T08:00:00+08:00"),
        ("凌晨三点39度", "2026-03-01T03:00:00+08:00"),
    ],
)
def test_a_told_time_becomes_an_instant(text: str, at: str) -> None:
    measurements, _ = find_measurements(text, context=None, patient=CHILD, now=NOW)
    assert measurements[0].at == datetime.fromisoformat(at)


def spoken_temperatures(tenths: int) -> list[str]:
    """Ways to say one temperature."""
    whole, rest = divmod(tenths, 10)
    han = {3: "三十", 4: "四十"}[whole // 10] + (DIGITS[whole % 10] if whole % 10 else "")
    forms = [
        f"{whole}.{rest}度",
        f"体温{whole}.{rest}",
        f"{whole}度{rest}",
        f"烧到{whole}。{rest}",
        f"{han}度{DIGITS[rest]}",
        f"{han}点{DIGITS[rest]}度",
    ]
    return forms if rest else [f"{whole}度", f"体温{whole}.0", f"{han}度"]


@given(st.integers(350, 425), st.data())
def test_every_temperature_is_read_back_from_every_form(tenths: int, data: st.DataObject) -> None:
    spoken = data.draw(st.sampled_from(spoken_temperatures(tenths)))
    assert read(f"宝宝{spoken}，有点不放心") == [("temperature", tenths / 10, "Cel")]


@given(st.integers(2, 13), st.integers(1, 9), st.data())
def test_every_weight_in_jin_and_liang_is_read_back(jin: int, liang: int, data: st.DataObject) -> None:
    han = ("十" if jin >= 10 else "") + (DIGITS[jin % 10] if jin % 10 else "")
    spoken = data.draw(st.sampled_from([f"{jin}斤{liang}两", f"{jin}斤{liang}", f"{han}斤{DIGITS[liang]}两", f"体重{jin}.{liang}斤"]))
    infant = PatientFacts(age_days=None)
    assert read(f"今天称了{spoken}", patient=infant) == [("weight", round(jin * 0.5 + liang * 0.05, 3), "kg")]


@given(st.text(max_size=60))
def test_any_text_is_read_without_failing(text: str) -> None:
    measurements, _ = find_measurements(text, context="今天体温多少？", patient=CHILD, now=NOW)
    assert all(text[m.start : m.end] == m.text for m in measurements)
