"""The reader that has learned: it hears what no list holds, leaves ordinary messages alone, and says why."""

from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tagging.content import DATA, Content, default_content
from tagging.errors import ContentError
from tagging.patient import PatientFacts
from tagging.second import Opinion
from tagging.second.feature import STEP, WINDOW, WINDOWS, windows
from tagging.second.learned import FILE, LearnedReader, open_reader
from tagging.second.training import ANY_TIME, everyday, read_lines, teach, version_of
from tagging.triage import Triage, triage_text

LINES = Path(__file__).parents[2] / "nlu_data" / "second_reader"


def judged(text: str, content: Content | None = None) -> Triage:
    return triage_text(text, context=None, patient=PatientFacts(700), now=ANY_TIME, content=content)


@pytest.fixture
def reader() -> LearnedReader:
    found = open_reader(DATA / FILE)
    assert found is not None
    return found


@pytest.mark.parametrize(
    "text",
    [
        "我掐她脚底板都不哼一声，胳膊一放就掉下去",
        "娃的脸灰扑扑的，嘴边一圈像涂了蓝墨水",
        "每喘一下肋骨缝就瘪进去一道沟，鼻孔撑得老大",
        "把奶奶治糖尿病的药片当糖豆嚼了，瓶子空了",
        "从二楼阳台翻下去了，后脑勺磕在水泥地上，一直犯迷糊",
    ],
)
def test_a_danger_in_words_that_no_list_holds_is_heard(text: str) -> None:
    assert judged(text).level in ("urgent", "emergency")


@pytest.mark.parametrize(
    "text",
    [
        "昨天带他去公园放风筝，回来吃了一大碗面",
        "咳嗽少多了，夜里睡得踏实，奶量也回来了",
        "请问复查要不要空腹，几点到合适",
        "谢谢护士，药我记住了，饭后半小时吃",
        "拉了两次，有点稀，精神挺好还在玩",
        "吃完奶顺着嘴角流出来一点，打了个嗝就好了",
    ],
)
def test_ordinary_messages_are_left_alone(text: str) -> None:
    assert judged(text).level in ("routine", "same_day")


@pytest.mark.parametrize("text", ["20", "3", "0", "20.", "120", "?!", "20 30 40"])
@pytest.mark.parametrize("age_days", [6, 1100, 5000])
def test_a_bare_number_resembles_nothing(text: str, age_days: int) -> None:
    triage = triage_text(text, patient=PatientFacts(age_days), now=ANY_TIME, context="过去30天里，有几天漏了药？")
    assert not any(evidence.rule == "second_reader" for evidence in triage.evidence)


def test_it_shows_the_words_that_worried_it_where_they_stand(reader: LearnedReader) -> None:
    text = "我掐她脚底板都不哼一声，胳膊一放就掉下去"
    rules = judged(text, default_content().rules_only)
    opinion = reader.read(text, patient=PatientFacts(700), signs=(), values=(), triage=rules)
    assert opinion is not None
    for shown in opinion.because.partition(": ")[2].split(" + "):
        quoted, place = shown.removesuffix("]").split("[")
        start, end = map(int, place.split(":"))
        assert quoted == f"「{text[start:end]}」"


def test_what_the_rules_call_an_emergency_is_not_read_again(reader: LearnedReader) -> None:
    assert reader.read("孩子抽搐了", patient=PatientFacts(700), signs=(), values=(), triage=Triage("emergency")) is None


@pytest.mark.parametrize("before", [0, 380, 900, 1900])
def test_a_danger_is_heard_wherever_it_stands_in_a_long_message(before: int) -> None:
    chat = "今天带他去公园放风筝了，回来吃了一碗面。"
    text = (chat * 200)[:before] + "我掐她脚底板都不哼一声，胳膊一放就掉下去，怎么晃也没有动静。" + chat * 5
    assert judged(text).level in ("urgent", "emergency")


def test_an_endless_message_is_read_only_so_far() -> None:
    text = "今天带他去公园放风筝了。" * 10_000
    assert len(list(windows(text, patient=PatientFacts(None), signs=(), values=(), triage=Triage("routine")))) == WINDOWS
    assert STEP < WINDOW


@settings(deadline=None)
@given(st.text(max_size=60))
def test_no_text_is_too_odd_for_it(text: str) -> None:
    by_rules = judged(text, default_content().rules_only)
    both = judged(text)
    assert both == by_rules or both.evidence[-1].rule == "second_reader"


def test_it_has_learned_from_the_lines_that_are_here(reader: LearnedReader) -> None:
    assert reader.version == version_of(read_lines(LINES)), "teach it again: careloop train --second-reader"


def test_the_same_lines_teach_the_same_reader(tmp_path: Path) -> None:
    lines = [*list(read_lines(LINES))[::40], *everyday(["今天称了体重", "谢谢", "明天几点复查"])]
    for name in ("once", "twice"):
        teach(lines, default_content()).reader.save(tmp_path / name)
    assert (tmp_path / "once").read_bytes() == (tmp_path / "twice").read_bytes()
    taught = open_reader(tmp_path / "once")
    assert taught is not None
    assert judged("谢谢护士", replace(default_content(), second=taught)).level == "routine"


@pytest.mark.parametrize("row", ["urgent\tbreathing\t喘", "grave\t-\t-\t喘", "urgent\t-\t3 years\t喘", "urgent\t-\t-\t "])
def test_a_line_that_teaches_nothing_is_named(tmp_path: Path, row: str) -> None:
    (tmp_path / "mine.tsv").write_text(f"routine\t-\t-\t吃得好\n{row}\n", "utf-8")
    with pytest.raises(ContentError, match=r"mine\.tsv, line 2"):
        list(read_lines(tmp_path))


def test_a_broken_file_is_refused_and_a_missing_one_means_nobody(tmp_path: Path) -> None:
    assert open_reader(tmp_path / FILE) is None
    (tmp_path / FILE).write_bytes(b"PK\x03\x04 no archive")
    with pytest.raises(ContentError, match=FILE):
        open_reader(tmp_path / FILE)


@pytest.mark.parametrize("text", ["刚给他吃了美林", "今天刚开始", "昨晚开始的，一直这样", "量的是腋下，36度9", "数了一分钟呼吸18下"])
def test_an_ordinary_answer_is_left_alone(text: str) -> None:
    assert triage_text(text, context=None, patient=PatientFacts(12_000), now=ANY_TIME).level == "routine"


@pytest.mark.parametrize(
    ("text", "level"),
    [("烧37.9度", "routine"), ("今天称了12公斤", "routine"), ("体温37.9，叫不答应", "emergency"), ("体温39，人软得像面条", "emergency")],
)
def test_a_value_alone_is_judged_by_the_tables_alone(text: str, level: str) -> None:
    class Alarmist:
        def read(self, text: str, **_: object) -> Opinion:
            return Opinion("emergency", "alarmist", 1, "always")

    assert judged(text, replace(default_content(), second=Alarmist())).level == level
