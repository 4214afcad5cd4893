"""A due follow-up: by which route it may reach its family now, then the opening or the reminder with the dialogue's state in one
transaction."""

from collections.abc import Callable
from datetime import datetime, timedelta
from random import Random, SystemRandom

import structlog
from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from bot import metrics
from bot.choices import opening_words
from bot.jobs import BULK, NORMAL, Job, defer
from bot.kf_events import WELCOME_WINDOW
from bot.reach import OPENED, Means, Message, carry_out, unreachable
from bot.speak import in_chat
from bot.turn import TurnTaker
from integrations.wecom.outbound import text as text_body
from plans import guard
from plans.follow_up import next_question, template_of
from plans.follow_up_sweep import Route, extend, is_busy, route_of
from plans.reach.arrive import is_under_way
from plans.reach.decide import decide_many
from plans.reach.route import Decision, Want
from plans.remind import at_next
from plans.task import TALKING, close, is_announced, lock, opened, sent
from records.care_plan import Task
from records.chat import Chat
from records.database import Database, is_lost_connection
from records.message import Inbound
from records.staff import Team

log = structlog.get_logger(__name__)

# A task that raised is looked at again after this, so that it cannot stop the line.
ASIDE = timedelta(minutes=10)
# What no other route could mend: the family's own wish, or a usefulness that is over.
NOT_FOR_A_NURSE = frozenset({"stopped", "paused", "expired"})


