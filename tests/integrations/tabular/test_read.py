"""Files as hospitals export them: every charset and separator, and what no honest export holds."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from integrations.tabular.read import LARGEST, FileRefused, read_table, table_of

PLAIN = "病历号,姓名\r\n00123,小满\r\n"


@pytest.mark.parametrize("charset", ["utf-8", "utf-8-sig", "gb18030", "utf-16"])
@pytest.mark.parametrize("delimiter", [",", "\t", ";"])
def test_a_table_in_every_usual_form(charset: str, delimiter: str) -> None:
    table = table_of(PLAIN.replace(",", delimiter).encode(charset))
    assert table.header == ("病历号", "姓名")
    assert [(row.line, dict(row.cells), row.wrong) for row in table.rows] == [(2, {"病历号": "00123", "姓名": "小满"}, None)]


@pytest.mark.parametrize(
    ("cell", "wrong"),
    [
        ("=1+1", "formula"),
        ('"=HYPERLINK(""http://x"",""y"")"', "formula"),
        ("@SUM(A1)", "formula"),
        ("+cmd|' /C calc'!A0", "formula"),
        ("-2+SUM(A1)", "formula"),
        ("a\x00b", "control"),
        ("长" * 501, "long"),
        ("a,b", "cells"),
        ('"a"b', "quotes"),
        ("+", None),
        ("-0.5", None),
        ("+1", None),
        ("-(阴性)", None),
        ("'); drop table patient; --", None),
        ('"="', "formula"),
    ],
)
def test_what_a_row_may_not_hold_is_named_and_its_neighbours_stay(cell: str, wrong: str | None) -> None:
    table = table_of(f"病历号,结果\n1,好\n2,{cell}\n3,好\n".encode())
    assert [row.wrong for row in table.rows] == [None, wrong, None]
    assert [row.line for row in table.rows] == [2, 3, 4]


def test_leading_zeros_kept_by_a_spreadsheets_trick_are_text() -> None:
    [row] = table_of(b'a,b\n"=""00123""",x\n').rows
    assert row.cells["a"] == "00123"


def test_a_quote_that_is_never_closed_tells_how_far_it_reaches() -> None:
    rows = table_of(b'a,b\n1,"x\n2,y\n3,z\n').rows
    assert [(row.line, row.wrong, row.where) for row in rows] == [(2, "quotes", "2-4")]


@pytest.mark.parametrize(
    ("data", "code"),
    [
        (b"PK\x03\x04rest", "broken"),
        (b"\xd0\xcf\x11\xe0rest", "old_workbook"),
        (b"", "no_header"),
        (b"\xff\xfe\x00", "charset"),
        (b"\xef\xbb\xbf\xff\xff", "charset"),
        (b"a,b,a\n", "twice"),
    ],
)
def test_a_file_that_is_no_table_is_refused(data: bytes, code: str) -> None:
    with pytest.raises(FileRefused) as refused:
        table_of(data)
    assert refused.value.code == code


def test_a_file_of_ten_megabytes_is_refused_before_it_is_read(tmp_path: Path) -> None:
    file = tmp_path / "big.csv"
    file.write_bytes(b"a,b\n" + b"1,2\n" * 2_500_000)
    assert file.stat().st_size > LARGEST
    with pytest.raises(FileRefused) as refused:
        read_table(file)
    assert refused.value.code == "too_large"


@given(st.binary(max_size=400) | st.text(max_size=300).map(lambda text: text.encode("utf-8", "surrogatepass")))
def test_whatever_the_bytes_are(data: bytes) -> None:
    try:
        table_of(data)
    except FileRefused as err:
        assert err.code
