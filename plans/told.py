"""What a family's message tells about its child's tags, kept with the message until the tags are looked at again."""

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy.ext.asyncio import AsyncSession

from records.patient import Patient
from records.tag_statement import note_statements
from tagging.medicine import MedicineMention
from tagging.tags.told import read_told


async def note_told(
    tx: AsyncSession,
    patient: Patient,
    text: str,
    medicines: Sequence[MedicineMention],
    *,
    message_id: int,
    answers: bool,
    at: datetime,
) -> int:
    """Write down what `text`, said about `patient`, tells; how much it was. Nothing is written for most messages.

    `answers`: it was said in a follow-up. Triage of this message does not wait for it; the next ones know. The caller asks for a look.
    """
    told = read_told(text, medicines)
    rows = [
        {
            "patient_id": patient.id,
            "code": each.code,
            "against": each.against,
            "source": "answer" if answers else "chat",
            "ref_kind": "inbound",
            "ref_id": message_id,
            "because": each.because,
            "confidence": each.confidence,
            "at": at,
        }
        for each in told
    ]
    await note_statements(tx, rows)
    return len(rows)
