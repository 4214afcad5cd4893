"""The language: what clinicians write reads as they mean it, both forms say the same, and mistakes are named where they stand."""

import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tagging.cohort import query as q
from tagging.cohort.builder import build, read
from tagging.cohort.parse import parse
from tagging.cohort.words import CohortError, keywords
from tagging.cohort.write import write
from tests.tagging.cohort.given import SCOPE, queries, terms, trees

# Names that a hospital, or somebody who means it harm, might give.
hostile = st.text(st.characters(exclude_categories=("Cc", "Cs")), min_size=1, max_size=30).filter(str.strip) | st.sampled_from(
    ("'; drop table patient; --", '"', "\\", "“早产”", "且", "非", "体重趋势", "90天内", "a,b", "标签 a 或 标签 b", *keywords())
)
wild = trees(terms(hostile, hostile, hostile))


def test_a_clinicians_sentence_reads_as_meant() -> None:
    assert parse("标签 早产儿 且 非 标签 化疗 且 月龄 3..12 且 出院后天数 <= 90 且 体重趋势 下降") == q.All(
        (
            q.TagTerm(("早产儿",)),
            q.Not(q.TagTerm(("化疗",))),
            q.AgeTerm("months", q.Span(3, 12)),
            q.SinceTerm("discharge", q.Span(high=90)),
            q.TrendTerm("体重", "falling", 30),
        )
    )


@pytest.mark.parametrize(
    ("chinese", "english"),
    [
        ("标签 早产儿 来源 检验、医院 90天内", "tag 早产儿 from lab|HIS within 90 days"),
        ("标签 无（早产儿，“21 三体”）", 'tag none(早产儿, "21 三体")'),
        ("最近 体温 ≥ 38.5℃ 7天内", "latest 体温 >= 38.5 ℃ within 7 days"),
        ("最近 HbA1c 7..９ % 或 性别 女", "latest HbA1c 7..9 % or sex F"),
        ("科室 未知 且 (团队 新生儿科 或 计划 任何 进行中)", "department unknown and (team 新生儿科 or plan any_plan active)"),
    ],
)
def test_both_languages_and_full_width_signs_say_the_same(chinese: str, english: str) -> None:
    assert parse(chinese) == parse(english)


def test_and_binds_more_tightly_than_or_and_not_most() -> None:
    a, b, c = (q.TagTerm((name,)) for name in "abc")
    assert parse("标签 a 或 非 标签 b 且 标签 c") == q.Any((a, q.All((q.Not(b), c))))
    assert parse("(标签 a 或 标签 b) 且 标签 c") == q.All((q.Any((a, b)), c))


@settings(max_examples=200, deadline=None)
@given(query=wild, english=st.booleans())
def test_what_is_written_reads_back_as_the_same_tree(query: q.Query, english: bool) -> None:
    assert parse(write(query, english=english)) == query


@settings(max_examples=200, deadline=None)
@given(query=wild)
def test_the_builder_form_reads_back_as_the_same_tree(query: q.Query) -> None:
    assert read(json.loads(json.dumps(build(query)))) == query


@settings(max_examples=300, deadline=None)
@given(
    st.text(max_size=200)
    | st.lists(st.sampled_from([*keywords(), "(", ")", "<=", "..", "3", "90天内", ",", "|", '"', "x"]), max_size=60).map(" ".join)
)
def test_any_text_is_a_query_or_a_named_mistake(text: str) -> None:
    try:
        parse(text)
    except CohortError as err:
        assert err.line and err.column
        assert str(err).startswith(f"第{err.line}行第{err.column}列：")


anything = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=10),
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(st.sampled_from(("all", "any", "not", "tag", "age", "latest", "of", "ge", "unit", "x")), inner, max_size=3)
    ),
    max_leaves=12,
)


@settings(max_examples=300, deadline=None)
@given(form=anything)
def test_any_json_is_a_query_or_a_named_mistake(form: object) -> None:
    try:
        read(form)
    except CohortError as err:
        assert err.path and err.path.startswith("$")


