"""A row beside its mapping: its cells as values."""

from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any, TypeVar
from zoneinfo import ZoneInfo

from integrations.event import Coded, Person
from integrations.rows import value as cells
from integrations.rows.mapping import Cell, RowMapping
from integrations.rows.value import CellError

# No cell of a hospital's table needs more; the largest result text of a laboratory is far below. A clinical note may be longer.
LONGEST, LONGEST_NOTE = 20_000, 200_000
Cells = Mapping[str, str | None]
T = TypeVar("T")


class RowError(Exception):
    """The row cannot be read; `code` says why (missing, empty, long, word, or a CellError's), `column` where. `detail` may be shown."""

    permanent = True

    def __init__(self, code: str, column: str) -> None:
        super().__init__(f"{code}: {column}")
        self.code, self.column, self.detail = code, column, f"{code}: {column}"


def read_cell(row: Cells, cell: Cell | None, as_what: Callable[[str], T | None], *, longest: int = LONGEST) -> T | None:
    """The cell as a value; None where it is empty or not mapped. Raises RowError."""
    if cell is None:
        return None
    said = cell.fixed if cell.column is None else cell_text(row, cell.column, longest)
    if said is None:
        return None
    said = cell.words.get(cells.plain(said), said)
    try:
        return as_what(said)
    except CellError as err:
        raise RowError(err.code, cell.column or "") from err


def cell_text(row: Cells, column: str, longest: int = LONGEST) -> str | None:
    """The column's contents, None where it is empty. Raises RowError."""
    if column not in row:
        raise RowError("missing", column)
    said = (row[column] or "").replace("\0", "").strip(" \u3000\r\n\t")
    if len(said) > longest:
        raise RowError("long", column)
    return said or None


class Row:
    """A row of one mapping. `gone` is whether the hospital took it back, `about` what every event of it begins with."""

    def __init__(self, mapping: RowMapping, row: Cells, zone: ZoneInfo, key: str, person: Person, at: datetime | None, gone: bool) -> None:
        self.mapping, self.row, self.zone = mapping, row, zone
        self.key, self.gone = key, gone
        self.about: dict[str, Any] = {"person": person, "at": at}

    def get(self, field: str, as_what: Callable[[str], T | None]) -> T | None:
        return read_cell(self.row, self.mapping.fields.get(field), as_what)

    def text(self, field: str) -> str | None:
        return self.get(field, str)

    def note(self, field: str) -> str:
        """A cell with a whole note. Raises RowError."""
        found = read_cell(self.row, self.mapping.fields[field], str, longest=LONGEST_NOTE)
        if found is None:
            raise RowError("empty", self.mapping.fields[field].column or field)
        return found

    def need(self, field: str, as_what: Callable[[str], T]) -> T:
        found = self.get(field, as_what)
        if found is None:
            raise RowError("empty", self.mapping.fields[field].column or field)
        return found

    def moment(self, field: str) -> datetime | None:
        return self.get(field, self.as_moment)

    def as_moment(self, text: str) -> datetime:
        return cells.moment(text, self.zone)

    def coded(self) -> Coded:
        return Coded(self.text("code"), self.need("text", str), self.text("system"))
