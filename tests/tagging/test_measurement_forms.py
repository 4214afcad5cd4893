"""Every value, said in many ways, is read back; mixtures of what families write never break the reader nor invent a value."""

from collections.abc import Callable
from datetime import datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tagging.measurement import find_doses, read_measurements
from tagging.patient import PatientFacts

NOW = datetime.fromisoformat("2026-03-01T08:00:00+08:00")
NOBODY = PatientFacts(None)
DIGITS = "零一二三四五六七八九"
FULL_WIDTH = str.maketrans("0123456789.", "０１２３４５６７８９．")


# The tables are read once, on first use; no single example pays for it.
read_measurements("体温38.5", context=None, patient=NOBODY, now=NOW)


def read(text: str, patient: PatientFacts = NOBODY) -> list[tuple[str, float]]:
    return [(m.vital, m.value) for m in read_measurements(text, context=None, patient=patient, now=NOW).measurements]


def han(number: int) -> str:
    """A whole number below 10 000 in characters, as it is read aloud."""
    if number < 10:
        return DIGITS[number]
    parts, bridge = "", False
    for size, name in ((1000, "千"), (100, "百"), (10, "十"), (1, "")):
        digit = number // size % 10
        if digit:
            parts += ("零" if bridge and parts else "") + DIGITS[digit] + name
        bridge = not digit
    return parts.removeprefix("一") if 10 <= number < 20 else parts


def tenths(value: int) -> tuple[int, int]:
    return divmod(value, 10)


def temperatures(value: int) -> list[str]:
    whole, rest = tenths(value)
    forms = [
        f"{whole}.{rest}度", f"{whole}度{rest}", f"{whole}°{rest}", f"{whole}.{rest}℃", f"体温{whole}.{rest}", f"{whole}。{rest}度",
        f"{whole}，{rest}℃", f"{round((whole + rest / 10) * 9 / 5 + 32, 2)}°F",
        f"{han(whole)}度{DIGITS[rest]}", f"{han(whole)}点{DIGITS[rest]}度", f"体温{whole}。{rest}", f"烧到{whole}点{rest}",
        f"{whole}点{rest}度",
        f"{whole}.{rest}度".translate(FULL_WIDTH), f"量了{whole}.{rest}", f"体温：{whole}.{rest}",
    ]  # fmt: skip
    if rest == 5:
        forms += [f"{whole}度半", f"{han(whole)}度半"]
    return forms if rest else [f"{whole}度", f"{han(whole)}度", f"烧到{whole}", f"体温{whole}.0", f"{whole}℃"]


def weights(value: int) -> list[str]:
    """`value` in tenths of a 斤."""
    jin, liang = tenths(value)
    grams = value * 50
    forms = [
        f"{jin}斤{liang}两", f"{jin}斤{liang}", f"{han(jin)}斤{DIGITS[liang]}两", f"体重{jin}.{liang}斤", f"体重{grams}克", f"称了{grams}g",
        f"体重{grams / 1000:g}公斤", f"{grams / 1000:g}kg", f"体重{han(grams)}克",
    ]  # fmt: skip
    return [*forms, f"{han(jin)}斤半"] if liang == 5 else forms if liang else [f"{jin}斤", f"{han(jin)}斤", f"体重{grams}克"]


def heights(value: int) -> list[str]:
    rest = value - 100
    forms = [
        f"身高{value}cm",
        f"身高{value}厘米",
        f"身高{han(value)}公分",
        f"身高{value / 100:.2f}米",
        f"身高1米{rest:02d}",
        f"身长{value}",
    ]
    return [*forms, f"身高1米{rest // 10}", f"一米{DIGITS[rest // 10]}"] if not rest % 10 else forms


def rates(value: int) -> list[str]:
    return [f"心率{value}", f"心率{value}次/分", f"心跳每分钟{value}下", f"脉搏{han(value)}", f"一分钟心跳{value}次", f"心率：{value}bpm"]


def pressures(high: int, low: int) -> list[str]:
    return [
        f"血压{high}/{low}", f"{high}/{low}", f"高压{high}低压{low}", f"血压{high}到{low}", f"收缩压{high}，舒张压{low}",
        f"血压{high} {low}",
        f"高压{han(high)}，低压{han(low)}", f"血压{high}-{low}mmHg", f"血压{high}，{low}", f"上压{high}下压{low}",
    ]  # fmt: skip


