"""Follow-ups that a family has missed again and again: a nurse's task, or an alert, once for each run of them."""

from datetime import datetime

from sqlalchemy import Select, select
from sqlalchemy.ext.asyncio import AsyncSession

from plans.alert import Alert, raise_alerts
from plans.bundle import Piece
from plans.template import Missed
from plans.wording import say
from records.care_plan import Task
from records.chat import Chat
from records.errand import raise_errand

KIND, CATEGORY = "missed", "missed_follow_ups"
# Ends that say nothing about the family: they neither lengthen a run nor break it.
SILENT = frozenset({"undeliverable", "withdrawn"})


async def missed_again(tx: AsyncSession, piece: Piece, *, now: datetime) -> bool:
    """`piece` has just been missed: whether that makes as many in a row as its step says, and a clinician hears of it.

    An honest answer (not needed, cannot) is an answer: it breaks the run. What never reached the family counts for nothing.
    """
    missed, task, patient = piece.step.missed, piece.task, piece.patient
    if missed is None:
        return False
    run = await _run(tx, task, missed.in_a_row)
    if len(run) < missed.in_a_row:
        return False
    text = missed.text.format(name=patient.name, title=piece.step.title, count=len(run))
    because = say("missed.because", title=piece.step.title, count=len(run), since=min(each.day for each in run))
    # The run is known by its first one, so that one run is one errand, however long it gets.
    first = await _first(tx, task)
    key = f"{KIND}:{task.care_plan_id}:{task.step}:{first.id}"
    errand = await raise_errand(tx, patient, kind=KIND, text=text, because=because, key=key, now=now)
    if errand is not None and missed.then == "alert" and (chat := await _chat(tx, task)) is not None:
        await raise_alerts(tx, chat, [_alert(piece, missed, because, [each.id for each in run])], said="", patient_id=patient.id, now=now)
    return errand is not None


def _alert(piece: Piece, missed: Missed, because: str, tasks: list[int]) -> Alert:
    rule = f"{piece.template.id}.{piece.step.id}.missed"
    evidence = {"rule": rule, "version": piece.template.version, "because": because, "src": missed.src, "saw": {"tasks": tasks}}
    return Alert(missed.level, CATEGORY, because, (evidence,), rule, "")


async def _run(tx: AsyncSession, task: Task, most: int) -> list[Task]:
    """The last follow-ups of the step that were missed one after the other, the newest first; no more than `most`."""
    run: list[Task] = []
    for each in await tx.scalars(_ended(task).limit(most)):
        if each.state != "missed":
            break
        run.append(each)
    return run


async def _first(tx: AsyncSession, task: Task) -> Task:
    """The one with which this run began."""
    first = task
    for each in await tx.scalars(_ended(task)):
        if each.state != "missed":
            break
        first = each
    return first


def _ended(task: Task) -> Select[Task]:
    return (
        select(Task)
        .where(
            Task.care_plan_id == task.care_plan_id,
            Task.step == task.step,
            Task.closed_at.is_not(None),
            Task.state.not_in(SILENT),
            Task.due_at <= task.due_at,
        )
        .order_by(Task.due_at.desc(), Task.id.desc())
    )


async def _chat(tx: AsyncSession, task: Task) -> Chat | None:
    return await tx.get(Chat, task.chat_id) if task.chat_id is not None else None
