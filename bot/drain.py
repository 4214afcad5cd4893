"""A chat's waiting messages, in order: triage first, then whoever is in charge, then one reply. Chats that wait together are
handled in one transaction, which makes a turn cheap when many are there, and costs nothing when one is."""

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

import structlog
from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from bot import metrics
from bot.around import Around, around
from bot.called import LANGUAGE, answered, call_human
from bot.family_window import open_window, sent_since
from bot.handover import hand_over, take_back_if_over
from bot.jobs import DANGER, Job, defer
from bot.kf_events import CUSTOMER, SERVICER, handle_event
from bot.reach import Means, open_now
from bot.reply import Reply, merge
from bot.speak import in_chat, reply_all
from bot.texts import say
from bot.together import Together
from bot.tracing import span
from bot.triage_flag import escalate_raised
from bot.turn import DialogueFailed, NotReady, TurnTaker
from plans.reach.arrive import announced_to, answered_by
from records.chat import Chat, lock_chats
from records.database import Database, is_lost_connection
from records.flag import raise_flag
from records.message import Inbound, first_waiting
from records.retag import ask_retag
from records.staff import Team, on_call
from records.trace import follow, following, trace_id

log = structlog.get_logger(__name__)

# Messages that wait together are answered together: a burst of ten costs one of the five messages WeCom allows.
BURST = 10
# So many chats share a transaction, and while one is written the next is thought about.
CHATS, GROUPS, WORTH = 16, 2, 8
# A message that fails this often is set aside, and a person is asked to look at it.
ATTEMPTS = 5


