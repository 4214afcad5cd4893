"""What becomes of a follow-up when its time has come: held back, reminded once, ended. The caller sends what is to be sent."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Literal
from zoneinfo import ZoneInfo

from sqlalchemy import func, select
from sqlalchemy.ext.asyncio import AsyncSession

from plans.guard import Decision, decide
from plans.personal import template_of
from plans.question import entry, questions, reminder
from plans.task import TALKING, close, is_open, lock, reminded, started
from plans.template import PlanTemplate
from records.care_plan import Task
from records.chat import Chat
from records.patient import Carer, Patient
from records.state import StateChange


@dataclass(frozen=True)
class Nudge:
    """`remind`: put `text` into the outbox under `key`. `closed`: it has ended, see the task's state. `wait`, `nothing`: neither."""

    kind: Literal["remind", "closed", "wait", "nothing"]
    text: str | None = None
    key: str | None = None


async def hold(tx: AsyncSession, task: Task, decision: Decision, *, now: datetime) -> None:
    """Do what the guard decided about an opening that may not go out: look again later, or end it as undeliverable with the reason.

    Raises ValueError for a decision to send, which is the caller's to carry out.
    """
    if decision.kind == "send":
        raise ValueError("a message that may go out is not held")
    if decision.kind == "wait":
        task.next_at = decision.until
    else:
        await close(tx, task, "undeliverable", now=now, by="system", reason=decision.reason)


async def at_next(
    tx: AsyncSession,
    task: Task,
    patient: Patient,
    chat: Chat | None,
    carer: Carer | None,
    *,
    now: datetime,
    zone: ZoneInfo,
    busy: bool = False,
    may: Callable[[int], Awaitable[Decision]] | None = None,
) -> Nudge:
    """Carry on a follow-up that was sent and whose `next_at` has passed: one reminder after silence, and its end with the day.

    `may` decides about the n-th reminder, if one is due, instead of the guard; it is asked once, and one it lets through is sent.

    A family that has said something since the reminder (`started`) may be reminded once more. What was answered in part ends as
    partial, what was not answered as missed. A reminder that may not go out is left out; the end comes all the same.
    """
    task = await lock(tx, task)
    if task.state not in TALKING or task.next_at is None or task.next_at > now:
        return Nudge("nothing")
    template = await template_of(tx, task)
    if now >= task.useful_until:
        await expire(tx, task, template, now=now)
        return Nudge("closed")
    if task.state == "reminded":
        task.next_at = task.useful_until
        return Nudge("wait")
    number = await _reminders(tx, task) + 1
    decision = await may(number) if may is not None else decide(task, chat, carer, now=now, zone=zone, busy=busy)
    if decision.kind != "send":
        task.next_at = decision.until if decision.kind == "wait" else task.useful_until
        return Nudge("wait")
    text = reminder(task, patient, template)
    if not await reminded(tx, task, now=now):
        return Nudge("nothing")
    return Nudge("remind", text, f"task:{task.id}:reminder:{number}")


async def expire(tx: AsyncSession, task: Task, template: PlanTemplate, *, now: datetime) -> None:
    """End an open follow-up whose usefulness is over. Nothing happens to one that has ended."""
    if not is_open(task):
        return
    known = [entry(task, question) for question in questions(task, template)]
    if task.state == "scheduled":
        await close(tx, task, "undeliverable", now=now, by="system", reason="expired")
    elif any(answer["values"] for answer in known):
        if task.state != "started":
            await started(tx, task, next_at=task.useful_until, now=now, by="system", reason="answered in part")
        unsure = any(answer["status"] == "reweigh" for answer in known)
        await close(tx, task, "partial", now=now, by="system", reason="unconfirmed" if unsure else "unanswered")
    else:
        await close(tx, task, "missed", now=now, by="system", reason="not_yet" if task.state == "started" else "no_answer")


async def _reminders(tx: AsyncSession, task: Task) -> int:
    """How often it has been reminded."""
    changes = select(func.count()).select_from(StateChange)
    count = await tx.scalar(changes.where(StateChange.entity == "task", StateChange.entity_id == task.id, StateChange.new == "reminded"))
    return int(count or 0)
