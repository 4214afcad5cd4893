"""The alert that triage calls for, raised the same way for what was written and for what was photographed."""

from dataclasses import asdict
from datetime import datetime

from sqlalchemy.ext.asyncio import AsyncSession

from bot import metrics
from bot.texts import reasons
from plans.clarify_talk import told_in
from records.chat import Chat
from records.flag import raise_flag
from records.patient import Patient
from tagging.triage import Triage

# As much of the family's words, and of the reasons, as a card shows.
QUOTE = 200


async def raise_triage(
    tx: AsyncSession, chat: Chat, patient: Patient | None, triage: Triage, *, said: str, now: datetime, **marks: str
) -> None:
    """Raise the flag for `triage`, which is above routine, with what clarifying questions have brought.

    `marks` are kept with each piece of its evidence.
    """
    because = "；".join(part for part in (reasons([each.because for each in triage.evidence]), await told_in(tx, chat)) if part)
    await raise_flag(
        tx,
        chat,
        level=triage.level,
        categories=list(triage.categories),
        said=said[:QUOTE],
        because=because[:QUOTE],
        evidence=[{**asdict(evidence), **marks} for evidence in triage.evidence],
        now=now,
        patient_id=patient.id if patient is not None else None,
    )
    metrics.FLAGS.labels(triage.level).inc()
