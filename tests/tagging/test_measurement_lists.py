"""Lists of bare numbers after a question, and counts of nothing."""

from datetime import datetime
from itertools import pairwise

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from tagging.measurement import read_measurements
from tagging.patient import PatientFacts

NOW = datetime.fromisoformat("2026-03-01T08:00:00+08:00")


def read(text: str, context: str | None = None) -> list[tuple[str, float]]:
    found = read_measurements(text, context=context, patient=PatientFacts(None), now=NOW)
    return [(m.vital, m.value) for m in found.measurements]


# The tables are read once, on first use; no single example pays for it.
read("体温38.5")


@given(
    st.lists(st.integers(100, 399), min_size=2, max_size=5),
    st.sampled_from(["、", "，", " ", "/", "→"]),
    st.sampled_from(["", "吹了三次 ", "吹了三次，", "今天早上：", "分别是"]),
)
def test_every_blow_of_a_list_is_read(blows: list[int], separator: str, before: str) -> None:
    # 280、281 is a range.
    assume(all(last - first != 1 for first, last in pairwise(blows)))
    text = before + separator.join(map(str, blows))
    assert read(text, "峰流速吹了多少？") == [("peak_flow", float(blow)) for blow in blows]


@given(st.lists(st.integers(50, 150), min_size=2, max_size=4), st.sampled_from(["、", "，", " "]))
def test_every_sugar_of_a_list_is_read(tenths: list[int], separator: str) -> None:
    assume(all(last - first != 10 for first, last in pairwise(tenths)))
    text = separator.join(f"{tenth / 10:.1f}" for tenth in tenths)
    assert read(text, "血糖是多少？") == [("glucose", tenth / 10) for tenth in tenths]


@pytest.mark.parametrize(
    ("text", "context", "vital"),
    [
        ("一次都没吐", None, "vomit_count"),
        ("一次都没吐", "今天吐了几次？", "vomit_count"),
        ("没有吐", "今天吐了几次？", "vomit_count"),
        ("没拉", "今天大便几次？", "stool_count"),
        ("今天一片尿布都没湿", None, "wet_diapers"),
        ("一次也没有", "昨天尿了几次？", "wet_diapers"),
    ],
)
def test_nothing_counted_is_nought(text: str, context: str | None, vital: str) -> None:
    assert read(text, context) == [(vital, 0.0)]


@pytest.mark.parametrize(
    ("text", "context"),
    [
        ("没拉肚子", "今天大便几次？"),
        ("不拉了", "今天大便几次？"),
        ("三天一次都没拉", None),
        ("从昨晚到现在一泡尿也没有", None),
        ("一粒药都没吃", "今天吐了几次？"),
        ("没有", "体温多少？"),
        ("吐了一半没再吐", None),
    ],
)
def test_what_tells_no_day_is_no_count(text: str, context: str | None) -> None:
    assert read(text, context) == []


@pytest.mark.parametrize(
    "context",
    [
        # What was told before is said back, then something else is asked.
        "收到，吃奶9次，每次奶量60毫升，湿尿布8片；有咳嗽。今天的记录齐了，谢谢您。宝宝现在有没有呼吸费力、喘？",
        "收到，湿尿布8片。还有别的不舒服吗？没有的话回复“没有”就行。",
    ],
)
@pytest.mark.parametrize("text", ["没有", "没有了", "都没有", "没"])
def test_a_bare_no_answers_the_last_question_alone(text: str, context: str) -> None:
    assert read(text, context) == []
