"""What became of a message, family by family: those of the teams whose patients he may see; each child shown is noted as read."""

from aiohttp import web

from console.desk import DESK, SEAT
from console.form import number
from console.mass.reach import mass_of, teams_of
from console.page import get, render
from plans.mass_message.results import results
from plans.mass_message.words import contact_name, reason_name, route_name, say
from plans.mass_message.words import words as states

PAGE = 100


async def show(request: web.Request) -> web.StreamResponse:
    """One page of them."""
    desk, seat = request.app[DESK], request[SEAT]
    after = number(request.query.get("after", "")) or 0
    async with desk.db.transaction() as tx:
        message = await mass_of(tx, request)
        seat.rights.check("care.read", message.team_id)
        mine = teams_of(seat, "care.read")
        rows = await results(tx, message, seat.staff, now=desk.clock(), after=after, limit=PAGE, teams=mine)
    return render(
        request, "console/mass/results.html", message=message, rows=rows, more=len(rows) == PAGE, after=after, route_name=route_name,
        contact_name=contact_name, reason_name=reason_name, recipient=states("recipient"), join=say("message.join"),
    )  # fmt: skip


ROUTES = (get(r"/mass/{id:\d{1,18}}/results", show, "care.read"),)
