"""A family wants no follow-ups for some days: in hospital, away, ill itself. They come again by themselves."""

import math
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from sqlalchemy.ext.asyncio import AsyncSession

from plans.clock import at_hour, local_day
from plans.wording import say
from records.patient import Carer
from records.state import StateChange
from tagging.duration import duration_hours
from tagging.text import fold

# A longer silence is a stop, which a family should say as such (R).
LONGEST = 30


def days_of(text: str) -> int | None:
    """For how many days the words ask (三天, 一周); None when they do not say, say 几天, or ask for more than `LONGEST`."""
    folded = fold(text)
    hours = None if "几" in folded else duration_hours(folded, 0, len(folded))
    days = math.ceil(hours / 24) if hours else None
    return days if days is not None and 1 <= days <= LONGEST else None


async def pause(tx: AsyncSession, carer: Carer, days: int, *, now: datetime, zone: ZoneInfo) -> str:
    """Send no follow-ups today and for `days` days (1 to LONGEST) from today on; what the family is told. Raises ValueError."""
    if not 1 <= days <= LONGEST:
        raise ValueError(f"a pause lasts 1 to {LONGEST} days, not {days}")
    back = local_day(now, zone) + timedelta(days=days)
    carer.paused_until = at_hour(back, 0, zone)
    tx.add(StateChange(entity="carer", entity_id=carer.id, old="following", new="paused", at=now, by="family", reason=f"until {back}"))
    return say("consent.paused", month=back.month, day=back.day)
