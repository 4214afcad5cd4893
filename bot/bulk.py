"""Sending what we began, many chats at a time: claimed in one transaction, sent side by side, written down in another.

The outbox (bot/outbox.py) sends one line after the other and knows every case. Here is the one case of which a morning has a hundred
thousand: the first try of a message into a chat. What is in any way else is left to the outbox.
"""

import asyncio
from collections import defaultdict
from collections.abc import Callable, Sequence
from datetime import datetime
from time import monotonic
from typing import Any
from zoneinfo import ZoneInfo

from sqlalchemy import BigInteger, DateTime, Text, any_, bindparam, column, func, select, text, update
from sqlalchemy.dialects.postgresql import ARRAY, JSONB
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm.attributes import set_committed_value

from bot import metrics
from bot.give_way import Way
from bot.hold import all_held_back
from bot.jobs import NORMAL, Job
from bot.lines import deliver, lane_job
from bot.outbox import LEASE, Claim, Outbox
from bot.routes import Sent
from plans.reach.purpose import PROACTIVE, is_proactive
from plans.reach.window import left
from records.chat import Chat
from records.contact import CONTACT_MOVES, Contact
from records.database import Database
from records.message import BEGUN, HELD, LANES, NOT_BEGUN, Outbound

# So many share a transaction, and so many calls of them are on their way at once.
BATCH, AT_ONCE = 50, 16
# Where WeCom's limit makes them wait, no more are taken than go out in this time (s), well within a lease.
ON_THEIR_WAY = 5.0
# A lane's job ends after so long, so that others of its worker get their turn; the sweep makes the next one (s).
STINT = 5.0

_READY = text(
    f"select chat_id from outbound where {BEGUN} and not_before <= :now and chat_id % {LANES} = :lane"  # noqa: S608 - our own words
    " order by not_before, seq limit :most"
)
_LANES_READY = text(
    f"select lane from generate_series(0, {LANES - 1}) as lane cross join lateral ("  # noqa: S608
    f"select from outbound where {BEGUN} and chat_id % {LANES} = lane and not_before <= :now limit 1) as one"
)
_IDS = any_(bindparam("ids", type_=ARRAY(BigInteger)))
_KEYS = any_(bindparam("keys", type_=ARRAY(Text)))
_LINES = any_(bindparam("lines", type_=ARRAY(Text)))
_LOCK = select(Chat).where(Chat.id == _IDS).order_by(Chat.id).with_for_update(skip_locked=True)
_OPEN = (
    select(Outbound)
    .where(Outbound.line == _LINES, Outbound.state.in_(("queued", "sending")))
    .order_by(Outbound.purpose.in_(sorted(PROACTIVE)), Outbound.seq)
    .with_for_update()
)
_CLAIM = (
    update(Outbound)
    .where(Outbound.key == _KEYS)
    .values(state="sending", lease_until=bindparam("lease"), response={"doubtful": False}, attempts=1)
    .execution_options(synchronize_session=False)
)
_COUNT = update(Chat).where(Chat.id == _IDS).values(window_used=Chat.window_used + 1).execution_options(synchronize_session=False)
_FIELDS = (column("key", Text), column("response", JSONB), column("at", DateTime(timezone=True)))
_ROWS = func.jsonb_to_recordset(bindparam("rows", type_=JSONB)).table_valued(*_FIELDS, name="sent").render_derived(with_types=True)
_SENT = (
    update(Outbound)
    .where(Outbound.key == _ROWS.c.key, Outbound.state == "sending")
    .values(state="sent", sent_at=_ROWS.c.at, response=_ROWS.c.response, error=None, lease_until=None)
    .execution_options(synchronize_session=False)
)
_REACHED = (
    update(Contact)
    .where(Contact.key == _ROWS.c.key, Contact.state.in_([old for old, moves in CONTACT_MOVES.items() if "sent" in moves]))
    .values(state="sent", sent_at=_ROWS.c.at, reference=_ROWS.c.response["msgid"].astext)
    .execution_options(synchronize_session=False)
)
_STILL = (
    select(Outbound.line)
    .where(
        Outbound.line == _LINES,
        Outbound.state == "queued",
        text(NOT_BEGUN),
        Outbound.not_before <= bindparam("now"),
        Outbound.error.is_distinct_from(HELD),
    )
    .distinct()
)


async def lanes_waiting(tx: AsyncSession, now: datetime) -> list[Job]:
    """The jobs of the lanes in which something may go now."""
    return [lane_job(lane) for lane in sorted(await tx.scalars(_LANES_READY, {"now": now}))]


