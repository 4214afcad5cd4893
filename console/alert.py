"""The door to an alert for whoever will do something about it."""

from datetime import datetime

from sqlalchemy.ext.asyncio import AsyncSession

from bot.alerts import access_alert
from console.desk import Seat
from records.chat import Chat
from records.flag import Flag


async def alert_to_act_on(tx: AsyncSession, seat: Seat, number: int, now: datetime) -> tuple[Flag, Chat | None]:
    """The alert and its chat, locked. Raises AccessRefused, and RightMissing for who may only read in its team."""
    flag, chat = await access_alert(tx, seat.staff, number, now=now)
    seat.rights.check("care.act", flag.team_id)
    return flag, chat
