"""A CSV file or an Excel workbook as rows of named cells: charset, separator and broken quotes are seen to here. No cell is computed, and
none is dropped."""

import codecs
import csv
import io
import re
import unicodedata
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from integrations.tabular.workbook import UNPACKED, WorkbookError, records

# Some 50,000 rows. What is larger is an export of a whole hospital, which needs an interface, not a file by hand.
LARGEST = 5_000_000
LONGEST_CELL = 500
# How xlsx (like every zip) and the older xls begin.
XLSX, XLS = b"PK\x03\x04", b"\xd0\xcf\x11\xe0"
DELIMITERS = (",", "\t", ";", "，")
# ="00123" is how a spreadsheet is made to keep leading zeros; every other formula is refused.
_AS_TEXT = re.compile(r'="([^"]*)"')
# A cell that a spreadsheet would compute. +, -, ++, -0.5 and +1 are results.
_FORMULA = re.compile(r"[=@\t\r]|[+-](?=.*(?:[A-Za-z]\w*\(|[|!]))", re.S)


class FileRefused(Exception):
    """The file as a whole cannot be read; `code` says why: too_large, old_workbook, broken, empty, charset, no_header, twice."""

    permanent = True

    def __init__(self, code: str, **detail: object) -> None:
        super().__init__(code)
        self.code, self.detail = code, detail


@dataclass(frozen=True)
class Row:
    """One row by the names of its columns. `wrong` is why it cannot be read: quotes, cells (more of them than columns), formula,
    control, long; `where` is then the column, if it is one."""

    line: int
    cells: Mapping[str, str]
    wrong: str | None = None
    where: str = ""


@dataclass(frozen=True)
class Table:
    """The header as it is written, and the rows below it."""

    header: tuple[str, ...]
    rows: tuple[Row, ...]


def read_table(path: Path) -> Table:
    """Read a file of at most LARGEST bytes: xlsx, or CSV in UTF-8 (with BOM or without), GB18030 or UTF-16 with BOM.

    Raises FileRefused, OSError.
    """
    with path.open("rb") as file:
        data = file.read(LARGEST + 1)
    if len(data) > LARGEST:
        raise FileRefused("too_large", largest=LARGEST // 1_000_000)
    return table_of(data)


def table_of(data: bytes) -> Table:
    """The table in these bytes; whatever they are, nothing else than FileRefused is raised."""
    lines = _of_workbook(data) if data.startswith(XLSX) else _records(_decoded(data))
    line, header, wrong = next(lines, (0, [], None))
    names = tuple(plain(name) for name in header)
    if wrong or not any(names):
        raise FileRefused("no_header", line=line)
    twice = {name for name in names if name and names.count(name) > 1}
    if twice:
        raise FileRefused("twice", columns="、".join(sorted(twice)))
    return Table(names, tuple(_row(names, *record) for record in lines))


def plain(name: str) -> str:
    """A column's name as it is compared: half-width, without spaces and without what stands in brackets behind it, in lower case."""
    return re.sub(r"\(.*?\)|\s", "", unicodedata.normalize("NFKC", name)).lower()


def _of_workbook(data: bytes) -> Iterator[tuple[int, list[str], str | None]]:
    try:
        for line, cells in records(data):
            yield line, cells, None
    except WorkbookError as err:
        raise FileRefused(err.code, largest=UNPACKED // 1_000_000) from err


def _decoded(data: bytes) -> str:
    if data.startswith(XLS):
        raise FileRefused("old_workbook")
    if data.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        charsets: tuple[str, ...] = ("utf-16",)
    elif data.startswith(codecs.BOM_UTF8):
        charsets = ("utf-8-sig",)
    else:
        charsets = ("utf-8", "gb18030")
    for charset in charsets:
        try:
            return data.decode(charset)
        except UnicodeDecodeError:
            continue
    raise FileRefused("charset")


def _records(text: str) -> Iterator[tuple[int, list[str], str | None]]:
    """First line, cells and what is wrong of every record that is not empty."""
    first = text.lstrip().split("\n", 1)[0]
    delimiter = max(DELIMITERS, key=first.count)
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, strict=True)
    while True:
        line = reader.line_num + 1
        try:
            cells = next(reader)
        except StopIteration:
            return
        except csv.Error:
            # A quote that is never closed takes everything behind it along: the reader is told from where to where.
            yield line, [], f"{line}" if reader.line_num <= line else f"{line}-{reader.line_num}"
            continue
        if any(cell.strip() for cell in cells):
            yield line, cells, None


def _row(names: tuple[str, ...], line: int, cells: list[str], wrong: str | None) -> Row:
    if wrong is not None:
        return Row(line, {}, "quotes", wrong)
    if any(cell.strip() for cell in cells[len(names) :]):
        return Row(line, {}, "cells")
    read: dict[str, str] = {}
    for name, cell in zip(names, cells, strict=False):
        if not name:
            continue
        told = _AS_TEXT.fullmatch(cell.strip())
        value = told[1] if told is not None else cell.strip(" \u3000\r\n")
        if told is None and _FORMULA.match(value):
            return Row(line, {}, "formula", name)
        # A line break within a cell is a space; other control characters are no text, and the database takes no NUL.
        value = re.sub(r"\s*[\r\n]+\s*", " ", value).replace("\t", " ")
        if any(unicodedata.category(character) in ("Cc", "Cs") for character in value):
            return Row(line, {}, "control", name)
        if len(value) > LONGEST_CELL:
            return Row(line, {}, "long", name)
        read[name] = value
    return Row(line, read)
