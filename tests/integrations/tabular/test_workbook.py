"""Excel workbooks as rows: what a hospital's export holds, and what it must not do."""

import io
import zipfile
from datetime import datetime
from random import Random

import openpyxl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from integrations.tabular.read import FileRefused, table_of


def workbook(*rows: tuple[object, ...], empty_first: bool = False) -> bytes:
    """An xlsx with these rows; with `empty_first` behind a sheet that holds nothing."""
    book = openpyxl.Workbook()
    sheet = book.active
    if empty_first:
        sheet = book.create_sheet("数据")
    for row in rows:
        sheet.append(row)
    told = io.BytesIO()
    book.save(told)
    return told.getvalue()


def test_values_come_as_they_are_seen() -> None:
    born = datetime.fromisoformat("2024-05-06")
    table = table_of(
        workbook(("病历号", "出生日期", "采样时间", "结果", "空腹"), ("00123", born, born.replace(hour=7, minute=30), 98.0, True))
    )
    [row] = table.rows
    assert row.line == 2 and list(row.cells.values()) == ["00123", "2024-05-06", "2024-05-06 07:30:00", "98", "1"]


def test_the_first_sheet_that_holds_anything_is_read_and_empty_rows_are_none() -> None:
    table = table_of(workbook(("a", "b"), (None, None), ("1", None), empty_first=True))
    assert [(row.line, row.cells) for row in table.rows] == [(3, {"a": "1"})]


def test_a_formula_is_refused_like_in_a_csv() -> None:
    [row] = table_of(workbook(("a",), ('=HYPERLINK("http://x","y")',))).rows
    assert (row.wrong, row.where) == ("formula", "a")


def test_a_zip_that_unpacks_to_a_mountain_is_not_unpacked() -> None:
    told = io.BytesIO()
    with zipfile.ZipFile(told, "w", zipfile.ZIP_DEFLATED) as parts:
        for number in range(3):
            parts.writestr(f"xl/worksheets/sheet{number}.xml", b" " * 40_000_000)
    with pytest.raises(FileRefused) as refused:
        table_of(told.getvalue())
    assert refused.value.code == "too_large"


SMALL = workbook(("a", "b"), ("1", "2"))


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 2**32), st.integers(1, 40))
def test_a_damaged_workbook_is_read_or_refused(seed: int, hurt: int) -> None:
    chance = Random(seed)
    data = bytearray(SMALL)
    for _ in range(hurt):
        data[chance.randrange(4, len(data))] = chance.randrange(256)
    try:
        table_of(bytes(data))
    except FileRefused as err:
        assert err.permanent


def with_part(name: str, body: str) -> bytes:
    """A workbook with one part replaced."""
    whole, changed = io.BytesIO(), io.BytesIO()
    openpyxl.Workbook().save(whole)
    with zipfile.ZipFile(whole) as parts, zipfile.ZipFile(changed, "w", zipfile.ZIP_DEFLATED) as packed:
        for each in parts.namelist():
            packed.writestr(each, body if each == name else parts.read(each))
    return changed.getvalue()


LAUGHS = "".join(f'<!ENTITY {name} "{f"&{below};" * 10}">' for below, name in zip("abcdefgh", "bcdefghi", strict=True))


@pytest.mark.parametrize(
    ("entities", "cell"),
    [
        (f'<!ENTITY a "{"x" * 1000}">{LAUGHS}', "&i;"),
        (f'<!ENTITY a "{"x" * 50_000}">', "&a;" * 50_000),
        ('<!ENTITY a SYSTEM "file:///etc/passwd">', "&a;"),
    ],
    ids=["billion-laughs", "quadratic", "external"],
)
def test_entities_are_not_unfolded(entities: str, cell: str) -> None:
    rows = f'<sheetData><row r="1"><c r="A1" t="inlineStr"><is><t>{cell}</t></is></c></row></sheetData>'
    sheet = f'<worksheet xmlns="http://schemas.openxmlformats.org/spreadsheetml/2006/main">{rows}</worksheet>'
    hostile = with_part("xl/worksheets/sheet1.xml", f'<?xml version="1.0"?><!DOCTYPE x [{entities}]>{sheet}')
    with pytest.raises(FileRefused) as refused:
        table_of(hostile)
    assert refused.value.code == "broken"
