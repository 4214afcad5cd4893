"""One patient on the phone: the portrait in short, what happened lately, a word about tags; and finding one."""

from typing import Any

from aiohttp import web
from sqlalchemy.ext.asyncio import AsyncSession

from console.desk import DESK, SEAT
from console.page import get, post, render, see_other
from console.patients import search, tags, timeline
from console.patients.head import Head, open_patient
from console.phone.alert import words
from console.phone.brief import brief_of
from console.phone.done import refused
from console.phone.home import HOME
from records.chat import Chat, latest_chat
from records.patient import primary_carer
from tagging.tags import by_hand

# Of all that happened the latest; the rest is a page of the desk's.
MOMENTS = 12


async def find(request: web.Request) -> web.StreamResponse:
    """The patients that `q` may mean; without it those whom the reader opened last."""
    return await search.show(request, "console/phone/patients.html")


async def show(request: web.Request) -> web.StreamResponse:
    """The patient."""
    async with request.app[DESK].db.transaction() as tx:
        head = await open_patient(tx, request)
        carer = await primary_carer(tx, head.patient.id)
        chat: Chat | None = await latest_chat(tx, carer.id) if carer is not None else None
        seen = await particulars(tx, request, head)
        moments = await timeline.moments_of(tx, head.patient, request[SEAT].staff, seen["brief"].portrait)
    return render(request, "console/phone/patient.html", talk=chat, moments=moments[:MOMENTS], **seen)


async def particulars(tx: AsyncSession, request: web.Request, head: Head) -> dict[str, Any]:
    """What `_brief.html` and `_tags.html` show of a patient to whom the reader has been let in."""
    desk, seat = request.app[DESK], request[SEAT]
    shown = await by_hand.tags_of(tx, head.patient.id, teams=seat.teams)
    carried = [each for each in shown if each.row.until is None and each.row.state != "refused"]
    return {
        "head": head,
        "brief": await brief_of(tx, head.patient, seat, desk.clock(), desk.zone),
        "carried": carried,
        "choice": await tags.choice_of(tx, request, head, {each.code for each in carried}),
        **words(),
    }


async def say_tag(request: web.Request) -> web.StreamResponse:
    """A word about a tag."""
    try:
        said = await tags.decide(request)
    except tags.NotDecided as err:
        return refused(err.sentence)
    return see_other(request, f"{HOME}/patients/{request.match_info['id']}", said=said)


_ID = f"{HOME}/patients/{{id:\\d{{1,18}}}}"
ROUTES = (
    get(f"{HOME}/patients", find, "care.read"),
    get(_ID, show, "care.read"),
    post(f"{_ID}/tags", say_tag, "care.act"),
)
