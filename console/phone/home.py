"""The first page: alerts with their clocks, then the day's work of the clinician's teams; and the small things done from it."""

from aiohttp import web

from console import work_acts
from console.desk import DESK, SEAT
from console.page import by_htmx, get, post, render, see_other
from console.phone.done import done
from console.words import area_words
from console.work_acts import act
from console.work_line import Filter, work_view
from console.work_page import Said

HOME = "/m"
# In the order of the page: what a family waits for before what it does not.
ORDER = ("alert", "question", "missed", "errand", "route", "check")


async def show(request: web.Request) -> web.StreamResponse:
    """All that waits, or what is hers; whole, or the part that htmx puts in its place."""
    desk, seat, wanted = request.app[DESK], request[SEAT], Filter.of(request.query)
    async with desk.db.transaction() as tx:
        view = await work_view(tx, seat, Filter(owner=wanted.owner), desk.clock(), desk.zone)
    groups = {kind: view.groups[kind] for kind in ORDER if kind in view.groups}
    template = "console/phone/_home.html" if by_htmx(request) else "console/phone/home.html"
    return render(request, template, groups=groups, cut=view.cut, owner=wanted.owner, w=area_words("work_list"))


async def _then(request: web.Request, said: Said) -> web.StreamResponse:
    """The list anew, with a word of what was done and the way back."""
    return done(request, said, HOME)


async def _back(request: web.Request, said: Said) -> web.StreamResponse:
    """Something was taken back: scripts follow where they are sent."""
    return see_other(request, HOME, said=f"work_{said.code}")


_ID = "{id:\\d{1,18}}"
ROUTES = (
    get(HOME, show, "care.read"),
    post(f"{HOME}/errands/{_ID}/take", act(work_acts.take, _then), "care.act"),
    post(f"{HOME}/errands/{_ID}/close", act(work_acts.close_one, _then), "care.act"),
    post(f"{HOME}/lines/dealt-with", act(work_acts.dismiss, _then), "care.act"),
    post(f"{HOME}/lines/undo", act(work_acts.undo, _back), "care.act"),
)
