"""The yearly audit of minors' data as lines, JSON or an Excel file."""

import asyncio
import json
from collections.abc import Sequence
from dataclasses import asdict, replace
from datetime import datetime
from pathlib import Path

from bot.app import Core, core
from bot.audit_commands import AuditError
from bot.cli_run import command_settings
from bot.report_output import put, workbook
from bot.retention_classes import shipped
from plans.measures.period import Period
from plans.minors_audit import Line, about, minors_audit, words, year_of

NONE = "—"


def named(lines: Sequence[Line]) -> list[Line]:
    """With the classes of data that retention knows by code called by their names."""
    known, section = shipped(), words()["sections"]["retention"]
    return [replace(each, item=known[each.item].name) if each.section == section and each.item in known else each for each in lines]


def as_workbook(lines: Sequence[Line], period: Period, now: datetime) -> bytes:
    """The Excel file. Takes some 50 ms: call it in a thread."""
    rows = [[each.section, each.item, NONE if each.value is None else each.value, each.unit, each.note] for each in lines]
    formats = [[None, None, "0.0" if each.value is not None and each.value % 1 else "0"] for each in lines]
    title = words()["title"].format(year=period.first.year)
    return workbook(words()["heads"], rows, formats, [[title], *([each] for each in about(period, now))])


def file_name(period: Period) -> str:
    """What the file is called."""
    return f"careloop-minors-{period.first.year}.xlsx"


def minors_command(year: int, out: Path | None, *, as_json: bool) -> None:
    """`careloop audit minors`."""
    if out is not None and out.exists():
        raise AuditError(f"{out} is there already.")

    async def work(parts: Core) -> str:
        period, now = year_of(year, parts.settings.tz), parts.clock()
        async with parts.db.transaction() as tx:
            lines = named(await minors_audit(tx, period, now=now))
        if out is not None:
            put(as_workbook(lines, period, now), out)
            return str(out)
        if as_json:
            return json.dumps([asdict(each) for each in lines], ensure_ascii=False)
        told = [f"{each.section}  {each.item}：{shown(each)}{'  （' + each.note + '）' if each.note else ''}" for each in lines]
        return "\n".join([words()["title"].format(year=year), *about(period, now), *told])

    async def run() -> str:
        async with core(command_settings("audit"), role="audit", pool_size=2) as parts:
            return await work(parts)

    print(asyncio.run(run()))


def shown(line: Line) -> str:
    """Its number with the unit."""
    return NONE if line.value is None else f"{line.value:g} {line.unit}"
