"""What is written down of a message that tells of danger: the family is told what to do first, and its answer is kept all the same."""

from datetime import datetime
from zoneinfo import ZoneInfo

from sqlalchemy.ext.asyncio import AsyncSession

from plans.follow_up import Answer, Report, answer, next_question, open_task, report, template_of
from plans.question import tapped
from plans.read_answer import read_choice
from records.chat import Chat
from records.message import Inbound
from records.patient import Patient
from tagging.understanding import Understanding


async def keep_in_danger(
    tx: AsyncSession, chat: Chat, patient: Patient, understood: Understanding, message: Inbound, text: str, *, now: datetime, zone: ZoneInfo
) -> Answer | Report:
    """Take the message as the option of the choice that is asked, or else as a report; nothing is asked next."""
    task = await open_task(tx, chat)
    if task is not None and task.patient_id == patient.id:
        tap = tapped(message.menu_id)
        mine = (tap[1], tap[2]) if tap is not None and tap[0] == task.id else None
        question = next_question(task, await template_of(tx, task), patient)
        if question is not None and (mine is not None or (question.kind == "choice" and read_choice(text, question) is not None)):
            return await answer(tx, task, patient, question, understood, text=text, message_id=message.id, now=now, zone=zone, tapped=mine)
    return await report(tx, patient, understood, message_id=message.id, text=text, now=now, zone=zone)
