"""Sending what was decided: in order within a line, under WeCom's limits, each row once."""

import random
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import structlog
from sqlalchemy import exists, func, select, text
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm.attributes import set_committed_value

from bot import metrics
from bot.cards import card_lost
from bot.give_up import give_up
from bot.group_send import GROUP, GroupSends
from bot.handover import tell_not_reached
from bot.hold import held_back
from bot.jobs import Job, defer
from bot.push import PushPorts
from bot.push_row import REFUSED, Target, is_push, learn, send_push, target
from bot.reach import OPENED, USELESS, Means, channels_of, not_arrived, taken_back
from bot.reply import plain_text
from bot.routes import CONFIGURATION, HUMAN_OWNS, ROUTES, SendRefused, Sent, Waiting, send
from bot.tracing import span
from integrations.push import PushRefused
from integrations.wecom.client import WecomClient
from integrations.wecom.errors import WecomError
from plans.reach.purpose import PROACTIVE, is_proactive
from plans.reach.window import left
from plans.task_key import tasks_in
from records.chat import Chat
from records.contact import move_contacts
from records.database import Database
from records.flag import raise_flag
from records.message import CLINICIAN, HELD, NOT_BEGUN, Outbound
from records.trace import trace_id

log = structlog.get_logger(__name__)

# A send takes well under a second; a row that is "sending" for longer lost its sender.
LEASE = timedelta(seconds=30)
# Failed rows are tried again after 1, 2, 4 … s, as long as they are useful; at most a quarter of a minute apart, so that what waited goes
# out within half a minute of the fault's end. How many tries that makes is for the shared pace (bot/pace.py).
BACKOFF = [1, 2, 4, 8, 15]
# Not all at one moment: each wait is between these shares of it.
SHORTEST, LONGEST = 0.8, 1.2
# wecom-api §1.2: more than 30 messages a minute to one member are dropped silently.
MEMBER_PER_MINUTE = 25


_KNOWN = Outbound.route.in_(sorted(ROUTES))
_IN_LINE = Outbound.state.in_(("queued", "sending"))
# What is written about a claimed row; True when the line may go on.
Change = Callable[[AsyncSession, Outbound, Chat | None, datetime], Awaitable[bool]]


@dataclass(frozen=True)
class Claim:
    """A row that this process is sending now; `repeat` when an earlier try of it may have reached WeCom. `to`: where a push goes."""

    row: Outbound
    chat: Chat | None
    repeat: bool
    to: Target | None = None


