"""A due follow-up: guards, then the opening or the reminder with the dialogue's state in one transaction."""

from collections.abc import Callable
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

import structlog
from sqlalchemy.ext.asyncio import AsyncSession

from bot import metrics
from bot.jobs import NORMAL, Job, defer
from bot.speak import in_chat
from bot.turn import TurnTaker
from plans.follow_up import next_question, opening, template_of
from plans.follow_up_sweep import Route, extend, is_busy, route_of
from plans.guard import decide
from plans.remind import at_next, hold
from plans.task import TALKING, lock, sent
from records.care_plan import Task
from records.chat import Chat
from records.database import Database, is_lost_connection

log = structlog.get_logger(__name__)

# A task that raised is looked at again after this, so that it cannot stop the line.
ASIDE = timedelta(minutes=10)


class FollowUps:
    """Runs due tasks. A repeat finds the task moved and does nothing."""

    def __init__(self, db: Database, turns: TurnTaker, clock: Callable[[], datetime], zone: ZoneInfo) -> None:
        self._db, self._turns, self._clock, self._zone = db, turns, clock, zone

    async def run(self, key: str) -> None:
        """Do what is due for task `key`: open it, remind, or end it."""
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
            await self._open(tx, task, route, now, busy=busy)
        elif task.state in TALKING:
            await self._carry_on(tx, task, route, now, busy=busy)

    async def _open(self, tx: AsyncSession, task: Task, route: Route, now: datetime, *, busy: bool) -> None:
        decision = decide(task, route.chat, route.carer, now=now, zone=self._zone, busy=busy)
        if decision.kind != "send" or route.chat is None:
            await hold(tx, task, decision, now=now)
            metrics.TASKS.labels(decision.kind).inc()
            return
        template = await template_of(tx, task)
        question = next_question(task, template)
        text = opening(task, route.patient, template)
        reminder = now + template.step(task.step).reminder_after()
        if question is not None and await sent(tx, task, route.chat, next_at=reminder, now=now):
            if self._turns.talker is not None:
                await self._turns.talker.begin_follow_up(tx, route.chat, task, question, now)
            await self._say(tx, route.chat, task, f"task:{task.id}:opening", text, "task", now)
            metrics.TASKS.labels("opened").inc()

    async def _carry_on(self, tx: AsyncSession, task: Task, route: Route, now: datetime, *, busy: bool) -> None:
        nudge = await at_next(tx, task, route.patient, route.chat, route.carer, now=now, zone=self._zone, busy=busy)
        if nudge.kind == "remind" and route.chat is not None and nudge.text is not None and nudge.key is not None:
            await self._say(tx, route.chat, task, nudge.key, nudge.text, "reminder", now)
        if nudge.kind in ("remind", "closed"):
            metrics.TASKS.labels("reminded" if nudge.kind == "remind" else task.state).inc()

    async def _say(self, tx: AsyncSession, chat: Chat, task: Task, key: str, text: str, purpose: str, now: datetime) -> None:
        line = await in_chat(tx, chat, key, text, purpose=purpose, now=now, useful_until=task.useful_until)
        await defer(tx, [Job("deliver", line, lock=line)], priority=NORMAL)
