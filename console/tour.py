"""A walk through the daily jobs, of those that whoever reads it may do."""

from aiohttp import web

from console.desk import DESK, SEAT
from console.page import ANYBODY, get, render
from console.words import area_words


async def show(request: web.Request) -> web.StreamResponse:
    """The jobs, where each is done and by which buttons."""
    rights, words = request[SEAT].rights, area_words("tour")
    jobs = [job for job in words["jobs"] if job["needs"] == ANYBODY or rights.has(job["needs"])]
    return render(request, "console/tour/show.html", w=words, jobs=jobs, demo=request.app[DESK].demo)


ROUTES = (get("/tour", show, ANYBODY),)
