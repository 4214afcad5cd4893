"""The pattern language of the clinical tables."""

import pytest

from tagging.errors import ContentError
from tagging.lexicon import Entry, Lexicon
from tagging.pattern import Patterns

WORDS = {"lip": ("嘴唇", "嘴巴"), "blue": ("发紫", "发青")}


def found(pattern: str, text: str, traps: tuple[str, ...] = ()) -> list[tuple[int, int]]:
    return [(hit.start, hit.end) for hit in Lexicon([Entry("sign", (pattern,))], Patterns(WORDS), traps).find(text).signs]


@pytest.mark.parametrize(
    ("pattern", "text", "span"),
    [
        ("{lip} {blue}", "他嘴唇有点发紫", (1, 7)),
        ("(脸|面)色灰白", "面色灰白", (0, 4)),
        ("尿布?湿", "尿湿了", (0, 2)),
        ("#天没尿", "已经两天没尿", (2, 6)),
        ("喘(都|也)*(厉害|很)", "喘也都厉害", (0, 5)),
        ("囟门~鼓", "囟门那里，好像鼓着", (0, 8)),
        ("血!(丝|常规)", "血常规里有血", (5, 6)),
        ("!(抽)血", "抽血见血", (3, 4)),
        ("冰凉，发紫", "手脚冰凉 发紫", (2, 7)),
        ("奶量(减|减少)", "奶量减少了", (0, 4)),
    ],
)
def test_a_pattern_finds_its_words(pattern: str, text: str, span: tuple[int, int]) -> None:
    assert found(pattern, text) == [span]


@pytest.mark.parametrize(("pattern", "text"), [("{lip} {blue}", "嘴唇好，手发紫"), ("血!丝", "血丝"), ("抽!血", "抽血")])
def test_a_pattern_stays_within_its_clause_and_its_exceptions(pattern: str, text: str) -> None:
    assert found(pattern, text) == []


def test_a_trap_swallows_what_lies_inside_it() -> None:
    assert found("抽", "抽血后抽了", traps=("抽血",)) == [(3, 4)]


@pytest.mark.parametrize("bad", ["(嘴|唇", "{nose}红", "嘴}", "?嘴", "(嘴)?", "嘴)"])
def test_a_mistake_is_refused_with_its_place(bad: str) -> None:
    with pytest.raises(ContentError, match="pattern") as refused:
        Patterns(WORDS).parsed(bad)
    assert refused.value.code == "bad_pattern"


def test_words_that_can_be_cut_two_ways_do_not_make_a_long_text_hang() -> None:
    assert found("疼(有|点|有点|一点|一)*死", "疼" + "有点" * 4000) == []
