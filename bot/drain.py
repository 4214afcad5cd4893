"""A chat's waiting messages, in order: triage first, then whoever is in charge, then one reply."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from datetime import datetime

import structlog
from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from bot import metrics
from bot.called import HUMAN_REQUEST, answered
from bot.handover import hand_over, take_back_if_over
from bot.jobs import URGENT, Job, defer
from bot.kf_events import CUSTOMER, SERVICER, handle_event
from bot.reply import Reply, merge
from bot.speak import in_chat
from bot.texts import reasons, say
from bot.turn import NotReady, TurnTaker
from records.chat import Chat
from records.database import Database, is_lost_connection
from records.flag import raise_flag, raised
from records.message import Inbound
from records.staff import Team, on_call

log = structlog.get_logger(__name__)

# Messages that wait together are answered together: a burst of ten costs one of the five messages WeCom allows.
BURST = 10
# A message that fails this often is set aside, and a person is asked to look at it.
ATTEMPTS = 5


@dataclass
class Outcome:
    """What a burst came to, before it is written."""

    replies: list[Reply] = field(default_factory=list)
    human: str | None = None


class Drain:
    """Handles chats. `deliver` sends what a chat's line of the outbox holds."""

    def __init__(
        self,
        db: Database,
        turns: TurnTaker,
        deliver: Callable[[str], Awaitable[None]],
        clock: Callable[[], datetime],
        *,
        emergency_phone: str,
        hospital: str,
    ) -> None:
        self._db, self._turns, self._deliver, self._clock = db, turns, deliver, clock
        self._emergency_phone, self._hospital = emergency_phone, hospital

    async def drain(self, key: str) -> None:
        """Handle everything that waits in chat `key`; each burst and its effects in one transaction, then send."""
        chat_id, size, first = int(key), BURST, True
        while True:
            try:
                with metrics.TURN_SECONDS.time():
                    found = await self._burst(chat_id, size)
            except NotReady:
                await self._triage_ahead(chat_id)
                break
            except Exception as err:
                self._turns.forget(chat_id)
                if is_lost_connection(err):
                    raise
                log.error("turn failed", chat=chat_id, error=type(err).__name__, code=getattr(err, "code", None))
                if size == 1:
                    await self._set_back(chat_id, err)
                # One bad message must not hold up the others: take them one by one.
                size = 1
                continue
            if found or first:
                # Even when nothing waits: a job that was killed before it sent is run again, and a message may wait for this window.
                await self._deliver(f"chat:{chat_id}")
            if found < size:
                # What was stored meanwhile has a job of its own behind this one.
                break
            first = False

    async def _burst(self, chat_id: int, size: int) -> int:
        """One transaction over up to `size` messages; their number."""
        now = self._clock()
        async with self._db.transaction() as tx:
            chat = await tx.scalar(select(Chat).where(Chat.id == chat_id).with_for_update())
            if chat is None:
                return 0
            waiting = list(
                await tx.scalars(
                    select(Inbound)
                    .where(Inbound.chat_id == chat_id, Inbound.state == "new")
                    .order_by(Inbound.id)
                    .limit(size)
                    # Whoever fetches a message's file writes into the same outcome.
                    .with_for_update()
                )
            )
            if not waiting:
                return 0
            outcome = Outcome()
            for message in waiting:
                await self._one(tx, chat, message, outcome, now)
            await self._say(tx, chat, waiting[-1], outcome, now)
            await defer(tx, [Job("escalate", str(flag), lock=f"flag:{flag}") for flag in raised(tx)], priority=URGENT)
        return len(waiting)

    async def _triage_ahead(self, chat_id: int) -> None:
        """The dialogue is loading: nobody in danger waits for it behind an ordinary message. The messages stay as they are."""
        now = self._clock()
        async with self._db.transaction() as tx:
            chat = await tx.scalar(select(Chat).where(Chat.id == chat_id).with_for_update())
            if chat is None:
                return
            waiting = select(Inbound).where(Inbound.chat_id == chat_id, Inbound.state == "new", Inbound.origin == CUSTOMER)
            for message in await tx.scalars(waiting.order_by(Inbound.id).with_for_update()):
                await self._turns.triage_ahead(tx, chat, message, now)
            await defer(tx, [Job("escalate", str(flag), lock=f"flag:{flag}") for flag in raised(tx)], priority=URGENT)

    async def _one(self, tx: AsyncSession, chat: Chat, message: Inbound, outcome: Outcome, now: datetime) -> None:
        if message.origin == SERVICER:
            message.state, message.handled_at = "recorded", now
            await answered(tx, chat, str(message.body.get("servicer_userid")), now)
            return
        if message.origin != CUSTOMER:
            message.state, message.handled_at = "recorded", now
            outcome.replies += await handle_event(tx, chat, message, now, hospital=self._hospital, emergency=self._emergency_phone)
            return
        _open_window(chat, message)
        await take_back_if_over(tx, chat, message, now)
        answer = await self._turns.take(tx, chat, message, now)
        message.state, message.handled_at = "recorded" if chat.state == "human" else "done", now
        message.outcome = {**message.outcome, **answer.outcome}
        outcome.replies += answer.replies
        outcome.human = outcome.human or answer.wants_human

    async def _say(self, tx: AsyncSession, chat: Chat, last: Inbound, outcome: Outcome, now: datetime) -> None:
        """Replies into the outbox, then the hand-over behind them, so that the bot's last words still go out."""
        if outcome.human and chat.state == "bot":
            outcome.replies.append(Reply(await self._call_human(tx, chat, last, outcome.human, now)))
        if chat.state == "bot":
            for number, body in enumerate(merge(outcome.replies), 1):
                key = f"reply:{last.msgid}" if number == 1 else f"reply:{last.msgid}:{number}"
                await in_chat(tx, chat, key, body, purpose="reply", now=now)
            if outcome.human:
                await hand_over(tx, chat, key=f"handover:{last.msgid}", now=now)

    async def _call_human(self, tx: AsyncSession, chat: Chat, last: Inbound, reason: str, now: datetime) -> str:
        await raise_flag(
            tx,
            chat,
            level="urgent",
            categories=[HUMAN_REQUEST],
            said=(last.text or "")[:200],
            because=reasons([reason]),
            evidence=[{"rule": HUMAN_REQUEST, "version": 1, "because": reason}],
            now=now,
            by="dialogue",
        )
        metrics.FLAGS.labels("urgent").inc()
        team = await tx.get_one(Team, chat.team_id)
        called = await on_call(tx, chat.team_id, 1, now)
        return say(
            "family.human_called" if called else "family.human_nobody",
            phone=team.phone or self._emergency_phone,
            emergency=self._emergency_phone,
        )

    async def _set_back(self, chat_id: int, err: Exception) -> None:
        """Count a failed attempt at the chat's first message; after the last one set it aside, tell the family and a clinician."""
        now = self._clock()
        async with self._db.transaction() as tx:
            chat = await tx.scalar(select(Chat).where(Chat.id == chat_id).with_for_update())
            message = await tx.scalar(
                select(Inbound).where(Inbound.chat_id == chat_id, Inbound.state == "new").order_by(Inbound.id).limit(1)
            )
            if chat is None or message is None:
                return
            message.attempts += 1
            message.error = f"{type(err).__name__} {getattr(err, 'code', '')}".strip()
            if message.attempts < ATTEMPTS:
                return
            message.state, message.handled_at = "dead", now
            if message.origin != CUSTOMER:
                return
            flag = await raise_flag(
                tx,
                chat,
                level="same_day",
                categories=["unhandled_message"],
                said=(message.text or "")[:200],
                because=message.error,
                evidence=[{"rule": "unhandled_message", "version": 1, "because": message.error}],
                now=now,
                by="system",
            )
            await defer(tx, [Job("escalate", str(flag.id), lock=f"flag:{flag.id}")], priority=URGENT)
            if chat.state == "bot":
                _open_window(chat, message)
                team = await tx.get_one(Team, chat.team_id)
                called = await on_call(tx, chat.team_id, 1, now)
                text = say(
                    "family.trouble" if called else "family.trouble_nobody",
                    phone=team.phone or self._emergency_phone,
                    emergency=self._emergency_phone,
                )
                await in_chat(tx, chat, f"reply:{message.msgid}", text, purpose="reply", now=now)
        await self._deliver(f"chat:{chat_id}")


def _open_window(chat: Chat, message: Inbound) -> None:
    """A customer's message opens WeCom's window anew, and a session that had ended."""
    if chat.window_from is None or message.sent_at >= chat.window_from:
        chat.window_from, chat.window_used = message.sent_at, 0
    if chat.service_state == 4:
        chat.service_state = 0
