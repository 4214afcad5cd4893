"""A due follow-up: guards, then the opening or the reminder with the dialogue's state in one transaction."""

from collections.abc import Awaitable, Callable
from datetime import datetime
from zoneinfo import ZoneInfo

import structlog
from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from bot import metrics
from bot.give_up import give_up
from bot.jobs import NORMAL, Job, defer
from bot.turn import TurnTaker
from plans.follow_up import template_of
from plans.guard import decide
from plans.question import next_question, opening, reminder
from plans.remind import next_time, pass_over
from plans.task import TALKING, is_open, lock, reminded, sent
from records.care_plan import Task
from records.chat import Chat
from records.database import Database
from records.message import enqueue
from records.patient import Carer, Patient, primary_carer

log = structlog.get_logger(__name__)


class FollowUps:
    """Runs due tasks. A repeat finds the task moved and does nothing."""

    def __init__(
        self,
        db: Database,
        turns: TurnTaker,
        deliver: Callable[[str], Awaitable[None]],
        clock: Callable[[], datetime],
        zone: ZoneInfo,
    ) -> None:
        self._db, self._turns, self._deliver, self._clock, self._zone = db, turns, deliver, clock, zone

    async def run(self, key: str) -> None:
        """Do what is due for task `key`: open it, remind, or end it."""
        now = self._clock()
        chat: Chat | None = None
        try:
            async with self._db.transaction() as tx:
                task = await tx.get(Task, int(key))
                if task is None:
                    return
                carer = await primary_carer(tx, task.patient_id)
                # The chat before the task: the road of a message locks them in this order too.
                chat = await chat_of(tx, carer)
                await lock(tx, task)
                await self._step(tx, task, chat, carer, now)
        except Exception:
            if chat is not None:
                self._turns.forget(chat.id)
            raise

    async def _step(self, tx: AsyncSession, task: Task, chat: Chat | None, carer: Carer | None, now: datetime) -> None:
        opens = task.state == "scheduled" and task.due_at <= now
        goes_on = task.state in TALKING and task.next_at is not None and task.next_at <= now
        if not (opens or goes_on):
            return
        decision = decide(task, chat, carer, now=now, zone=self._zone, busy=await _busy(tx, task, chat, now))
        match decision.kind:
            case "wait" if opens:
                task.due_at = decision.until or task.useful_until
            case "wait":
                task.next_at = decision.until
            case "expired":
                await pass_over(tx, task, reason=decision.reason, now=now)
                metrics.TASKS.labels(task.state).inc()
            case "undeliverable" if opens:
                await give_up(tx, task.id, decision.reason, now)
            case "undeliverable":
                # It was asked and cannot be asked again: the answer may still come until the day ends.
                task.next_at = task.useful_until
            case "send" if chat is not None:
                await self._send(tx, task, chat, now, opens=opens)

    async def _send(self, tx: AsyncSession, task: Task, chat: Chat, now: datetime, *, opens: bool) -> None:
        patient = await tx.get_one(Patient, task.patient_id)
        template = await template_of(tx, task)
        question = next_question(task, template)
        if question is None:
            await pass_over(tx, task, reason="nothing_to_ask", now=now)
            return
        text = opening(task, patient, template) if opens else reminder(task, patient, template)
        moved = await sent(tx, task, chat, next_at=next_time(task, template, now), now=now) if opens else await reminded(tx, task, now=now)
        if not moved:
            return
        chat.task_id, chat.patient_id = task.id, task.patient_id
        await enqueue(
            tx,
            f"task:{task.id}:{'opening' if opens else 'reminder'}",
            line=f"chat:{chat.id}",
            route="kf",
            payload={"msgtype": "text", "text": {"content": text}},
            purpose="task" if opens else "reminder",
            chat_id=chat.id,
            now=now,
            useful_until=task.useful_until,
        )
        if self._turns.talker is not None:
            await self._turns.talker.begin_follow_up(tx, chat, task, question, now)
        await defer(tx, [Job("deliver", f"chat:{chat.id}", lock=f"chat:{chat.id}")], priority=NORMAL)
        metrics.TASKS.labels("opened" if opens else "reminded").inc()


async def chat_of(tx: AsyncSession, carer: Carer | None) -> Chat | None:
    """The chat in which this carer wrote last, locked."""
    if carer is None:
        return None
    chat: Chat | None = await tx.scalar(
        select(Chat).where(Chat.carer_id == carer.id).order_by(Chat.window_from.desc().nulls_last(), Chat.id).limit(1).with_for_update()
    )
    return chat


async def _busy(tx: AsyncSession, task: Task, chat: Chat | None, now: datetime) -> bool:
    """Whether another follow-up is being talked about in the chat right now."""
    if chat is None or chat.task_id is None or chat.task_id == task.id:
        return False
    other = await tx.get(Task, chat.task_id)
    return other is not None and is_open(other) and other.state in TALKING and now < other.useful_until


__all__ = ["FollowUps", "chat_of"]