@pytest.mark.parametrize(
    ("text", "code", "column", "says"),
    [
        ("", "ended", 1, "一项条件"),
        ("标签 早产儿 月龄 3", "expected", 8, "“且”“或”"),
        ("标签 早产儿 且 ", "ended", 10, "一项条件"),
        ("(标签 早产儿", "ended", 8, "“）”"),
        ("标签 “早产儿", "unclosed", 4, "引号"),
        ("月龄 大", "expected", 4, "比较"),
        ("月龄 3.5", "number", 1, "整数"),
        ("月龄 12..3", "range", 1, "写反"),
        ("年龄 >= 900", "number", 1, "125"),
        ("最近 HbA1c > 7", "unit_missing", 1, "单位"),
        ("最近 体温 > 38 kg", "unit_unknown", 1, "℃"),
        ("标签 早产儿 来源 邻居", "expected", 11, "来源"),
        ("体重趋势 变差", "expected", 6, "上升"),
        ("标签 早产儿 90", "ended", 10, "90天内"),
        ("性别 随便", "expected", 4, "男"),
        ("非 " * 20 + "标签 a", "too_deep", 27, "12层"),
        ("(" * 20 + "标签 a" + ")" * 20, "too_deep", 14, "12层"),
        (" 且 ".join(["标签 a"] * 61), "too_many", 421, "60项"),
        (" 或 ".join(f"最近 项目{n} > 1 g" for n in "一二三四五六七八九"), "too_many_measures", 121, "8种"),
        ("标签 " + "a" * 101, "bad_name", 4, "100"),
        ("x" * 4001, "too_long", 4001, "4000"),
    ],
)
def test_a_mistake_is_named_where_it_stands(text: str, code: str, column: int, says: str) -> None:
    with pytest.raises(CohortError) as refused:
        parse(text)
    assert (refused.value.code, refused.value.line, refused.value.column) == (code, 1, column)
    assert says in str(refused.value)


def test_a_mistake_on_the_second_line_is_found_there() -> None:
    with pytest.raises(CohortError, match="第2行第3列"):
        parse("标签 早产儿\n且 早产儿")


@pytest.mark.parametrize(
    ("form", "path"),
    [
        ({"all": [{"sex": "F"}]}, "$.all"),
        ({"all": [{"sex": "F"}, {"age": {"unit": "months", "ge": True}}]}, "$.all[1].age.ge"),
        ({"age": {"unit": "months", "ge": 1, "gt": 2}}, "$.age"),
        ({"tag": {"any": ["a"], "all": ["b"]}}, "$.tag"),
        ({"tag": {"any": ["a\x00"]}}, "$.tag.any"),
        ({"latest": {"of": "体温", "ge": float("nan")}}, "$.latest"),
        ({"latest": {"of": "体温", "ge": 10**400}}, "$.latest"),
        ({"shoe": {}}, "$.shoe"),
        ({"plan": {"template": "neonatal", "state": "sleeping"}}, "$.plan.state"),
    ],
)
def test_a_mistake_in_the_builder_form_has_its_path(form: object, path: str) -> None:
    with pytest.raises(CohortError) as refused:
        read(form)
    assert refused.value.path == path


def test_a_bomb_of_brackets_is_refused_before_it_is_built() -> None:
    form: dict[str, object] = {"sex": "F"}
    for _ in range(5000):
        form = {"not": form}
    with pytest.raises(CohortError, match="12层"):
        read(form)


def test_a_tag_is_known_by_code_or_name_and_counts_its_children() -> None:
    assert SCOPE.read("标签 早产儿") == SCOPE.read("tag preterm") == q.TagTerm(("preterm",))
    assert SCOPE.counted("早产儿") == (1, 2)
    assert SCOPE.above(2) == {1, 2}


def test_a_tag_that_there_is_not_is_named_where_it_stands() -> None:
    with pytest.raises(CohortError, match="第1行第11列：没有“火星病”") as refused:
        SCOPE.read("性别 男 且 标签 火星病")
    assert refused.value.code == "unknown_tag"


@given(query=queries)
@settings(max_examples=50, deadline=None)
def test_what_is_known_stays_known(query: q.Query) -> None:
    assert SCOPE.known(SCOPE.known(query)) == SCOPE.known(query)
