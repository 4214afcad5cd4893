"""The work list: what waits for the clinician, the most pressing first."""

from aiohttp import web

from console import work_acts
from console.page import get, post
from console.work_acts import act
from console.work_page import show_list


async def show(request: web.Request) -> web.StreamResponse:
    """All that waits."""
    return await show_list(request)


_ID = "{id:\\d{1,18}}"
ROUTES = (
    get("/work", show, "care.read"),
    post(f"/alerts/{_ID}/claim", act(work_acts.claim), "care.act"),
    post(f"/alerts/{_ID}/transfer", act(work_acts.transfer), "care.act"),
    post(f"/alerts/{_ID}/close", act(work_acts.close), "care.act"),
    post(f"/alerts/{_ID}/answer", act(work_acts.answer), "care.act"),
    post(f"/errands/{_ID}/take", act(work_acts.take), "care.act"),
    post(f"/errands/{_ID}/close", act(work_acts.close_one), "care.act"),
    post("/lines/dealt-with", act(work_acts.dismiss), "care.act"),
    post("/lines/bulk", act(work_acts.bulk), "care.act"),
    post("/lines/undo", act(work_acts.undo), "care.act"),
)
