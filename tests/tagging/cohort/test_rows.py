"""Rows of a form and the language say the same, and a mistake is one of the row in which it stands."""

from dataclasses import replace

import pytest
from hypothesis import given, settings

from tagging.cohort import query as q
from tagging.cohort.parse import parse
from tagging.cohort.rows import Row, rows_of, text_of
from tagging.cohort.words import CohortError
from tests.tagging.cohort.given import queries
from tests.tagging.cohort.test_language import wild


@settings(max_examples=60, deadline=None)
@given(query=queries)
def test_rows_say_what_the_query_says(query: q.Query) -> None:
    assert parse(text_of(rows_of(query))) == query


@settings(max_examples=60, deadline=None)
@given(query=wild)
def test_names_of_any_kind_stay_whole(query: q.Query) -> None:
    assert parse(text_of(rows_of(query))) == query


def test_brackets_and_nots_stand_in_front_of_their_rows() -> None:
    rows = rows_of(parse("(标签 早产儿 或 非 标签 化疗) 且 月龄 3..12"))
    assert [(row.join, row.before, row.field, row.op, row.value, row.after) for row in rows] == [
        ("", "(", "tag", "any", "早产儿", ""),
        ("or", "!", "tag", "any", "化疗", ")"),
        ("and", "", "age_months", "..", "3", ""),
    ]
    assert text_of(rows) == "( 标签 早产儿\n或 非 标签 化疗 )\n且 月龄 3..12"


def test_what_a_row_lacks_is_told_on_its_line() -> None:
    rows = [Row(value="早产儿"), Row("and", field="age_months", op="<="), Row("and", field="sex", op="male")]
    with pytest.raises(CohortError) as told:
        parse(text_of(rows))
    assert told.value.line == 3 and "第3行第1列" in str(told.value)
    with pytest.raises(CohortError, match="第1行第3列"):
        parse(text_of([replace(rows[0], value="")]))


def test_what_was_typed_into_a_box_breaks_no_row() -> None:
    typed = Row(value='早产儿" 或 标签 "x\n或 标签 y')
    assert "\n" not in text_of([typed])
