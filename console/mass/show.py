"""One message: how it reads, what it would come to now, how far it is, and who did what."""

from typing import Any

from aiohttp import web
from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from console.desk import DESK, SEAT
from console.mass.reach import APPROVE, WRITE, mass_of, say, teams_of, words
from console.page import ANYBODY, get, render
from console.sending import held
from plans.mass_message.errors import MassRefused
from plans.mass_message.preview import preview
from plans.mass_message.results import Counts, counts
from plans.mass_message.words import contact_name, reason_name, route_name
from plans.mass_message.words import words as states
from plans.mass_message.write import FOUR_EYES, hands_of
from records.mass_message import MassMessage
from records.patient import AccessRefused
from records.role import who_may
from records.staff import Staff, Team, names_of
from records.state import StateChange
from tagging.cohort.words import CohortError

# What is still on its way is looked at again every few seconds.
UNDER_WAY = ("approved", "sending")


async def show(request: web.Request) -> web.StreamResponse:
    """The message."""
    desk = request.app[DESK]
    async with desk.db.transaction() as tx:
        message = await mass_of(tx, request)
        return render(request, "console/mass/show.html", **await seen(tx, request, message))


async def seen(tx: AsyncSession, request: web.Request, message: MassMessage, refused: str = "") -> dict[str, Any]:
    """What the page of a message wants."""
    desk, seat = request.app[DESK], request[SEAT]
    chosen = select(StateChange).where(StateChange.entity == "mass_message", StateChange.entity_id == message.id).order_by(StateChange.id)
    moves = list(await tx.scalars(chosen))
    names = await names_of(tx, (each.by for each in moves))
    team, hands = await tx.get_one(Team, message.team_id), await hands_of(tx, message)
    others = await who_may(tx, APPROVE, team.id, but={*hands, seat.staff.userid})
    return {
        "author": await tx.get_one(Staff, message.created_by), "team": team, "moves": moves,
        "names": names | words("by"), "own": seat.staff.userid in hands, "others": others, "four_eyes": FOUR_EYES, "refused": refused,
        "reads": message.text.replace("{name}", say("example.name")),
        "held": await held(tx), "local_now": desk.clock().astimezone(desk.zone), **await how_far(tx, request, message),
    }  # fmt: skip


async def how_far(tx: AsyncSession, request: web.Request, message: MassMessage) -> dict[str, Any]:
    """What the progress wants."""
    rights = {"write": WRITE, "approve": APPROVE, "read": "care.read"}
    may = {name: request[SEAT].rights.has(right, message.team_id) for name, right in rights.items()}
    found = await counts(tx, message) if message.families is not None else Counts({}, {}, {})
    return {
        "message": message, "found": found, "under_way": message.state in UNDER_WAY, "recipient": states("recipient"),
        "route_name": route_name, "contact_name": contact_name, "reason_name": reason_name, "states": states("states"), "words": words,
        "may": may,
    }  # fmt: skip


async def progress(request: web.Request) -> web.StreamResponse:
    """How far it is, again and again. It ends by itself: what is over is not asked for any more."""
    async with request.app[DESK].db.transaction() as tx:
        message = await mass_of(tx, request)
        return render(request, "console/mass/_progress.html", again=True, **await how_far(tx, request, message))


async def ahead(request: web.Request) -> web.StreamResponse:
    """What it would come to if it went out now: how many families, by which routes."""
    desk, seat = request.app[DESK], request[SEAT]
    async with desk.db.transaction() as tx:
        message = await mass_of(tx, request)
        found, wrong = None, ""
        try:
            found = await preview(
                tx, message, seat.staff, desk.channels, now=desk.clock(), zone=desk.zone, teams=teams_of(seat, "care.read")
            )  # fmt: skip
        except (MassRefused, CohortError, AccessRefused) as err:
            # The cohort may have been taken away since.
            wrong = say("ahead.cohort") if isinstance(err, AccessRefused) else str(err)
    return render(request, "console/mass/_ahead.html", found=found, wrong=wrong, route_name=route_name, reason_name=reason_name)


_ID = r"{id:\d{1,18}}"
ROUTES = (
    get(f"/mass/{_ID}", show, ANYBODY),
    get(f"/mass/{_ID}/progress", progress, ANYBODY),
    get(f"/mass/{_ID}/ahead", ahead, ANYBODY),
)
