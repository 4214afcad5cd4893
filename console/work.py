"""The work list: what waits for the clinician, the most pressing first."""

from aiohttp import web

from console.desk import DESK, SEAT
from console.page import get, render
from plans.work_list import work_list


async def show(request: web.Request) -> web.StreamResponse:
    """All that waits."""
    desk, seat = request.app[DESK], request[SEAT]
    async with desk.db.transaction() as tx:
        items = await work_list(tx, seat.staff, desk.clock())
    return render(request, "console/work.html", items=items)


ROUTES = (get("/work", show, "care.read"),)
