"""What could not be done and waits for a person: found, and tried once more after what stood in its way was mended.

Three kinds: `message`, a family's message that failed too often; `callback`, the same of what a platform told us; `outgoing`, a message of
ours that was refused, or of which it is not known whether it arrived. Dead letters of the hospital's feeds have their own replay
(bot/intake/dead_letters.py).
"""

from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from sqlalchemy import func, select
from sqlalchemy.ext.asyncio import AsyncSession

from bot.card_clicks import ATTEMPTS
from bot.jobs import NORMAL, Job, defer
from bot.lines import deliver
from records.message import Inbound, Outbound
from records.state import StateChange
from records.wecom import CallbackEvent

Kind = Literal["message", "callback", "outgoing"]
# An alert's card that did not arrive is made anew by the alert itself, for whoever is next.
MADE_ANEW = frozenset({"card", "card_update"})
# In a chat the same message under the same id is taken once; elsewhere whoever tries again risks that it arrives twice.
ONCE = frozenset({"kf", "kf_event"})


class StuckError(Exception):
    """It cannot be tried again; the text says why."""

    permanent = True

    def __init__(self, code: str, said: str) -> None:
        super().__init__(said)
        self.code = code


@dataclass(frozen=True)
class Stuck:
    """One of them; `what` is its type, purpose or event, never its words. `doubtful`: it may have arrived."""

    kind: Kind
    key: str
    at: datetime
    what: str
    route: str
    attempts: int
    error: str | None
    doubtful: bool


async def stuck(tx: AsyncSession, limit: int) -> list[Stuck]:
    """The newest `limit` of each kind."""
    heard = await tx.scalars(select(Inbound).where(Inbound.state == "dead").order_by(Inbound.id.desc()).limit(limit))
    found = [Stuck("message", str(each.id), each.received_at, each.msgtype, "", each.attempts, each.error, False) for each in heard]
    told = await tx.scalars(
        select(CallbackEvent).where(CallbackEvent.attempts >= ATTEMPTS).order_by(CallbackEvent.received_at.desc()).limit(limit)
    )
    found += [Stuck("callback", each.key, each.received_at, each.event, "", each.attempts, each.error, False) for each in told]
    for state in (Outbound.state == "failed", (Outbound.state == "sent") & (Outbound.response["doubtful"].astext == "true")):
        rows = await tx.scalars(select(Outbound).where(state).order_by(Outbound.seq.desc()).limit(limit))
        found += [
            Stuck("outgoing", each.key, each.created_at, each.purpose, each.route, each.attempts, each.error, each.state == "sent")
            for each in rows
        ]
    return found


async def again(tx: AsyncSession, kind: Kind, key: str, *, by: str, reason: str, now: datetime, even_if_twice: bool = False) -> None:
    """Have it tried once more, at once, and note who wanted that. Raises StuckError."""
    match kind:
        case "message":
            await _message(tx, key, by, reason, now)
        case "callback":
            await _callback(tx, key, by, reason, now)
        case "outgoing":
            await _outgoing(tx, key, by, reason, now, even_if_twice)


async def _message(tx: AsyncSession, key: str, by: str, reason: str, now: datetime) -> None:
    row = await tx.get(Inbound, int(key), with_for_update=True) if key.isascii() and key.isdigit() and len(key) < 19 else None
    if row is None or row.state != "dead":
        raise StuckError("not_stuck", f"Message {key} is not set aside.")
    row.state, row.attempts, row.handled_at, row.error = "new", 0, None, None
    tx.add(StateChange(entity="inbound", entity_id=row.id, old="dead", new="new", at=now, by=by, reason=reason))
    await defer(tx, [Job("drain", str(row.chat_id), lock=f"chat:{row.chat_id}")], priority=NORMAL)


async def _callback(tx: AsyncSession, key: str, by: str, reason: str, now: datetime) -> None:
    row = await tx.scalar(select(CallbackEvent).where(CallbackEvent.key == key).with_for_update())
    if row is None or row.attempts < ATTEMPTS:
        raise StuckError("not_stuck", f"Callback {key} was not given up.")
    row.attempts, row.handled_at, row.error = 0, None, None
    number = await tx.scalar(select(func.hashtextextended(key, 0)))
    change = {"old": "given_up", "new": "waiting", "at": now, "by": by, "reason": reason, "detail": {"key": key}}
    tx.add(StateChange(entity="callback_event", entity_id=number, **change))
    await defer(tx, [Job("callback_event", key)], priority=NORMAL)


async def _outgoing(tx: AsyncSession, key: str, by: str, reason: str, now: datetime, even_if_twice: bool) -> None:
    row = await tx.get(Outbound, key, with_for_update=True)
    doubtful = row is not None and row.state == "sent" and bool(row.response.get("doubtful"))
    if row is None or not (row.state == "failed" or doubtful):
        raise StuckError("not_stuck", f"Message {key} neither failed nor is in doubt.")
    if row.purpose in MADE_ANEW:
        raise StuckError("made_anew", f"Message {key} is a card: the alert sends it anew by itself, to whoever is next.")
    if row.useful_until is not None and now >= row.useful_until:
        raise StuckError("useless", f"Message {key} is of no use any more.")
    if doubtful and row.route not in ONCE and not even_if_twice:
        raise StuckError("twice", f"Message {key} may have arrived, and would arrive twice by its route; --even-if-twice risks it.")
    change = {"old": row.state, "new": "queued", "at": now, "by": by, "reason": reason, "detail": {"key": key}}
    tx.add(StateChange(entity="outbound", entity_id=row.seq, **change))
    row.state, row.not_before, row.sent_at, row.lease_until = "queued", now, None, None
    await deliver(tx, [row.line], priority=NORMAL)
