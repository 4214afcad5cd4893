"""Which messages nobody can triage, because they are not in Chinese."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tagging.foreign import is_foreign

CASES = Path(__file__).parents[2] / "nlu_data" / "evaluation"
HAN = st.sampled_from("宝孩发烧咳嗽吐拉了的是不昨今天晚早吃奶水睡热度")
ENGLISH = st.sampled_from(["my", "son", "has", "been", "coughing", "since", "yesterday", "sunday", "cannot", "sleep"])


@pytest.mark.parametrize(
    "text",
    [
        "My baby has a high fever",
        "my baby is not breathing well",
        "seizure",
        "HELP MY BABY",
        "fever 39.5",
        "He has had a temperature of 39.5 since last night",
        "Mon bébé a vomi toute la nuit",
        "Con tôi bị sốt cao",
        "wo de bao bao fa shao le",
        "бebёнок не дышит",
        "у ребёнка температура 39",
        "بالامنىڭ قىزىتمىسى ئۆرلەپ كەتتى",
        "طفلي لديه حمى",
        "ཕྲུ་གུ་ན་བ་རེད།",
        "아기가 열이 나요",
        "赤ちゃんが熱を出しています",
        "こどもがけいれんした",
        "ลูกมีไข้สูง",
        "बच्चे को बुखार है",
        "小明 has a fever and he cannot keep anything down since yesterday",
        "아기 小满 이가 열이 많이 나요",
    ],
)
def test_another_language_is_heard(text: str) -> None:
    assert is_foreign(text)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "OK",
        "ok thx bye",
        "hi",
        "hello, how are you",
        "'; DROP TABLE patient; --",
        "{name} {0} %s ${jndi:ldap://x}",
        "help",
        "Thank you very much!",
        "good night",
        "SpO2 93",
        "38.5",
        "T39",
        "T 39.2 P 120 R 30",
        "ITP",
        "WBC 12.3 CRP 8 PLT 200 HGB 110",
        "ALT 45 AST 60 ALB 40 ALP 120",
        "app",
        "wifi",
        "haha",
        "Emma",
        "Li Xiaoming",
        "https://example.org/my/baby/has/fever",
        "my.baby.has.fever@example.org",
        "report_final_version_2.pdf",
        "R-zhao-0",
        "wxid_8f3kd02",
        "😭😭🙏",
        "ಥ_ಥ",
        "Σ(っ°Д°;)っ",
        "(๑•̀ㅂ•́)و✧",
        "ヽ(ﾟДﾟ)ﾉ",
        "宝宝の奶粉",
        "宝宝今天6斤8两",
        "寶寶發燒咗",
        "baby 发烧了",
        "发烧 fever help please my baby is hot",
        "My baby has a fever，抽搐了",
        "用的Friso Prestige三段",
        "一二三",
    ],
)
def test_what_chinese_parents_type_is_chinese(text: str) -> None:
    assert not is_foreign(text)


def strings(value: Any) -> Iterator[str]:
    match value:
        case str():
            yield value
        case dict():
            for each in value.values():
                yield from strings(each)
        case list():
            for each in value:
                yield from strings(each)


@pytest.mark.parametrize("file", ["cases", "questions", "redflags"])
def test_nothing_that_families_are_known_to_say_is_foreign(file: str) -> None:
    lines = (CASES / f"{file}.jsonl").read_text("utf-8").splitlines()
    said = [text for line in lines for text in strings(json.loads(line).get("input") or json.loads(line).get("question"))]
    assert [text for text in said if is_foreign(text)] == []


@given(st.text())
def test_it_judges_anything(text: str) -> None:
    assert is_foreign(text) in (True, False)


@given(st.lists(HAN, min_size=3), st.lists(ENGLISH), st.booleans())
def test_with_chinese_beside_it_triage_has_something_to_read(chinese: list[str], english: list[str], first: bool) -> None:
    parts = ["".join(chinese), " ".join(english)]
    assert not is_foreign(" ".join(parts if first else reversed(parts)))


@given(st.lists(ENGLISH, min_size=4), st.text(alphabet=" ,.!?0123456789😭", max_size=8))
def test_a_sentence_stays_foreign_whatever_marks_stand_around_it(english: list[str], marks: str) -> None:
    assert is_foreign(marks + " " + " ".join(english) + " " + marks)
