"""The yearly audit of minors' personal data, on a page and as an Excel file."""

import asyncio
from itertools import groupby

from aiohttp import web

from bot.minors_audit import as_workbook, file_name, named, shown
from console.desk import DESK
from console.page import get, render, today
from plans.measures.period import Period
from plans.minors_audit import Line, about, minors_audit, words, year_of

RIGHT = "audit.read"
# Years that can be chosen, the newest first.
YEARS = 5


async def show(request: web.Request) -> web.StreamResponse:
    """The report of the chosen year, section by section."""
    period, lines = await _report(request)
    desk = request.app[DESK]
    tables = [(name, list(rows)) for name, rows in groupby(lines, key=lambda each: each.section)]
    return render(
        request,
        "console/admin/minors.html",
        title=words()["title"].format(year=period.first.year),
        about=about(period, desk.clock()),
        tables=tables,
        shown=shown,
        year=period.first.year,
        years=_years(request),
    )


async def excel(request: web.Request) -> web.StreamResponse:
    """The same as a file."""
    period, lines = await _report(request)
    body = await asyncio.to_thread(as_workbook, lines, period, request.app[DESK].clock())
    headers = {"Content-Disposition": f'attachment; filename="{file_name(period)}"'}
    kind = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"
    return web.Response(body=body, content_type=kind, headers=headers)


async def _report(request: web.Request) -> tuple[Period, list[Line]]:
    desk, given = request.app[DESK], request.query.get("year", "")
    year = int(given) if given in {str(each) for each in _years(request)} else _years(request)[0]
    period = year_of(year, desk.zone)
    async with desk.db.transaction() as tx:
        return period, named(await minors_audit(tx, period, now=desk.clock()))


def _years(request: web.Request) -> list[int]:
    this = today(request.app[DESK]).year
    return list(range(this, this - YEARS, -1))


ROUTES = (get("/admin/audit/minors", show, RIGHT), get("/admin/audit/minors.xlsx", excel, RIGHT))
