"""A questionnaire as a step of a plan: begun with the follow-up, kept together with it, and ended with it.

The follow-up's `answers` hold {_questionnaire: {response, status}} while it is filled in. An anonymous one is not to be found from the
follow-up afterwards: only that it was answered stays there.
"""

from datetime import datetime

from sqlalchemy.ext.asyncio import AsyncSession

from plans.bundle import Piece, Words
from plans.open_tasks import next_look
from plans.personal import template_of
from plans.questionnaire import newest
from plans.questionnaire_response import begin, form_of, item_words, next_item, open_response
from plans.task import close, is_open, started
from records.care_plan import Task
from records.chat import Chat
from records.questionnaire import QuestionnaireResponse

QUESTIONNAIRE = "questionnaire"
# Beside the answers by question; a question's id never begins like this.
KEPT = "_questionnaire"


async def begin_for(tx: AsyncSession, piece: Piece, chat: Chat, now: datetime) -> Words:
    """Begin the step's questionnaire in `chat`, or take up what was begun of it; the words of its next item.

    Raises KeyError when there is no such questionnaire.
    """
    wanted = newest()[str(piece.step.questionnaire)]
    response = await open_response(tx, chat)
    if response is None or response.questionnaire != wanted.id or next_item(response) is None:
        response = await begin(tx, chat, piece.patient, wanted, now=now)
    piece.task.answers = {**(piece.task.answers or {}), KEPT: {"response": response.id, "status": "open"}}
    text, buttons = item_words(response, piece.patient, again=bool(response.answers))
    return Words(text, buttons)


async def task_filled(tx: AsyncSession, chat: Chat, response: QuestionnaireResponse) -> Task | None:
    """The open follow-up that `response` is filled in for, in this chat."""
    task = await tx.get(Task, chat.task_id) if chat.task_id is not None else None
    if task is None or not is_open(task):
        return None
    return task if (task.answers or {}).get(KEPT, {}).get("response") == response.id else None


async def item_answered(tx: AsyncSession, chat: Chat, response: QuestionnaireResponse, *, now: datetime) -> None:
    """An item of the questionnaire was answered: its follow-up has begun, and is not reminded for a while."""
    task = await task_filled(tx, chat, response)
    if task is not None:
        await started(tx, task, next_at=await next_look(tx, task, await template_of(tx, task), now), now=now)


async def filled_in(tx: AsyncSession, chat: Chat, response: QuestionnaireResponse, *, now: datetime) -> Task | None:
    """The questionnaire is complete, and with it its follow-up, which is returned."""
    task = await task_filled(tx, chat, response)
    if task is not None:
        task.answers = {**task.answers, KEPT: {"status": "answered"} | ({} if form_of(response).anonymous else {"response": response.id})}
        await close(tx, task, "done", now=now, by="family", reason="answered")
    return task


async def is_being_filled(tx: AsyncSession, chat: Chat, task: Task) -> bool:
    """Whether the questionnaire of `task` waits for an answer in `chat`."""
    wanted = (task.answers or {}).get(KEPT, {}).get("response")
    if wanted is None:
        return False
    response = await open_response(tx, chat)
    return response is not None and response.id == wanted


async def begun(tx: AsyncSession, task: Task) -> bool:
    """Whether anything of the questionnaire of `task` was answered."""
    wanted = (task.answers or {}).get(KEPT, {}).get("response")
    response = await tx.get(QuestionnaireResponse, wanted) if wanted is not None else None
    return response is not None and bool(response.answers)