class Outbox:
    """Sends lines. A line's rows go in order; a row whose outcome is unknown is sent again under the same platform message id."""

    def __init__(
        self,
        db: Database,
        client: WecomClient,
        clock: Callable[[], datetime],
        *,
        agent_id: int,
        emergency_phone: str,
        zone: ZoneInfo,
        rng: random.Random,
        ports: PushPorts | None = None,
        contents: Callable[[Outbound], Awaitable[dict[str, Any]]] | None = None,
        pages: str = "",
    ) -> None:
        """`contents` makes the message of a content's row when it is sent: what was withdrawn by then does not go. `pages` is where staff's
        phones find us."""
        self._db, self._client, self._clock, self._rng, self._zone = db, client, clock, rng, zone
        self._contents, self._pages = contents, pages
        self._agent_id, self._emergency_phone = agent_id, emergency_phone
        self._ports = ports or PushPorts()
        self._means = Means(zone, channels_of(self._ports))
        self._groups = GroupSends(db, client, clock, self._means)

    async def deliver(self, line: str) -> None:
        """Send what the line holds and may go now. One caller at a time per line (the job's lock); leases guard the rest."""
        if line.startswith(GROUP):
            await self._groups.prepare(line.removeprefix(GROUP))
            return
        while (claim := await self._claim(line)) is not None:
            tried = await self.attempt(claim)
            if not await self.settle(claim, self.done(tried) if isinstance(tried, Sent) else tried):
                return

    async def attempt(self, claim: Claim) -> Sent | Change:
        """Send a claimed row: what WeCom answered, or what is to be written about it where it did not take it."""
        try:
            with span("send", claim.row.trace, route=claim.row.route, purpose=claim.row.purpose, attempt=claim.row.attempts):
                return await self._send(claim)
        except Waiting as wait:
            return self._wait(wait)
        except SendRefused as refusal:
            return self._refuse(refusal, claim.to)
        except PushRefused as err:
            return self._later(err.code, err.retry_after)
        except WecomError as err:
            metrics.WECOM_ERRORS.labels(err.code).inc()
            return self._fail(err)

    async def _send(self, claim: Claim) -> Sent:
        if claim.to is not None:
            return await send_push(self._ports, claim.row, claim.to)
        if self._contents is not None and claim.row.payload.get("msgtype") == "content":
            set_committed_value(claim.row, "payload", await self._contents(claim.row))
        agent, phone = self._agent_id, self._emergency_phone
        return await send(
            self._client, claim.row, claim.chat, agent_id=agent, emergency_phone=phone, repeat=claim.repeat, pages=self._pages
        )

    async def _claim(self, line: str) -> Claim | None:
        """Take the line's first row that may go now, and count it against the window. What answers goes before what we began."""
        now = self._clock()
        async with self._db.transaction() as tx:
            chat = None
            if line.startswith("chat:"):
                chat = await tx.scalar(select(Chat).where(Chat.id == int(line.removeprefix("chat:"))).with_for_update())
            rows = await tx.scalars(
                select(Outbound)
                .where(Outbound.line == line, _IN_LINE, _KNOWN)
                .order_by(Outbound.purpose.in_(PROACTIVE), Outbound.seq)
                .limit(50)
                .with_for_update()
            )
            waiting = list(rows)
            # A lease that ends later than one taken now was taken by a clock that has been set back since.
            if any(row.state == "sending" and row.lease_until is not None and now < row.lease_until <= now + LEASE for row in waiting):
                return None
            for row in waiting:
                if row.useful_until is not None and now >= row.useful_until:
                    await self._withdraw(tx, row, USELESS, now)
                    continue
                proactive = is_proactive(row.purpose)
                if row.not_before > now and proactive:
                    continue
                if row.not_before > now or await self._too_many(tx, row, now):
                    return None
                if proactive and (hold := await held_back(tx, row, chat, now=now, zone=self._zone)) is not None:
                    if hold.until is None:
                        await self._withdraw(tx, row, hold.reason, now)
                    else:
                        row.not_before = hold.until
                    continue
                if row.route == "kf" and row.attempts == 0:
                    if chat is None or not left(chat, row.purpose, now):
                        # The row keeps its place until the family writes; what needs no window may go past it.
                        await self._no_window(tx, row, now)
                        continue
                    chat.window_used += 1
                to = await target(tx, row, self._ports, now) if is_push(row) else None
                if isinstance(to, str):
                    await self._failed(tx, row, chat, to, now)
                    continue
                repeat = row.state == "sending" or row.error == "unknown_outcome" or bool(row.response.get("doubtful"))
                row.state, row.lease_until, row.response = "sending", now + LEASE, {"doubtful": repeat}
                row.attempts += 1
                return Claim(row, chat, repeat, to)
        return None

    async def _too_many(self, tx: AsyncSession, row: Outbound, now: datetime) -> bool:
        if row.route != "app":
            return False
        sent = await tx.scalar(select(func.count()).where(Outbound.line == row.line, Outbound.sent_at > now - timedelta(minutes=1)))
        return (sent or 0) >= MEMBER_PER_MINUTE

    async def settle(self, claim: Claim, change: Change) -> bool:
        """Write down what became of a claimed row; whether the line may go on and holds more.

        Nothing is left behind: who adds a row later finds this one settled, because both wait for the same lock.
        """
        async with self._db.transaction() as tx:
            chat = await tx.get(Chat, claim.chat.id, with_for_update=True) if claim.chat is not None else None
            row = await tx.get(Outbound, claim.row.key, with_for_update=True)
            if row is None:
                # Erased on its family's request while it was being sent.
                return True
            row.lease_until = None
            go_on = await change(tx, row, chat, self._clock())
            metrics.MESSAGES_OUT.labels(row.route, row.state).inc()
            log.info("outgoing", trace=trace_id(row.trace), key=row.key, route=row.route, purpose=row.purpose, state=row.state)
            return go_on and bool(
                await tx.scalar(select(exists().where(Outbound.line == row.line, Outbound.key != row.key, _IN_LINE, _KNOWN)))
            )

    def done(self, sent: Sent) -> Change:
        """What is written about a row that was sent."""

        async def change(tx: AsyncSession, row: Outbound, chat: Chat | None, now: datetime) -> bool:
            row.state, row.sent_at, row.response, row.error = "sent", now, sent.response, None
            if is_proactive(row.purpose):
                await move_contacts(tx, [row.key], "sent", now=now, reference=sent.response.get("msgid"))
            if sent.after is not None:
                await sent.after(tx, row, chat, now)
            return True

        return change

    def _wait(self, wait: Waiting) -> Change:
        async def change(tx: AsyncSession, row: Outbound, chat: Chat | None, now: datetime) -> bool:
            row.state, row.error = "queued", wait.code
            row.response = {"doubtful": wait.doubtful or bool(row.response.get("doubtful"))}
            # WeCom said no before it took the message, so this try does not count, neither here nor in the window.
            row.attempts -= 1
            if chat is not None:
                await wait.learn(tx, chat, now)
            await self._no_window(tx, row, now)
            return True

        return change

    def _refuse(self, refusal: SendRefused, to: Target | None) -> Change:
        async def change(tx: AsyncSession, row: Outbound, chat: Chat | None, now: datetime) -> bool:
            if to is not None:
                await learn(tx, to, refusal.code, now)
            await self._failed(tx, row, chat, refusal.code, now)
            if refusal.after is not None:
                await refusal.after(tx, row, chat, now)
            return True

        return change

    def _fail(self, err: WecomError) -> Change:
        async def change(tx: AsyncSession, row: Outbound, chat: Chat | None, now: datetime) -> bool:
            # A card is not held: it is made anew, for somebody else.
            held = err.code in CONFIGURATION and row.route != "app"
            if err.permanent:
                log.error("message refused", route=row.route, purpose=row.purpose, code=err.code, errcode=err.errcode)
            if err.permanent and not held:
                await self._failed(tx, row, chat, err.code, now)
                return True
            return await self._later(err.code, err.retry_after)(tx, row, chat, now)

        return change

    def _later(self, code: str, retry_after: float | None) -> Change:
        async def change(tx: AsyncSession, row: Outbound, chat: Chat | None, now: datetime) -> bool:
            wait = retry_after or BACKOFF[min(row.attempts, len(BACKOFF)) - 1] * self._rng.uniform(SHORTEST, LONGEST)
            row.state, row.error, row.not_before = "queued", code, now + timedelta(seconds=wait)
            log.warning("message waits", route=row.route, code=code, seconds=round(wait))
            return False

        return change

    async def _failed(self, tx: AsyncSession, row: Outbound, chat: Chat | None, code: str, now: datetime) -> None:
        row.state, row.error = "failed", code
        await self._tell_the_owner(tx, row, code, now)
        if row.purpose in ("reply", "alert", CLINICIAN) and row.chat_id is not None and code != HUMAN_OWNS:
            await _ask_a_person(tx, row, code, now)
        elif row.purpose == "handover" and chat is not None:
            await tell_not_reached(tx, chat, row.key, now, emergency_phone=self._emergency_phone)

    async def _withdraw(self, tx: AsyncSession, row: Outbound, reason: str, now: datetime) -> None:
        row.state, row.error = "withdrawn", reason
        await self._tell_the_owner(tx, row, reason, now)

    async def _no_window(self, tx: AsyncSession, row: Outbound, now: datetime) -> None:
        """Without a window a follow-up goes by another route, at once. All else waits for the family's next word."""
        if row.purpose in ("task", "reminder"):
            await self._withdraw(tx, row, HELD, now)
        else:
            row.error = HELD

    async def _tell_the_owner(self, tx: AsyncSession, row: Outbound, reason: str, now: datetime) -> None:
        """Nothing is dropped silently: the ledger, the task or the alert behind the row learns of it."""
        if row.purpose == "card":
            await card_lost(tx, row.payload["task_id"], "failed", now)
            return
        refused = reason in REFUSED
        known = await not_arrived(tx, row, reason, refused=refused, now=now, means=self._means)
        if row.purpose == OPENED:
            await taken_back(tx, row, reason, now)
        elif row.purpose == "task" and not known:
            for task_id in tasks_in(row.key):
                await give_up(tx, task_id, reason, now)