def sugars(value: int) -> list[str]:
    whole, rest = tenths(value)
    return [
        f"血糖{whole}.{rest}", f"空腹血糖{whole}.{rest}mmol/L", f"{whole}.{rest}个血糖", f"血糖{han(whole)}点{DIGITS[rest]}",
        f"血糖{whole}点{rest}",
        f"餐后2小时血糖{whole}.{rest}",
    ]  # fmt: skip


def in_frame(draw: Callable[..., str], said: str) -> str:
    before = draw(st.sampled_from(["", "宝宝", "医生你好，", "今天", "昨晚", "早上8点", "我家娃", "咳嗽三天了，", "8个月，"]))
    after = draw(st.sampled_from(["", "了", "，有点不放心", "。怎么办？", "，精神还行", "，吃了药", "！", "\n谢谢医生"]))
    return f"{before}{said}{after}"


@given(st.integers(350, 425), st.data())
def test_every_temperature(value: int, data: st.DataObject) -> None:
    text = in_frame(data.draw, data.draw(st.sampled_from(temperatures(value))))
    found = read(text)
    assert [vital for vital, _ in found] == ["temperature"], text
    assert found[0][1] == pytest.approx(value / 10, abs=0.01), text


@given(st.integers(40, 139), st.data())
def test_every_weight(value: int, data: st.DataObject) -> None:
    text = in_frame(data.draw, data.draw(st.sampled_from(weights(value))))
    assert [(vital, round(kilograms, 3)) for vital, kilograms in read(text)] == [("weight", round(value * 0.05, 3))], text


@given(st.integers(101, 139), st.data())
def test_every_height(value: int, data: st.DataObject) -> None:
    text = in_frame(data.draw, data.draw(st.sampled_from(heights(value))))
    assert read(text) == [("height", value)], text


@given(st.integers(60, 199), st.data())
def test_every_heart_rate(value: int, data: st.DataObject) -> None:
    text = in_frame(data.draw, data.draw(st.sampled_from(rates(value))))
    assert read(text) == [("heart_rate", value)], text


@given(st.integers(90, 190), st.integers(45, 85), st.data())
def test_every_blood_pressure(high: int, low: int, data: st.DataObject) -> None:
    text = in_frame(data.draw, data.draw(st.sampled_from(pressures(high, low))))
    assert read(text) == [("systolic_bp", high), ("diastolic_bp", low)], text


@given(st.integers(11, 333), st.data())
def test_every_blood_sugar(value: int, data: st.DataObject) -> None:
    text = in_frame(data.draw, data.draw(st.sampled_from(sugars(value))))
    assert read(text) == [("glucose", value / 10)], text


@given(st.integers(0, 23), st.integers(0, 59), st.integers(0, 3))
def test_every_clock_time_is_dated(hour: int, minute: int, back: int) -> None:
    day = ["今天", "昨天", "前天", "大前天"][back]
    late = NOW.replace(hour=23, minute=59)
    found = read_measurements(f"{day}{hour}:{minute:02d}量的38.5度", context=None, patient=NOBODY, now=late).measurements
    assert [m.at for m in found] == [late.replace(hour=hour, minute=minute) - timedelta(days=back)]


PIECES = st.sampled_from(
    [
        *"0123456789.。，、 /-到点度斤两公克米次个半多十百千三八九",
        "38.5",
        "体温",
        "血压",
        "宝宝",
        "不是",
        "昨晚八点",
        "120/80",
        "血糖",
        "ml",
        "喝了",
        "没",
        "吗？",
        "如果",
    ]
)


@given(st.lists(PIECES, max_size=40))
def test_a_mixture_is_read_without_failing_and_within_the_plausible(pieces: list[str]) -> None:
    text = "".join(pieces)
    for m in read_measurements(text, context="今天体温多少？", patient=PatientFacts(400), now=NOW).measurements:
        assert text[m.start : m.end] == m.text
        assert m.vital != "temperature" or 30 <= m.value <= 43
        assert m.low is None or m.high is None or m.low <= m.value <= m.high
    assert all(text[dose.start : dose.end] == dose.text for dose in find_doses(text))


@pytest.mark.parametrize(
    "piece",
    [
        "38.5，",
        "38。",
        "1",
        "一",
        "体温",
        "120/",
        "昨晚八点",
        "三十八度五",
        "不是",
        "\x00\u202e",
        "(",
        "如果39度",
        "点",
        "5斤",
        "8-",
        "尿",
        "每",
    ],
)
def test_a_long_hostile_text_is_read_through(piece: str) -> None:
    text = piece * (60_000 // len(piece))
    found = read_measurements(text, context=text, patient=NOBODY, now=NOW)
    assert all(m.start < m.end <= len(text) for m in found.measurements)
