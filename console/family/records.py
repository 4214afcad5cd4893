"""What the hospital's data say: released results and prescribed medicines, word for word."""

from itertools import groupby

from aiohttp import web

from console.family.desk import FAMILY
from console.family.page import child_of, render
from console.family.page import today as today_of
from console.page import ANYBODY, get
from plans.chart import say as chart_say
from plans.chart import texts
from plans.clock import local_day
from plans.lab_report import SINCE, LabReport
from plans.prescription import due_today, quote
from records.lab_result import released
from records.medication import prescribed


async def results(request: web.Request) -> web.StreamResponse:
    """The reports that the hospital has released, the latest first."""
    desk, child, now = request.app[FAMILY], child_of(request), request.app[FAMILY].clock()
    async with desk.db.transaction() as tx:
        rows = await released(tx, child.id, now, since=now - SINCE)
    reports = [
        LabReport(key[1], local_day(key[0], desk.zone), tuple(items)) for key, items in groupby(rows, lambda r: (r.collected_at, r.report))
    ]
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
