"""An Excel workbook (xlsx) as rows of cells: the first sheet that holds anything, its values as text."""

import io
import zipfile
from collections.abc import Iterator
from datetime import datetime, time
from typing import Any

from integrations.rows.value import as_text

# xlsx is a zip: what it holds when unpacked is known before anything is unpacked.
UNPACKED, PARTS = 100_000_000, 2_000
ROWS, COLUMNS = 60_000, 300


class WorkbookError(Exception):
    """The bytes are no workbook that can be read; `code`: broken, too_large, empty."""

    permanent = True

    def __init__(self, code: str) -> None:
        super().__init__(code)
        self.code = code


def records(data: bytes) -> Iterator[tuple[int, list[str]]]:
    """Row number and cells of every row that is not empty. A formula comes as it is written: nothing is computed. Raises WorkbookError."""
    import openpyxl

    try:
        with zipfile.ZipFile(io.BytesIO(data)) as parts:
            listed = parts.infolist()
        if len(listed) > PARTS or sum(part.file_size for part in listed) > UNPACKED:
            raise WorkbookError("too_large")
        book = openpyxl.load_workbook(io.BytesIO(data), read_only=True, data_only=False, keep_links=False)
        for sheet in book.worksheets:
            if found := list(_rows(sheet)):
                yield from found
                return
    except WorkbookError:
        raise
    except Exception as err:
        # What openpyxl raises on broken parts is whatever broke inside of it.
        raise WorkbookError("broken") from err
    raise WorkbookError("empty")


def _rows(sheet: Any) -> Iterator[tuple[int, list[str]]]:
    count = 0
    for number, row in enumerate(sheet.iter_rows(values_only=True, max_col=COLUMNS), 1):
        cells = [_cell(value) for value in row]
        while cells and not cells[-1]:
            cells.pop()
        if cells:
            count += 1
            if count > ROWS:
                raise WorkbookError("too_large")
            yield number, cells


def _cell(value: Any) -> str:
    """The cell's text; a day without an hour is a day, whole numbers have no .0."""
    if isinstance(value, datetime) and value.time() == time():
        return value.date().isoformat()
    return as_text(value) or ""
