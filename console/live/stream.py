"""Server-sent events at /console/live?topics=work,chat:7: `change` with a topic, and `bye` when the session is over."""

import asyncio
import re

from aiohttp import web
from sqlalchemy import select

from console.desk import DESK, SEAT, Seat
from console.live.hub import Hub, Listener
from console.page import ANYBODY, get
from records.chat import Chat
from records.chat_desk import belongs_to
from records.patient import AccessRefused, Patient

PATH = "/live"
HUB = web.AppKey("hub", Hub)
TOPIC = re.compile(r"(work|inbox|nlu|waiting)|(chat|patient):(\d{1,18})")
MOST_TOPICS = 40
# A proxy cuts a line that is silent for a minute.
HEARTBEAT = 25.0


async def listen(request: web.Request) -> web.StreamResponse:
    """Open as long as the page is. Topics of a chat or patient of other teams are refused as if they were not there."""
    seat, hub = request[SEAT], request.app[HUB]
    topics = frozenset(filter(None, request.query.get("topics", "").split(",")))
    if not topics or len(topics) > MOST_TOPICS or not all(TOPIC.fullmatch(topic) for topic in topics):
        raise web.HTTPBadRequest
    if "nlu" in topics:
        seat.rights.check("nlu.write", whole=True)
    await _check(request, seat, topics)
    headers = {
        "Content-Type": "text/event-stream",
        "Cache-Control": "no-store",
        "X-Accel-Buffering": "no",
        "X-Content-Type-Options": "nosniff",
    }
    response = web.StreamResponse(headers=headers)
    listener = await hub.join(seat.token, topics, frozenset(seat.teams))
    try:
        await response.prepare(request)
        await response.write(b": open\n\n")
        await _pass_on(response, listener)
    except ConnectionResetError:
        pass
    finally:
        hub.leave(listener)
    return response


async def _pass_on(response: web.StreamResponse, listener: Listener) -> None:
    while not listener.over:
        try:
            await asyncio.wait_for(listener.bell.wait(), HEARTBEAT)
        except TimeoutError:
            await response.write(b":\n\n")
            continue
        listener.bell.clear()
        told, listener.waiting = sorted(listener.waiting), set()
        if told:
            await response.write("".join(f"event: change\ndata: {topic}\n\n" for topic in told).encode())
    await response.write(b"event: bye\ndata: over\n\n")


async def _check(request: web.Request, seat: Seat, topics: frozenset[str]) -> None:
    """Raises AccessRefused. No read is noted: nothing of the patient is told, and the page that listens has noted its own."""
    mine_are = {Chat: belongs_to(seat.staff.id), Patient: Patient.team_id.in_(seat.teams)}
    for table, name in ((Chat, "chat"), (Patient, "patient")):
        ids = {int(topic.partition(":")[2]) for topic in topics if topic.startswith(f"{name}:")}
        if ids:
            async with request.app[DESK].db.transaction() as tx:
                mine = set(await tx.scalars(select(table.id).where(table.id.in_(ids), mine_are[table])))
            if ids - mine:
                raise AccessRefused(f"{name} {min(ids - mine)}")


def add_live(app: web.Application) -> None:
    """The hub of this application, which lets all pages go when the server stops."""
    app[HUB] = Hub(app[DESK].db, app[DESK].clock)
    app.on_shutdown.append(lambda _: app[HUB].close())


ROUTES = (get(PATH, listen, ANYBODY),)
