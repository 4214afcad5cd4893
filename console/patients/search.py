"""Finding a patient: by what is typed, else among those looked at last and those of the teams with whom something happened last."""

from aiohttp import web

from console.desk import DESK, SEAT
from console.form import words
from console.page import render, today
from records.patient_search import FOUND, opened_lately, search_patients
from records.patients_lately import Place, patients_lately

# Of those looked at last so many stand above the list.
OPENED = 6


async def show(request: web.Request, template: str = "console/patients/search.html") -> web.StreamResponse:
    """The patients that `q` may mean; without it a page of the reader's teams, and on the first whom he opened last."""
    desk, seat, said = request.app[DESK], request[SEAT], words(request.query, "q")
    now, after = desk.clock(), Place.read(request.query.get("after", ""))
    async with desk.db.transaction() as tx:
        found = await search_patients(tx, seat.staff, said, now=now) if said else []
        opened = await opened_lately(tx, seat.staff, now=now, limit=OPENED) if not said and after == Place() else []
        lately, following = await patients_lately(tx, seat.staff, after=after, now=now) if not said else ([], None)
    return render(
        request, template, said=said, found=found, more=len(found) == FOUND, opened=opened, lately=lately, following=following,
        first=after == Place(), today=today(desk),
    )  # fmt: skip
