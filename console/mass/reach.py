"""What the pages of mass messages share: the door to a message, whose patients are meant, and their words."""

import hashlib
import json

from aiohttp import web
from sqlalchemy.ext.asyncio import AsyncSession

from console.desk import SEAT, Seat
from console.words import area_sentences
from plans.mass_message.errors import MassRefused
from plans.mass_message.write import access_mass
from records.mass_message import MassMessage
from records.patient import AccessRefused
from records.role import RightMissing

WRITE, APPROVE = "mass.write", "mass.approve"
say, words = area_sentences("mass").say, area_sentences("mass").group


def may_read(seat: Seat, team_id: int | None = None) -> bool:
    """Who writes or approves reads too."""
    return any(seat.rights.has(right, team_id) for right in (WRITE, APPROVE))


async def mass_of(tx: AsyncSession, request: web.Request, *, needs: str | None = None, lock: bool = False) -> MassMessage:
    """The message of the address, of one of his teams. Raises AccessRefused, and RightMissing where he has not the right there."""
    seat, number = request[SEAT], int(request.match_info["id"])
    try:
        message = await access_mass(tx, seat.staff, number, lock=lock)
    except MassRefused as err:
        raise AccessRefused(f"mass message {number}") from err
    if needs is not None:
        seat.rights.check(needs, message.team_id)
    elif not may_read(seat, message.team_id):
        raise RightMissing(WRITE)
    return message


def teams_of(seat: Seat, right: str = WRITE) -> list[int]:
    """The teams whose patients he may mean (`care.read`: see)."""
    return seat.rights.teams_with(right, seat.teams)


def mark_of(message: MassMessage) -> str:
    """What tells whether somebody changed a draft while another was writing."""
    whole = json.dumps([message.title, message.text, message.audience], ensure_ascii=False, sort_keys=True)
    return hashlib.sha256(whole.encode()).hexdigest()[:24]
