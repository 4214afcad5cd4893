"""A report as lines, CSV, an Excel workbook or JSON. No cell of a file is ever a formula, whatever a department or a step is called."""

import csv
import io
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Literal

from plans.measures.measure import Result
from plans.measures.report import Report
from plans.measures.words import definition, title, value_of, word

Format = Literal["table", "csv", "xlsx", "json"]
# What spreadsheets take for the beginning of a formula.
FORMULA = ("=", "+", "-", "@", "\t", "\r", "\n")
_COLUMNS = ("measure", "value", "unit", "numerator", "denominator", "people", "p90", "note")
FORMATS = {
    "count": "0",
    "minutes_each": "0.0",
    "percent": "0.0%",
    "hours": "0.0",
    "minutes": "0.0",
    "score": "0.0",
    "share": "0.00",
    "per_day": "0.0",
}


def shown(value: float | None, unit: str) -> str:
    """A figure with its unit, as people read it."""
    return word("units", "none") if value is None else word("units", unit, value=value)


def headings(by: Sequence[str]) -> list[str]:
    """The names of the columns."""
    return [*(word("dimensions", name) for name in by), *(word("headings", name) for name in _COLUMNS)]


def cells(result: Result, by: Sequence[str]) -> list[Any]:
    """One figure as cells, numbers as numbers."""
    group = [value_of(name, result.group[name]) if result.group else word("values", "total") for name in by]
    p90 = result.more.get("p90")
    note = word("notes", "small") if result.small else ""
    rest = [_whole(result.numerator), _whole(result.denominator), result.people, None if p90 is None else round(p90, 4), note]
    return [*group, title(result.measure), None if result.value is None else round(result.value, 4), word("unit_names", result.unit), *rest]


def as_table(report: Report, scope: str) -> str:
    """Lines for a terminal: each rate with numerator and denominator beside it."""
    period = word("notes", "period", first=report.period.first, last=report.period.last)
    lines = [f"{period}  {scope}"]
    for result in report.results:
        group = "  ".join(value_of(name, result.group[name]) for name in report.by) if result.group else ""
        p90 = result.more.get("p90")
        parts = [
            group or (word("values", "total") if report.by else ""),
            title(result.measure),
            shown(result.value, result.unit),
            f"{_whole(result.numerator)}/{_whole(result.denominator)}",
            f"P90 {shown(p90, result.unit)}" if p90 is not None else "",
            word("notes", "small") if result.small else "",
        ]
        lines.append("  ".join(part for part in parts if part))
    if not report.results:
        lines.append(word("notes", "nothing"))
    if report.left_out:
        lines.append(word("notes", "left_out", names="、".join(map(title, report.left_out))))
    return "\n".join(lines)


def as_csv(report: Report) -> bytes:
    """UTF-8 with a mark, so that Excel reads the Chinese."""
    out = io.StringIO()
    writer = csv.writer(out)
    writer.writerow(headings(report.by))
    for result in report.results:
        writer.writerow([_harmless(cell) for cell in cells(result, report.by)])
    return out.getvalue().encode("utf-8-sig")


def as_xlsx(report: Report, scope: str) -> bytes:
    """A workbook with the figures on one sheet and the definitions on another."""
    place = len(report.by) + 1
    rows = [cells(result, report.by) for result in report.results]
    formats = [[*[None] * place, FORMATS[result.unit]] for result in report.results]
    about = [[word("notes", "period", first=report.period.first, last=report.period.last), scope]]
    about += [[title(id), definition(id)] for id in dict.fromkeys(result.measure for result in report.results)]
    return workbook(headings(report.by), rows, formats, about)


def workbook(
    heads: Sequence[str], rows: Sequence[Sequence[Any]], formats: Sequence[Sequence[str | None]], about: Sequence[Sequence[str]]
) -> bytes:
    """An Excel workbook: `rows` under bold `heads`, their numbers shown by `formats` (of each row, as far as it goes), and `about` on a
    second sheet. Blocking."""
    import openpyxl
    from openpyxl.styles import Font

    book = openpyxl.Workbook()
    sheet = book.active
    assert sheet is not None  # noqa: S101 - a new workbook has one
    sheet.title = word("sheets", "figures")
    for line, row in enumerate([heads, *rows], 1):
        for column, value in enumerate(row, 1):
            _write(sheet.cell(line, column), value)
            if line == 1:
                sheet.cell(1, column).font = Font(bold=True)
    for line, shown_as in enumerate(formats, 2):
        for column, format in enumerate(shown_as, 1):
            if format is not None:
                sheet.cell(line, column).number_format = format
    sheet.freeze_panes = "A2"
    notes = book.create_sheet(word("sheets", "definitions"))
    for line, row in enumerate(about, 1):
        for column, value in enumerate(row, 1):
            _write(notes.cell(line, column), value)
    out = io.BytesIO()
    book.save(out)
    return out.getvalue()


def as_json(report: Report) -> str:
    """Everything, for programs."""
    results = [
        {
            "measure": each.measure,
            "title": title(each.measure),
            "group": dict(each.group),
            "value": each.value,
            "unit": each.unit,
            "numerator": each.numerator,
            "denominator": each.denominator,
            "people": each.people,
            "small": each.small,
            **each.more,
        }
        for each in report.results
    ]
    period = {"from": report.period.first.isoformat(), "to": report.period.last.isoformat()}
    return json.dumps({"period": period, "by": report.by, "results": results, "left_out": report.left_out}, ensure_ascii=False)


def written(report: Report, format: Format, scope: str) -> bytes:
    """The report in a format, as bytes."""
    match format:
        case "csv":
            return as_csv(report)
        case "xlsx":
            return as_xlsx(report, scope)
        case "json":
            return (as_json(report) + "\n").encode()
        case _:
            return (as_table(report, scope) + "\n").encode()


def put(data: bytes, out: Path) -> None:
    """Write a new file. Raises FileExistsError rather than write over one."""
    with out.open("xb") as file:
        file.write(data)


def _write(cell: Any, value: Any) -> None:
    cell.value = value
    if isinstance(value, str):
        # Else a text that begins with = would be a formula.
        cell.data_type = "s"


def _harmless(value: Any) -> Any:
    return f"'{value}" if isinstance(value, str) and value.startswith(FORMULA) else value


def _whole(number: float) -> float | int:
    return int(number) if number == int(number) else round(number, 2)
