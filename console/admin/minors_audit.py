"""The yearly audit of minors' personal data, on a page and as an Excel file.

Among many patients it takes long to count: that is done beside the page, which shows what was found last and of which moment it is.
"""

import asyncio
from dataclasses import astuple
from datetime import datetime, timedelta
from itertools import groupby

from aiohttp import web

from bot.minors_audit import as_workbook, file_name, named, shown
from console.desk import DESK
from console.lasting import Lasting
from console.page import BY_ITSELF, get, render, today
from console.shelf import Kept, Make, Shelf
from plans.measures.period import Period
from plans.minors_audit import Line, about, minors_audit, words, year_of
from records.database import Database

RIGHT = "audit.read"
# Years that can be chosen, the newest first.
YEARS = 5
# A report of a year changes little in so long.
KEPT_FOR = timedelta(minutes=15)
MINORS_KEPT = web.AppKey("minors_kept", Shelf[list[Line]])


def shelf_of_audits(db: Database) -> Shelf[list[Line]]:
    """Reports that are worked out beside their page."""
    written = Lasting[list[Line]](
        db, lambda lines: {"lines": [list(astuple(each)) for each in lines]}, lambda found: [Line(*each) for each in found["lines"]]
    )
    return Shelf(written, kept_for=KEPT_FOR)


async def show(request: web.Request) -> web.StreamResponse:
    """The report of the chosen year, section by section, as it was found last."""
    period = _period(request)
    kept, renewing = await _look(request, period)
    if BY_ITSELF in request.headers:
        # The page asks whether there is something new to show.
        return web.Response(status=204) if renewing else web.Response(headers={"HX-Refresh": "true"})
    lines = kept.what if kept is not None else []
    return render(
        request,
        "console/admin/minors.html",
        title=words()["title"].format(year=period.first.year),
        about=about(period, kept.at) if kept is not None else [],
        renewing=renewing,
        tables=[(name, list(rows)) for name, rows in groupby(lines, key=lambda each: each.section)],
        shown=shown,
        year=period.first.year,
        years=_years(request),
    )


async def excel(request: web.Request) -> web.StreamResponse:
    """The same as a file: the numbers of the page."""
    period = _period(request)
    kept, _ = await _look(request, period)
    if kept is None:
        # Nobody has looked at the page before.
        kept = await request.app[MINORS_KEPT].get(*_asked(request, period))
    body = await asyncio.to_thread(as_workbook, kept.what, period, kept.at)
    headers = {"Content-Disposition": f'attachment; filename="{file_name(period)}"'}
    kind = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"
    return web.Response(body=body, content_type=kind, headers=headers)


async def _look(request: web.Request, period: Period) -> tuple[Kept[list[Line]] | None, bool]:
    return await request.app[MINORS_KEPT].look(*_asked(request, period))


def _asked(request: web.Request, period: Period) -> tuple[str, datetime, Make[list[Line]]]:
    desk, now = request.app[DESK], request.app[DESK].clock()

    async def make() -> list[Line]:
        async with desk.db.transaction() as tx:
            return named(await minors_audit(tx, period, now=now))

    return f"minors:{period.first.year}", now, make


def _period(request: web.Request) -> Period:
    given, years = request.query.get("year", ""), _years(request)
    return year_of(int(given) if given in map(str, years) else years[0], request.app[DESK].zone)


def _years(request: web.Request) -> list[int]:
    this = today(request.app[DESK]).year
    return list(range(this, this - YEARS, -1))


ROUTES = (get("/admin/audit/minors", show, RIGHT), get("/admin/audit/minors.xlsx", excel, RIGHT))
