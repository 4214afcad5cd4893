"""How a follow-up ends that was not finished in time."""

from datetime import datetime

from sqlalchemy.ext.asyncio import AsyncSession

from plans.bundle import Piece
from plans.question import entry, questions
from plans.questionnaire_task import begun
from plans.step_kind import wants_answer
from plans.task import close, is_announced, started
from plans.template import Question
from records.care_plan import Task


def expired_as(piece: Piece, *, arrived: bool) -> tuple[str, str]:
    """The state and the reason with which a follow-up that was said ends when its usefulness is over.

    What wants no answer is done when it has `arrived`. What was answered in part is partial, what was not answered is missed.
    """
    task = piece.task
    if not wants_answer(piece.step):
        told = arrived and not is_announced(task)
        return ("done", "told") if told else ("undeliverable", "not_come" if is_announced(task) else "expired")
    if any(_said(task, question) for question in questions(task, piece.template)):
        unsure = any(entry(task, question)["status"] == "reweigh" for question in questions(task, piece.template))
        return "partial", "unconfirmed" if unsure else "unanswered"
    return "missed", "not_yet" if task.state == "started" else "no_answer"


def _said(task: Task, question: Question) -> bool:
    known = entry(task, question)
    return bool(known["values"] or known.get("signs") or known["status"] == "answered")


async def expire(tx: AsyncSession, piece: Piece, *, now: datetime) -> str:
    """End an open follow-up that the family has begun; the state in which it ended."""
    state, reason = expired_as(piece, arrived=True)
    if piece.step.kind == "questionnaire" and await begun(tx, piece.task):
        state, reason = "partial", "unanswered"
    if state == "partial" and piece.task.state != "started":
        await started(tx, piece.task, next_at=piece.task.useful_until, now=now, by="system", reason="answered in part")
    await close(tx, piece.task, state, now=now, by="system", reason=reason)
    return state
