"""An answer to a reminder of a visit, a vaccination or a test: tapped, or typed right after it. Nothing clinical is said about it."""

import re
from datetime import datetime, timedelta

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from bot.reply import Reply
from plans.bundle import TAP, TAPS, Piece
from plans.queue import pieces_of
from plans.task import OPEN, TASK_MOVES, close, lock
from plans.template.step import REMINDS
from plans.wording import say, words
from records.care_plan import Task
from records.chat import Chat
from records.errand import raise_errand
from records.message import Inbound
from records.patient import Patient
from records.state import StateChange

_KEY = re.compile(rf"{TAP}(?P<task>\d{{1,18}})_(?P<tap>{'|'.join(TAPS)})")
# Typed words are meant for a reminder that is no older (R).
LATELY = timedelta(hours=24)
KIND = "cannot_come"
# Each tap as the end of a follow-up: its state and its reason.
ENDS = {"known": ("done", "known"), "done": ("done", "done"), "move": ("done", "move"), "cannot": ("declined", "cannot")}


def moves_visit(menu_id: str | None) -> int | None:
    """The follow-up whose time the family wants to change, when that was tapped: the road of rescheduling takes it from there."""
    key = _KEY.fullmatch(menu_id or "")
    return int(key["task"]) if key is not None and key["tap"] == "move" else None


async def answer_task_tap(tx: AsyncSession, chat: Chat, message: Inbound, patients: list[Patient], now: datetime) -> Reply | None:
    """What is said to an answer to a reminder; None for any other message, and for a wish for another time, which the dialogue hears.

    A tap below an old reminder is kept too: it is written down, though the follow-up has ended.
    """
    if chat.state == "human":
        return None
    meant = await _tapped(tx, chat, message, patients) or await _typed(tx, chat, message, patients, now)
    if meant is None:
        return None
    piece, tap = meant
    await _keep(tx, piece, tap, now)
    if tap == "move":
        chat.patient_id = piece.patient.id
        return None
    if tap == "cannot":
        key = f"{KIND}:{piece.task.id}"
        text = say("tapped.errand", name=piece.patient.name, title=piece.step.title)
        await raise_errand(tx, piece.patient, kind=KIND, text=text, because=say("tapped.because"), key=key, now=now)
    return Reply(say(f"tapped.{tap}"))


async def _tapped(tx: AsyncSession, chat: Chat, message: Inbound, patients: list[Patient]) -> tuple[Piece, str] | None:
    key = _KEY.fullmatch(message.menu_id or "")
    if key is None:
        return None
    task = await tx.get(Task, int(key["task"]))
    if task is None or task.patient_id not in {patient.id for patient in patients}:
        return None
    return next(((piece, key["tap"]) for piece in await pieces_of(tx, [task])), None)


async def _typed(tx: AsyncSession, chat: Chat, message: Inbound, patients: list[Patient], now: datetime) -> tuple[Piece, str] | None:
    """知道了, typed when nothing else waits for an answer and exactly one reminder does."""
    said = (message.text or "").strip().strip("。.！!~～，, ")
    tap = next((tap for tap, spoken in words("tap_words").items() if said in spoken), None)
    if tap is None or message.menu_id or chat.task_id is not None or chat.binding_id is not None or chat.clarification_id is not None:
        return None
    told = select(Task).where(Task.chat_id == chat.id, Task.state.in_(("sent", "reminded")), Task.sent_at > now - LATELY)
    waiting = [piece for piece in await pieces_of(tx, list(await tx.scalars(told))) if piece.step.kind in REMINDS]
    named = [piece for piece in waiting if piece.patient.id in {patient.id for patient in patients}]
    return (named[0], tap) if len(named) == 1 else None


async def _keep(tx: AsyncSession, piece: Piece, tap: str, now: datetime) -> None:
    task = await lock(tx, piece.task)
    state, reason = ENDS[tap]
    task.answers = {**(task.answers or {}), "_tap": {"value": tap, "at": now.isoformat()}}
    if task.state in OPEN and state in TASK_MOVES[task.state]:
        await close(tx, task, state, now=now, by="family", reason=reason)
    else:
        tx.add(StateChange(entity="task", entity_id=task.id, old=task.state, new=task.state, at=now, by="family", reason=reason))
