"""Canned answers: each team keeps its own."""

from aiohttp import web
from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from console.desk import DESK, SEAT, Seat
from console.form import number, words
from console.inbox.words import sentence
from console.page import get, post, render, see_other
from records.chat_desk import LONGEST, LONGEST_TITLE, CannedAnswer
from records.patient import AccessRefused


async def show(request: web.Request) -> web.StreamResponse:
    """Those of her teams."""
    desk, seat = request.app[DESK], request[SEAT]
    async with desk.db.transaction() as tx:
        rows = await tx.scalars(select(CannedAnswer).where(CannedAnswer.team_id.in_(seat.teams)).order_by(CannedAnswer.title))
        answers = list(rows)
    return render(request, "console/inbox/canned.html", answers=answers)


async def save(request: web.Request) -> web.StreamResponse:
    """A new one, or another text for one."""
    desk, seat, form = request.app[DESK], request[SEAT], await request.post()
    title, text = words(form, "title"), words(form, "text")
    why = "empty" if not title or not text else "title_long" if len(title) > LONGEST_TITLE else "note_long" if len(text) > LONGEST else None
    if why is not None:
        return web.Response(text=sentence(why), status=409, content_type="text/plain")
    async with desk.db.transaction() as tx:
        if "answer" in request.match_info:
            row = await _access(tx, seat, int(request.match_info["answer"]))
        else:
            row = CannedAnswer(team_id=number(form.get("team", "")) or 0)
            if row.team_id not in seat.teams:
                raise AccessRefused(f"team {row.team_id}")
        seat.rights.check("care.act", row.team_id)
        row.title, row.text, row.by, row.at = title, text, seat.staff.userid, desk.clock()
        tx.add(row)
    return see_other(request, "/inbox/canned")


async def drop(request: web.Request) -> web.StreamResponse:
    """It is not needed any more."""
    desk, seat = request.app[DESK], request[SEAT]
    async with desk.db.transaction() as tx:
        row = await _access(tx, seat, int(request.match_info["answer"]))
        seat.rights.check("care.act", row.team_id)
        await tx.delete(row)
    return see_other(request, "/inbox/canned")


async def _access(tx: AsyncSession, seat: Seat, number: int) -> CannedAnswer:
    row: CannedAnswer | None = await tx.scalar(
        select(CannedAnswer).where(CannedAnswer.id == number, CannedAnswer.team_id.in_(seat.teams)).with_for_update()
    )
    if row is None:
        raise AccessRefused(f"canned answer {number}")
    return row


ROUTES = (
    get("/inbox/canned", show, "care.read"),
    post("/inbox/canned", save, "care.act"),
    post(r"/inbox/canned/{answer:\d{1,18}}", save, "care.act"),
    post(r"/inbox/canned/{answer:\d{1,18}}/drop", drop, "care.act"),
)
