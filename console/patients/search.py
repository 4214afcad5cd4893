"""Finding a patient."""

from aiohttp import web

from console.desk import DESK, SEAT
from console.form import words
from console.page import render, today
from records.patient_search import FOUND, opened_lately, search_patients


async def show(request: web.Request, template: str = "console/patients/search.html") -> web.StreamResponse:
    """The patients that `q` may mean; without it those whom the reader opened last."""
    desk, seat, said = request.app[DESK], request[SEAT], words(request.query, "q")
    now = desk.clock()
    async with desk.db.transaction() as tx:
        found = await (search_patients(tx, seat.staff, said, now=now) if said else opened_lately(tx, seat.staff, now=now))
    return render(request, template, said=said, found=found, more=len(found) == FOUND, today=today(desk))