class FollowUps:
    """Runs due tasks. A repeat finds the task moved and does nothing."""

    def __init__(self, db: Database, turns: TurnTaker, clock: Callable[[], datetime], means: Means, rng: Random | None = None) -> None:
        self._db, self._turns, self._clock, self._means, self._zone = db, turns, clock, means, means.zone
        self._rng = rng or SystemRandom()

    async def run(self, key: str) -> None:
        """Do what is due for task `key`: open it, announce it, remind, or end it."""
        chats: list[int] = []
        try:
            async with self._db.transaction() as tx:
                await self._run(tx, int(key), self._clock(), chats)
        except Exception as err:
            for chat in chats:
                self._turns.forget(chat)
            if not is_lost_connection(err):
                async with self._db.transaction() as tx:
                    await extend(tx, [int(key)], self._clock() + ASIDE)
            raise

    async def _run(self, tx: AsyncSession, task_id: int, now: datetime, chats: list[int]) -> None:
        task = await tx.get(Task, task_id)
        if task is None:
            return
        route = await route_of(tx, task)
        if route.chat is not None:
            # The chat before the task: the road of a message locks them in this order too.
            await tx.refresh(route.chat, with_for_update=True)
            chats.append(route.chat.id)
        task = await lock(tx, task)
        busy = await is_busy(tx, route.chat, task, now)
        if task.state == "scheduled" and task.due_at <= now:
            await self._reach(tx, task, route, now, busy=busy)
        elif is_announced(task) and task.next_at is not None and task.next_at <= now < task.useful_until:
            await self._announced(tx, task, route, now, busy=busy)
        elif task.state in TALKING:
            await self._carry_on(tx, task, route, now, busy=busy)

    async def _reach(self, tx: AsyncSession, task: Task, route: Route, now: datetime, *, busy: bool) -> None:
        """Open it in the chat, or announce it by another route; look again later; or end it, and the nurse has it."""
        decision = await self._decide(tx, task, route, "opening", "task", now, busy=busy)
        metrics.TASKS.labels(decision.kind if decision.kind != "no" else "undeliverable").inc()
        match decision.kind:
            case "send":
                await self._open(tx, task, route, decision, now)
            case "wait":
                task.next_at = decision.until
            case "repeat":
                task.next_at = min(now + guard.LOOK_AGAIN, task.useful_until)
            case _:
                await close(tx, task, "undeliverable", now=now, by="system", reason=decision.reason)
                if decision.reason not in NOT_FOR_A_NURSE:
                    await unreachable(tx, [route.patient], decision.reason, now)

    async def _decide(self, tx: AsyncSession, task: Task, route: Route, what: str, purpose: str, now: datetime, *, busy: bool) -> Decision:
        if route.carer is None:
            return Decision("no", "expired" if now >= task.useful_until else "no_carer")
        want = Want(
            key=f"task:{task.id}:{what}",
            carer_id=route.carer.id,
            purpose=purpose,
            patient_id=task.patient_id,
            tasks=(task.id,),
            department=await tx.scalar(select(Team.name).where(Team.id == route.patient.team_id)),
            useful_until=task.useful_until,
            busy=busy,
        )
        decided = await decide_many(tx, [want], now=now, zone=self._zone, channels=self._means.channels)
        decision = decided[want.key]
        if decision.kind == "send" and decision.route != "kf":
            await carry_out(tx, [Message(want, None)], decided, now)
        return decision

    async def _open(self, tx: AsyncSession, task: Task, route: Route, decision: Decision, now: datetime) -> None:
        template = await template_of(tx, task)
        question = next_question(task, template)
        if question is None:
            return
        chat = decision.chat if decision.route == "kf" else None
        reminder = now + template.step(task.step).reminder_after()
        if task.state != "scheduled":
            # Announced before, by a route that failed.
            task.next_at = min(reminder, task.useful_until)
            if chat is not None:
                opened(tx, task, chat, next_at=reminder, now=now)
        elif not await sent(tx, task, chat, next_at=reminder, now=now):
            return
        if chat is not None:
            await self._begin(tx, chat, task, now)
            words = await opening_words(tx, task, route, template, now=now, zone=self._zone, rng=self._rng)
            await self._say(tx, chat, task, decision.key, words, "task", now)
        metrics.TASKS.labels("opened" if chat is not None else "announced").inc()

    async def _announced(self, tx: AsyncSession, task: Task, route: Route, now: datetime, *, busy: bool) -> None:
        """Told by another route: it opens when the family has come; else the route may have failed, or it is time to remind."""
        chat = route.chat
        came = chat is not None and task.sent_at is not None and chat.window_from is not None and chat.window_from >= task.sent_at
        code = await self._welcome(tx, chat, now) if chat is not None and not came else None
        if chat is not None and (came or code is not None):
            await self._open_announced(tx, task, route, chat, code, now, busy=busy)
        elif not await is_under_way(tx, f"task:{task.id}:opening"):
            await self._reach(tx, task, route, now, busy=busy)
        else:
            await self._carry_on(tx, task, route, now, busy=busy)

    async def _open_announced(
        self, tx: AsyncSession, task: Task, route: Route, chat: Chat, code: tuple[Inbound, str] | None, now: datetime, *, busy: bool
    ) -> None:
        if busy or chat.state != "bot" or chat.service_state in guard.WITH_A_PERSON:
            task.next_at = min(now + guard.LOOK_AGAIN, task.useful_until)
            return
        template = await template_of(tx, task)
        if next_question(task, template) is None or (code is None and not chat.window_open(now)):
            task.next_at = task.useful_until
            return
        words = await opening_words(tx, task, route, template, now=now, zone=self._zone, rng=self._rng)
        opened(tx, task, chat, next_at=now + template.step(task.step).reminder_after(), now=now)
        await self._begin(tx, chat, task, now)
        if code is None:
            await self._say(tx, chat, task, f"task:{task.id}:opened:{int(now.timestamp())}", words, OPENED, now)
            return
        event, secret = code
        body, until = {"code": secret, **text_body(words)}, event.sent_at + WELCOME_WINDOW
        key = f"task:{task.id}:opened:{event.id}"
        line = await in_chat(tx, chat, key, body, purpose=OPENED, now=now, useful_until=until, route="kf_event")
        await defer(tx, [Job("deliver", line, lock=line)], priority=NORMAL)

    async def _welcome(self, tx: AsyncSession, chat: Chat, now: datetime) -> tuple[Inbound, str] | None:
        """The code of a family that came in within the last 20 s: one message that needs no window."""
        event = await tx.scalar(
            select(Inbound).where(Inbound.chat_id == chat.id, Inbound.sent_at > now - WELCOME_WINDOW).order_by(Inbound.id.desc()).limit(1)
        )
        if event is None or event.msgtype != "enter_session":
            return None
        code = event.body.get("event", {}).get("welcome_code")
        return (event, str(code)) if code else None

    async def _begin(self, tx: AsyncSession, chat: Chat, task: Task, now: datetime) -> None:
        question = next_question(task, await template_of(tx, task))
        if self._turns.talker is not None:
            await self._turns.talker.begin_follow_up(tx, chat, task, question, now)

    async def _carry_on(self, tx: AsyncSession, task: Task, route: Route, now: datetime, *, busy: bool) -> None:
        decided: list[Decision] = []

        async def may(reminder: int) -> guard.Decision:
            decision = await self._decide(tx, task, route, f"reminder:{reminder}", "reminder", now, busy=busy)
            decided.append(decision)
            kind = decision.kind if decision.kind in ("send", "wait") else "undeliverable"
            return guard.Decision(kind, decision.until, decision.reason)

        nudge = await at_next(tx, task, route.patient, route.chat, route.carer, now=now, zone=self._zone, busy=busy, may=may)
        if nudge.kind == "remind" and nudge.text is not None and decided[-1].route == "kf" and decided[-1].chat is not None:
            await self._say(tx, decided[-1].chat, task, decided[-1].key, nudge.text, "reminder", now)
        if nudge.kind in ("remind", "closed"):
            metrics.TASKS.labels("reminded" if nudge.kind == "remind" else task.state).inc()

    async def _say(self, tx: AsyncSession, chat: Chat, task: Task, key: str, text: str, purpose: str, now: datetime) -> None:
        line = await in_chat(tx, chat, key, text, purpose=purpose, now=now, useful_until=task.useful_until)
        await defer(tx, [Job("deliver", line, lock=line)], priority=NORMAL if purpose == OPENED else BULK)
