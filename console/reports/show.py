"""The pages of the reports, and each of their tables as an Excel file."""

import asyncio
from collections.abc import Awaitable, Callable
from urllib.parse import quote, urlencode

from aiohttp import web

from console.desk import BASE, DESK
from console.page import BY_ITSELF, Route, get, render, today
from console.reports import alerts, assistant, content, follow_ups, overview, staff
from console.reports.book import workbook_of
from console.reports.kept import REPORTS_KEPT, Found, key_of
from console.reports.look import RIGHT, Look, look_of
from console.reports.span import SHAPES, last_whole
from console.reports.table import Table, say
from console.shelf import Make
from plans.measures.words import title

Tables = Callable[[Look], Awaitable[list[Table]]]
SECTIONS: dict[str, Tables] = {
    "overview": overview.tables,
    "follow-ups": follow_ups.tables,
    "alerts": alerts.tables,
    "content": content.tables,
    "assistant": assistant.tables,
    "staff": staff.tables,
}
# Those whose figures belong to plans.
BY_PLAN = {"overview", "follow-ups"}


def path_of(section: str) -> str:
    """Its address below /console."""
    return "/reports" if section == "overview" else f"/reports/{section}"


def page_of(section: str) -> Callable[[web.Request], Awaitable[web.StreamResponse]]:
    """The handler of a section's page."""

    async def show(request: web.Request) -> web.StreamResponse:
        desk = request.app[DESK]
        look, make = await _asked(request, section)
        kept, renewing = await request.app[REPORTS_KEPT].look(key_of(section, look), look.now, make)
        if BY_ITSELF in request.headers:
            # The page asks whether there is something new to show.
            return web.Response(status=204) if renewing else web.Response(headers={"HX-Refresh": "true"})
        found = kept.what if kept is not None else Found((), (), ())
        day, chosen = today(desk), {name: said for name, said in look.query.items() if name not in ("from", "to")}

        def link(section: str, **query: str) -> str:
            return f"{BASE}{path_of(section)}?{urlencode(query)}"

        def to(span_query: dict[str, str]) -> str:
            return link(section, **span_query, **chosen)

        return render(
            request,
            "console/reports/show.html",
            look=look,
            found=found,
            at=kept.at if kept is not None else None,
            renewing=renewing,
            here=to(look.span.query),
            section=section,
            by_plan=section in BY_PLAN,
            tabs=[(name, say(f"sections.{name}"), link(name, **look.query)) for name in SECTIONS],
            shapes=[(shape, say(f"shapes.{shape}"), to(last_whole(shape, day).query)) for shape in SHAPES],
            current=next((shape for shape in SHAPES if last_whole(shape, day) == look.span), None),
            earlier=to(look.span.moved(-1).query),
            later=to(look.span.moved(1).query) if look.span.last < day else None,
            unfinished=look.span.last >= day,
            excel=lambda table: f"{BASE}/reports/{section}/{table.code}.xlsx?{urlencode(look.query)}",
            left_out=[title(id) for id in found.left_out],
            department=look.only.get("department"),
            plan=look.only.get("plan"),
        )

    return show


async def excel(request: web.Request) -> web.StreamResponse:
    """A table of a section as an Excel file: the numbers of the page. Raises HTTPNotFound."""
    section, code = request.match_info["section"], request.match_info["table"]
    if section not in SECTIONS:
        raise web.HTTPNotFound
    look, make = await _asked(request, section)
    found = await request.app[REPORTS_KEPT].get(key_of(section, look), look.now, make)
    table = next((each for each in found.what.tables if each.code == code and each.rows), None)
    if table is None:
        raise web.HTTPNotFound
    body = await asyncio.to_thread(workbook_of, table, look)
    name = f"{table.title} {look.span.first} {look.span.last}.xlsx"
    return web.Response(
        body=body,
        content_type="application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
        headers={"Content-Disposition": f"attachment; filename*=UTF-8''{quote(name)}"},
    )


async def _asked(request: web.Request, section: str) -> tuple[Look, Make[Found]]:
    """Who asks for what, and how the section's tables are worked out. Raises AccessRefused."""
    desk = request.app[DESK]
    async with desk.db.transaction() as tx:
        look = await look_of(tx, request, by_plan=section in BY_PLAN)

    async def make() -> Found:
        async with desk.db.transaction() as tx:
            departments = await look.begin(tx)
            tables = await SECTIONS[section](look)
        return Found(tables, departments, look.left_out)

    return look, make


ROUTES: tuple[Route, ...] = (
    *(get(path_of(section), page_of(section), RIGHT) for section in SECTIONS),
    get("/reports/{section:[a-z-]+}/{table:[a-z_]+}.xlsx", excel, RIGHT),
)
