"""Whether what the hospital begins by itself is held back: said where it matters, and switched by an administrator, with a reason."""

from dataclasses import dataclass

from aiohttp import web
from sqlalchemy.ext.asyncio import AsyncSession

from console.desk import DESK, SEAT
from console.form import words
from console.page import post, see_other
from records.sending import Sending, pause_sending, resume_sending, sending
from records.staff import names_of

RIGHT = "settings.manage"
LONGEST = 200


@dataclass(frozen=True)
class Held:
    """What a page says of it. `by` is a name where the person is on file."""

    now: Sending
    by: str


async def held(tx: AsyncSession) -> Held | None:
    """What is to be said; None while everything goes out."""
    now = await sending(tx)
    if not now.waits:
        return None
    by = now.pause.by if now.pause is not None else ""
    return Held(now, (await names_of(tx, [by])).get(by, by))


async def pause(request: web.Request) -> web.StreamResponse:
    """Hold everything back, from now on."""
    desk, seat, reason = request.app[DESK], request[SEAT], words(await request.post(), "reason", LONGEST)
    if not reason:
        return see_other(request, "/admin/system", said="sending_why")
    async with desk.db.transaction() as tx:
        await pause_sending(tx, by=seat.staff.userid, reason=reason, now=desk.clock())
    return see_other(request, "/admin/system", said="sending_paused")


async def resume(request: web.Request) -> web.StreamResponse:
    """Let it go on."""
    desk, seat, reason = request.app[DESK], request[SEAT], words(await request.post(), "reason", LONGEST)
    async with desk.db.transaction() as tx:
        await resume_sending(tx, by=seat.staff.userid, reason=reason, now=desk.clock())
    return see_other(request, "/admin/system", said="sending_resumed")


ROUTES = (post("/admin/sending/pause", pause, RIGHT), post("/admin/sending/resume", resume, RIGHT))
