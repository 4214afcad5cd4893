"""What the hospital's data say: released results and prescribed medicines, word for word."""

from aiohttp import web

from console.family.desk import FAMILY
from console.family.page import child_of, render
from console.family.page import today as today_of
from console.page import ANYBODY, get
from plans.chart import say as chart_say
from plans.chart import texts
from plans.lab_report import reports_of
from plans.prescription import due_today, quote
from records.medication import prescribed


async def results(request: web.Request) -> web.StreamResponse:
    """The reports that the hospital has released, the latest first."""
    desk, child = request.app[FAMILY], child_of(request)
    async with desk.db.transaction() as tx:
        reports = await reports_of(tx, child, desk.clock(), desk.zone)
    flags = texts()["result"]["flags"]
    return render(request, "results.html", child=child, reports=reports, flags=flags, tail=chart_say("result.tail"))


async def medicines(request: web.Request) -> web.StreamResponse:
    """What is prescribed, as it was prescribed."""
    desk, child, today = request.app[FAMILY], child_of(request), today_of(request.app[FAMILY])
    async with desk.db.transaction() as tx:
        rows = await prescribed(tx, child.id, today)
    return render(
        request,
        "medicines.html",
        child=child,
        lines=[quote(row, today) for row in rows],
        due=due_today(rows, today),
        tail=chart_say("medicine.tail"),
    )


ROUTES = (
    get(r"/{child:\d{1,18}}/results", results, ANYBODY),
    get(r"/{child:\d{1,18}}/medicines", medicines, ANYBODY),
)
