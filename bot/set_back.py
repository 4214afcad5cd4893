"""A clock that was ahead and is set back: what was written meanwhile would wait for a moment that has not come again, an alert too."""

from collections.abc import Callable
from datetime import datetime, timedelta

from sqlalchemy import text

from bot.escalation import NEVER_WAIT, ladders
from bot.outbox import BACKOFF, LONGEST
from records.database import Database
from records.message import HELD

# What began before the clock was set back may be written after it.
STILL_WRITTEN = timedelta(minutes=1)
# Of machines whose clocks differ by less none takes the other's for wrong.
SKEW = timedelta(minutes=1)
# No try again is further off.
FURTHEST = timedelta(seconds=LONGEST * BACKOFF[-1])

_ROWS = text(
    """
    update outbound set not_before = case when attempts = 0 then :now + (not_before - created_at) else :now end,
        created_at = least(created_at, :now)
    where state = 'queued' and error is distinct from :held and not_before > :now
        and (created_at > :now or attempts > 0 and not_before > :now + :longest)
    """
)
_ALERTS = text(
    """
    update flag set next_at = :now
    where state in ('raised', 'delivered') and next_at > :now
        and (state = 'raised' and round = 0 and raised_at > :now or level = :level and next_at > :now + :repeat)
    """
)


class SetBack:
    """Notices it, and makes due what was to be due by now."""

    def __init__(self, db: Database, clock: Callable[[], datetime]) -> None:
        self._db, self._clock = db, clock
        self._last: datetime | None = None
        self._until: datetime | None = None

    async def look(self) -> None:
        """Compare with the last look; costs nothing while time goes forward. The first look knows no other, and takes no chances."""
        now = self._clock()
        if self._last is None or now < self._last:
            self._until = now + STILL_WRITTEN
        self._last = now
        if self._until is None or now > self._until:
            return
        async with self._db.transaction() as tx:
            await tx.execute(_ROWS, {"now": now, "held": HELD, "longest": FURTHEST + SKEW})
            for level in NEVER_WAIT:
                await tx.execute(_ALERTS, {"now": now, "level": level, "repeat": ladders()[level].repeat + SKEW})
