"""Deciding a family's request to correct identity data, and telling the family in its chat."""

from datetime import datetime

from sqlalchemy.ext.asyncio import AsyncSession

from bot.lines import deliver
from bot.speak import in_chat
from plans.correction import KIND, apply_correction, refuse_correction, told
from records.chat import latest_chat
from records.correction import Correction
from records.patient import Patient
from records.staff import Staff


async def decide(tx: AsyncSession, row: Correction, patient: Patient, staff: Staff, *, grant: bool, answer: str, now: datetime) -> None:
    """Apply or refuse, and put the answer into the carer's chat, where it waits while WeCom lets nothing out; their pages show it too.

    Raises CorrectionError.
    """
    if grant:
        await apply_correction(tx, row, patient, staff, answer=answer, now=now)
    else:
        await refuse_correction(tx, row, staff, answer=answer, now=now)
    chat = await latest_chat(tx, row.carer_id)
    if chat is not None:
        await deliver(tx, [await in_chat(tx, chat, f"{KIND}:{row.id}:told", told(row), purpose="answer", now=now)])
