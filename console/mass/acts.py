"""The steps of a message: tried, submitted, approved or sent back, paused, resumed, cancelled."""

from collections.abc import Awaitable, Callable
from typing import Any

from aiohttp import web
from multidict import MultiDictProxy
from sqlalchemy.ext.asyncio import AsyncSession

from bot.mass_message import send_test
from console.desk import DESK, SEAT, Desk, Seat
from console.form import moment, words
from console.mass.reach import APPROVE, WRITE, mass_of, teams_of
from console.mass.show import seen
from console.page import Handler, post, render, see_other
from plans.mass_message import write
from plans.mass_message.errors import MassRefused
from records.mass_message import MassMessage
from records.patient import AccessRefused
from tagging.cohort.words import CohortError

Act = Callable[[AsyncSession, MassMessage, Seat, Desk, MultiDictProxy[Any]], Awaitable[str]]


def _act(needs: str, act: Act) -> Handler:
    """A step that needs a right in the message's team; one that is refused leaves everything as it was and says why."""

    async def handler(request: web.Request) -> web.StreamResponse:
        desk, seat, form = request.app[DESK], request[SEAT], await request.post()
        try:
            async with desk.db.transaction() as tx:
                message = await mass_of(tx, request, needs=needs, lock=True)
                said = await act(tx, message, seat, desk, form)
        except (MassRefused, CohortError) as err:
            async with desk.db.transaction() as tx:
                message = await mass_of(tx, request)
                return render(request, "console/mass/show.html", status=422, **await seen(tx, request, message, str(err)))
        return see_other(request, f"/mass/{message.id}", said=said)

    return handler


async def _try(tx: AsyncSession, message: MassMessage, seat: Seat, desk: Desk, _: MultiDictProxy[Any]) -> str:
    await send_test(tx, message, seat.staff, now=desk.clock())
    return "mass_tried"


async def _submit(tx: AsyncSession, message: MassMessage, seat: Seat, desk: Desk, form: MultiDictProxy[Any]) -> str:
    at, later = words(form, "at"), form.get("when") == "later"
    try:
        send_at = moment(at, desk.zone) if later else None
    except ValueError as err:
        raise MassRefused("no_moment") from err
    try:
        await write.submit(tx, message, seat.staff, send_at=send_at, now=desk.clock(), zone=desk.zone, teams=teams_of(seat))
    except AccessRefused as err:
        raise MassRefused("cohort_gone") from err
    return "mass_submitted" if message.state == "submitted" else "mass_under_way"


async def _approve(tx: AsyncSession, message: MassMessage, seat: Seat, desk: Desk, _: MultiDictProxy[Any]) -> str:
    await write.approve(tx, message, seat.staff, now=desk.clock())
    return "mass_under_way"


async def _send_back(tx: AsyncSession, message: MassMessage, seat: Seat, desk: Desk, form: MultiDictProxy[Any]) -> str:
    await write.send_back(tx, message, seat.staff, why=_why(form), now=desk.clock())
    return "mass_sent_back"


async def _pause(tx: AsyncSession, message: MassMessage, seat: Seat, desk: Desk, _: MultiDictProxy[Any]) -> str:
    await write.pause(tx, message, seat.staff, now=desk.clock())
    return "mass_paused"


async def _resume(tx: AsyncSession, message: MassMessage, seat: Seat, desk: Desk, _: MultiDictProxy[Any]) -> str:
    await write.resume(tx, message, seat.staff, now=desk.clock())
    return "mass_resumed"


async def _cancel(tx: AsyncSession, message: MassMessage, seat: Seat, desk: Desk, form: MultiDictProxy[Any]) -> str:
    await write.cancel(tx, message, seat.staff, why=_why(form), now=desk.clock())
    return "mass_cancelled"


def _why(form: MultiDictProxy[Any]) -> str:
    if not (why := words(form, "why")):
        raise MassRefused("why")
    return why[:300]


_ID = r"{id:\d{1,18}}"
ROUTES = (
    post(f"/mass/{_ID}/try", _act(WRITE, _try), WRITE),
    post(f"/mass/{_ID}/submit", _act(WRITE, _submit), WRITE),
    post(f"/mass/{_ID}/approve", _act(APPROVE, _approve), APPROVE),
    post(f"/mass/{_ID}/return", _act(APPROVE, _send_back), APPROVE),
    post(f"/mass/{_ID}/pause", _act(WRITE, _pause), WRITE),
    post(f"/mass/{_ID}/resume", _act(WRITE, _resume), WRITE),
    post(f"/mass/{_ID}/cancel", _act(WRITE, _cancel), WRITE),
)