class BulkOutbox:
    """Sends lanes. Who else sends a line meanwhile finds its row leased, and what waits behind it is handed on afterwards."""

    def __init__(self, db: Database, outbox: Outbox, clock: Callable[[], datetime], zone: ZoneInfo, *, way: Way | None = None) -> None:
        self._db, self._outbox, self._clock, self._zone, self._way = db, outbox, clock, zone, way or Way()

    async def run(self, lane: str) -> None:
        """Send what the lane holds and may go now, batch by batch, until nothing is left or the stint is over."""
        begun, seen, most = monotonic(), set[int](), AT_ONCE
        while (at := monotonic()) - begun < STINT:
            claims, others = await self._claim(int(lane), most, seen)
            if not claims and not others:
                return
            await self._send(claims)
            most = max(1, min(BATCH, int(len(claims) * ON_THEIR_WAY / (monotonic() - at)))) if claims else AT_ONCE
            for line in others:
                await self._outbox.deliver(line)

    async def _claim(self, lane: int, most: int, seen: set[int]) -> tuple[list[Claim], list[str]]:
        """Take the first row of each of the next chats, and count it against the window; and the lines that are the outbox's own."""
        now = self._clock()
        async with self._way.batch(), self._db.transaction() as tx:
            ready = [id for id in await tx.scalars(_READY, {"now": now, "lane": lane, "most": 2 * BATCH}) if id not in seen]
            wanted = list(dict.fromkeys(ready))[:most]
            # Whoever is looked at and stays is the next job's: its chat is somebody else's at this moment.
            seen.update(wanted)
            if not wanted:
                return [], []
            chats = {chat.id: chat for chat in await tx.scalars(_LOCK, {"ids": wanted})}
            lines: dict[int, list[Outbound]] = defaultdict(list)
            for row in await tx.scalars(_OPEN, {"lines": [f"chat:{id}" for id in chats]}):
                lines[row.chat_id or 0].append(row)
            first = {chats[id]: _first(rows, now) for id, rows in lines.items()}
            plain = [(row, chat) for chat, row in first.items() if row is not None]
            holds = await all_held_back(tx, plain, now=now, zone=self._zone) if plain else {}
            claims: list[Claim] = []
            for row, chat in plain:
                hold = holds.get(row.key)
                if hold is not None and hold.until is not None:
                    row.not_before = hold.until
                elif hold is None and left(chat, row.purpose, now):
                    claims.append(Claim(row, chat, repeat=False))
                    seen.discard(chat.id)
                else:
                    first[chat] = None
            await tx.flush()
            await tx.execute(_CLAIM, {"keys": [claim.row.key for claim in claims], "lease": now + LEASE})
            await tx.execute(_COUNT, {"ids": [claim.chat.id for claim in claims if claim.chat is not None]})
        for claim in claims:
            # As the database has them now: what is written later starts from here.
            for name, value in {"state": "sending", "lease_until": now + LEASE, "response": {"doubtful": False}, "attempts": 1}.items():
                set_committed_value(claim.row, name, value)
        return claims, [f"chat:{chat.id}" for chat, row in first.items() if row is None]

    async def _send(self, claims: Sequence[Claim]) -> None:
        """Send them side by side, and write down what became of them."""
        slots, sent = asyncio.Semaphore(AT_ONCE), list[tuple[str, dict[str, Any], datetime]]()

        async def one(claim: Claim) -> None:
            async with slots:
                tried = await self._outbox.attempt(claim)
            if isinstance(tried, Sent) and tried.after is None:
                sent.append((claim.row.key, tried.response, self._clock()))
            else:
                await self._outbox.settle(claim, self._outbox.done(tried) if isinstance(tried, Sent) else tried)

        done = await asyncio.gather(*(one(claim) for claim in claims), return_exceptions=True)
        await self._settle(claims, sent)
        for error in done:
            if isinstance(error, BaseException):
                # The lease runs out, and the row is tried again under the same id.
                raise error

    async def _settle(self, claims: Sequence[Claim], sent: Sequence[tuple[str, dict[str, Any], datetime]]) -> None:
        if not claims:
            return
        lines = [claim.row.line for claim in claims]
        async with self._way.batch(), self._db.transaction() as tx:
            if sent:
                rows = [
                    {"key": key, "response": response, "at": at.isoformat()} for key, response, at in sorted(sent, key=lambda each: each[0])
                ]
                await tx.execute(_SENT, {"rows": rows})
                await tx.execute(_REACHED, {"rows": rows})
            # What answers may have come behind it, and found the line taken.
            waiting = sorted(await tx.scalars(_STILL, {"lines": lines, "now": self._clock()}))
            await deliver(tx, waiting, priority=NORMAL)
        for _ in sent:
            metrics.MESSAGES_OUT.labels("kf", "sent").inc()


def _first(rows: Sequence[Outbound], now: datetime) -> Outbound | None:
    """The row of a line that goes next, `rows` being in order, where each that may go now is a first try; None where one is not."""
    may = [row for row in rows if row.not_before <= now or not is_proactive(row.purpose)]
    plain = all(
        row.state == "queued"
        and row.route == "kf"
        and row.attempts == 0
        and is_proactive(row.purpose)
        and (row.useful_until is None or now < row.useful_until)
        for row in may
    )
    return may[0] if may and plain else None
