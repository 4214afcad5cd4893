"""A table as an Excel file: its figures as numbers, and how they are defined on a second sheet."""

from bot.report_output import FORMATS, workbook
from console.reports.look import Look
from console.reports.table import CHANGE, Cell, Table, say
from plans.measures.words import word

# Beside those of the measures' units.
_FORMATS = {**FORMATS, "number": "0"}
_CHANGE = "+0.0;-0.0;0.0"


def workbook_of(table: Table, look: Look) -> bytes:
    """The file. A figure with numerator and denominator takes three columns; few patients behind it are marked in a fourth."""
    columns = [[row[place] for row in table.rows] for place in range(len(table.heads))]
    with_parts = [any(each.whole is not None for each in column) for column in columns]
    with_small = [any(each.small for each in column) for column in columns]
    heads: list[str] = []
    for head, parts, small in zip(table.heads, with_parts, with_small, strict=True):
        heads += [head, *([f"{head}（{word('headings', name)}）" for name in ("numerator", "denominator")] if parts else [])]
        heads += [f"{head}（{word('headings', 'note')}）"] if small else []
    rows, formats = [], []
    for row in table.rows:
        values: list[object] = []
        kinds: list[str | None] = []
        for cell, parts, small in zip(row, with_parts, with_small, strict=True):
            values += [_value(cell), *((cell.part, cell.whole) if parts else ())]
            kinds += [_CHANGE if cell.unit.startswith(CHANGE) else _FORMATS.get(cell.unit), *((None, None) if parts else ())]
            values += [word("notes", "small") if cell.small else None] if small else []
            kinds += [None] if small else []
        rows.append(values)
        formats.append(kinds)
    return workbook(heads, rows, formats, _about(table, look))


def _value(cell: Cell) -> object:
    return round(cell.value, 4) if isinstance(cell.value, float) else cell.value


def _about(table: Table, look: Look) -> list[list[str]]:
    chosen = [look.teams[look.team]] if look.team is not None else []
    chosen += [look.plans.get(said, said) if name == "plan" else said for name, said in look.only.items()]
    scope = "、".join(chosen) or (word("notes", "scope_all") if look.scope.teams is None else say("notes.own_teams"))
    period = word("notes", "period", first=look.span.first, last=look.span.last)
    return [[table.title, period], [say("heads.scope"), scope], *map(list, table.definitions)]