async def _ask_a_person(tx: AsyncSession, row: Outbound, code: str, now: datetime) -> None:
    """WeCom refused an answer for good: the family would hear nothing, so a clinician is told what was to be said."""
    chat = await tx.get_one(Chat, row.chat_id)
    flag = await raise_flag(
        tx,
        chat,
        level="same_day",
        categories=["reply_refused"],
        said=plain_text(row.payload)[:200],
        because=code,
        evidence=[{"rule": "reply_refused", "version": 1, "because": code, "key": row.key}],
        now=now,
        by="outbox",
    )
    await defer(tx, [Job("escalate", str(flag.id), lock=f"flag:{flag.id}")])


async def strange_routes(tx: AsyncSession) -> dict[str, int]:
    """How many rows wait for each route that this version does not know: a worker of a newer one sends them."""
    rows = await tx.execute(select(Outbound.route, func.count()).where(_IN_LINE, ~_KNOWN).group_by(Outbound.route).order_by(Outbound.route))
    return {route: count for route, count in rows}


async def lines_left_waiting(tx: AsyncSession, now: datetime, *, proactive: bool) -> list[str]:
    """Lines with a row that may go now: what a crashed sender left, and what waited for its time. What we began (`proactive`) is asked
    for apart from what answers, so that many of the one cannot hide the other; its first tries are found by bot/bulk.py."""
    some = (
        select(Outbound.line)
        .where(
            text(NOT_BEGUN),
            _KNOWN,
            Outbound.not_before <= now,
            Outbound.purpose.in_(PROACTIVE) if proactive else Outbound.purpose.not_in(PROACTIVE),
            Outbound.lease_until.is_(None) | ~Outbound.lease_until.between(now, now + LEASE),
            Outbound.error.is_distinct_from(HELD) | (Outbound.useful_until <= now),
        )
        # Without an order, so that nothing but these rows is read.
        .limit(500)
        .subquery()
    )
    return list(await tx.scalars(select(some.c.line).distinct()))