@dataclass
class Outcome:
    """What a chat's burst came to, before it is written; `last` is the message that the reply is kept under, `sent` when we sent
    something since the first of the burst was written."""

    chat: Chat
    last: Inbound
    sent: Sequence[datetime] = ()
    replies: list[Reply] = field(default_factory=list)
    human: str | None = None
    trace: str | None = None
    handled: list[tuple[Inbound, str, dict[str, Any]]] = field(default_factory=list)

    def close(self, now: datetime) -> None:
        """Mark the messages as handled: once all turns are taken, so that the next turn's look-ups do not write each row by itself."""
        for message, state, outcome in self.handled:
            message.state, message.handled_at, message.outcome = state, now, {**message.outcome, **outcome}

    def tell(self) -> None:
        """What became of the messages, in codes."""
        for message, state, outcome in self.handled:
            level, answer, trace = outcome.get("triage"), outcome.get("answer"), trace_id(message.trace)
            log.info("handled", trace=trace, message=message.id, chat=self.chat.id, state=state, triage=level, answer=answer)


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
        means: Means,
    ) -> None:
        self._db, self._turns, self._deliver, self._clock = db, turns, deliver, clock
        self._emergency_phone, self._hospital, self._means = emergency_phone, hospital, means
        self._together = Together(self._bursts, most=CHATS, at_once=GROUPS, worth=WORTH)

    async def drain(self, key: str) -> None:
        """Handle everything that waits in chat `key`, burst by burst, then send."""
        chat_id, more, first = int(key), True, True
        while more:
            try:
                found = await self._together(chat_id)
                more = found == BURST
            except Exception as err:
                if is_lost_connection(err):
                    raise
                # Somebody's message in the group is bad, or the dialogue is not there: it must not hold up the others.
                found, more = await self._alone(chat_id), False
            if found or first:
                # Even when nothing waits: a job that was killed before it sent is run again, and a message may wait for this window.
                # What was stored meanwhile has a job of its own behind this one.
                await self._deliver(f"chat:{chat_id}")
            first = False

    async def _alone(self, chat_id: int) -> int:
        """Handle what waits in one chat, message by message when a burst fails; how many were handled."""
        handled, size, without = 0, BURST, None
        while True:
            try:
                found = (await self._bursts([chat_id], size, without_dialogue=without))[chat_id]
            except NotReady:
                await self._triage_ahead(chat_id)
                return handled
            except Exception as err:
                if is_lost_connection(err):
                    raise
                if size == 1 and isinstance(err, DialogueFailed) and without is None:
                    without = err.because
                    continue
                log.error("turn failed", chat=chat_id, error=type(err).__name__, code=getattr(err, "code", None))
                if size == 1 and not await self._set_back(chat_id, err):
                    raise
                size, without = 1, None
                continue
            handled += found
            without = None
            if found < size:
                return handled

    async def _bursts(self, chat_ids: Sequence[int], size: int = BURST, *, without_dialogue: str | None = None) -> dict[int, int]:
        """One transaction over up to `size` messages of each chat; how many there were in each."""
        now = self._clock()
        try:
            with metrics.TURN_SECONDS.time():
                async with self._db.transaction() as tx:
                    chats = await lock_chats(tx, chat_ids)
                    waiting = await first_waiting(tx, list(chats), size)
                    surroundings = await around(tx, [chats[chat_id] for chat_id in waiting], now)
                    await self._turns.prepare(tx, [chats[chat_id] for chat_id in waiting])
                    outcomes = {}
                    words = {chat_id: messages[0].sent_at for chat_id, messages in waiting.items()}
                    sent = await sent_since(tx, {chat_id: at for chat_id, at in words.items() if chats[chat_id].window_used}, now)
                    for chat_id, messages in waiting.items():
                        if messages[0].origin == CUSTOMER:
                            # All at once, before the first turn's look-ups; nothing stands before it that the window could matter to.
                            open_window(chats[chat_id], messages[0], sent.get(chat_id, ()))
                    for chat_id, messages in waiting.items():
                        outcome = outcomes[chat_id] = Outcome(chats[chat_id], messages[-1], sent.get(chat_id, ()))
                        for message in messages:
                            with span("turn", message.trace, waited=(now - message.received_at).total_seconds()):
                                outcome.trace = following()
                                await self._one(tx, outcome, message, surroundings[chat_id], now, without_dialogue)
                    for outcome in outcomes.values():
                        outcome.close(now)
                    await self._turns.save(tx)
                    await self._say(tx, list(outcomes.values()), now)
                    await _came(tx, list(outcomes.values()), now)
                    # That a family wrote is a fact by itself; late, because others who ask for the same child wait for the commit.
                    await ask_retag(tx, [patient.id for chat_id in waiting for patient in surroundings[chat_id].patients], now)
                    await escalate_raised(tx)
        except BaseException:
            for chat_id in chat_ids:
                self._turns.forget(chat_id)
            raise
        for outcome in outcomes.values():
            outcome.tell()
        return {chat_id: len(waiting.get(chat_id, ())) for chat_id in chat_ids}

    async def _triage_ahead(self, chat_id: int) -> None:
        """The dialogue is loading: nobody in danger waits for it behind an ordinary message. The messages stay as they are."""
        now = self._clock()
        async with self._db.transaction() as tx:
            chats = await lock_chats(tx, [chat_id])
            known = await around(tx, chats.values(), now)
            waiting = select(Inbound).where(Inbound.chat_id == chat_id, Inbound.state == "new", Inbound.origin == CUSTOMER)
            for message in await tx.scalars(waiting.order_by(Inbound.id).with_for_update()):
                await self._turns.triage_ahead(tx, chats[chat_id], message, known[chat_id], now)
            await escalate_raised(tx)

    async def _one(
        self, tx: AsyncSession, outcome: Outcome, message: Inbound, known: Around, now: datetime, without_dialogue: str | None
    ) -> None:
        chat = outcome.chat
        if message.origin == SERVICER:
            message.state, message.handled_at = "recorded", now
            await answered(tx, chat, str(message.body.get("servicer_userid")), now)
            return
        if message.origin != CUSTOMER:
            message.state, message.handled_at = "recorded", now
            outcome.replies += await handle_event(
                tx, chat, message, now, hospital=self._hospital, emergency=self._emergency_phone, means=self._means
            )
            return
        open_window(chat, message, outcome.sent)
        await take_back_if_over(tx, chat, message, now)
        answer = await self._turns.take(tx, chat, message, known, now, without_dialogue=without_dialogue)
        outcome.handled.append((message, "recorded" if chat.state == "human" else "done", answer.outcome))
        if answer.outcome.get("answer") == "triage":
            # In danger nobody reads through a greeting first.
            outcome.replies = answer.replies + outcome.replies
        else:
            outcome.replies += answer.replies
        if outcome.human is None or answer.wants_human == LANGUAGE:
            # A family that also writes in another language is told in both.
            outcome.human = answer.wants_human or outcome.human

    async def _say(self, tx: AsyncSession, outcomes: Sequence[Outcome], now: datetime) -> None:
        """Replies into the outbox, then the hand-overs behind them, so that the bot's last words still go out."""
        replies, wanted = [], []
        for outcome in outcomes:
            chat, last = outcome.chat, outcome.last
            if chat.state != "bot":
                continue
            if outcome.human:
                told = await call_human(
                    tx, chat, last.text or "", outcome.human, now, zone=self._means.zone, emergency_phone=self._emergency_phone
                )
                outcome.replies.append(Reply(told))
                wanted.append(outcome)
            keyed = ((f"reply:{last.msgid}" + (f":{n}" if n > 1 else ""), body) for n, body in enumerate(merge(outcome.replies), 1))
            replies += [(chat, key, body, outcome.trace) for key, body in keyed]
        await reply_all(tx, replies, now)
        for outcome in wanted:
            with follow(outcome.trace):
                await hand_over(tx, outcome.chat, key=f"handover:{outcome.last.msgid}", now=now)

    async def _set_back(self, chat_id: int, err: Exception) -> bool:
        """Count a failed attempt at the chat's first message; after the last one set it aside, tell the family and a clinician.

        False when there is no message that the failure could be about.
        """
        now = self._clock()
        async with self._db.transaction() as tx:
            chats = await lock_chats(tx, [chat_id])
            waiting = await first_waiting(tx, list(chats), 1)
            if not waiting:
                return False
            chat, [message] = chats[chat_id], waiting[chat_id]
            message.attempts += 1
            message.error = f"{type(err).__name__} {getattr(err, 'code', '')}".strip()
            if message.attempts < ATTEMPTS:
                return True
            message.state, message.handled_at = "dead", now
            if message.origin != CUSTOMER:
                return True
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
            await defer(tx, [Job("escalate", str(flag.id), lock=f"flag:{flag.id}")], priority=DANGER)
            if chat.state == "bot":
                open_window(chat, message, (await sent_since(tx, {chat.id: message.sent_at}, now)).get(chat.id, ()))
                team = await tx.get_one(Team, chat.team_id)
                called = await on_call(tx, chat.team_id, 1, now)
                # Under a key of its own: the reply's is free when the message is read again (bot/stuck.py).
                text = say(
                    "family.trouble" if called else "family.trouble_nobody",
                    phone=team.phone or self._emergency_phone,
                    emergency=self._emergency_phone,
                )
                await in_chat(tx, chat, f"trouble:{message.msgid}", text, purpose="reply", now=now)
        await self._deliver(f"chat:{chat_id}")
        return True


async def _came(tx: AsyncSession, outcomes: Sequence[Outcome], now: datetime) -> None:
    """Families have written: what was sent to them was answered. What was announced opens, unless something is wrong; whether another
    conversation keeps it waiting is the round's to judge (bot/family_round.py)."""
    wrote = {outcome.chat.carer_id: outcome for outcome in outcomes if outcome.handled and outcome.chat.carer_id is not None}
    if not wrote:
        return
    quiet = [
        carer
        for carer, outcome in wrote.items()
        if carer is not None
        and outcome.chat.state == "bot"
        and outcome.human is None
        and not any(said.get("answer") == "triage" for _, _, said in outcome.handled)
    ]
    await answered_by(tx, [carer for carer in wrote if carer is not None], now)
    if quiet and (waiting := await announced_to(tx, quiet, now)):
        await open_now(tx, waiting, now)
