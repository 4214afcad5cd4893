"""Clinical notes that nobody has read yet, read for tags: what each says stands beside it, until it is corrected or withdrawn."""

import asyncio
from collections.abc import Sequence
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

from sqlalchemy import delete, or_, select, update
from sqlalchemy.ext.asyncio import AsyncSession

from records.clinical_note import IN_FORCE, ClinicalNote
from records.retag import ask_retag
from records.tag_statement import TagStatement, note_statements
from tagging.tags.noted import NoteFinding, because, read_note, version

REF = "clinical_note"
# Of one look; where there are more, the patients are looked at again. More than ASIDE characters take 20 ms: they leave the event loop.
MOST, ASIDE = 200, 5_000


async def read_notes(tx: AsyncSession, patient_ids: Sequence[int], *, now: datetime, zone: ZoneInfo) -> int:
    """Read the notes of these patients that are new, have changed, or were read by an older version of the reader; how many.

    What a note said before goes: a correction says what it says, and a withdrawn note nothing.
    """
    unread = (
        select(
            ClinicalNote.id, ClinicalNote.patient_id, ClinicalNote.title, ClinicalNote.text, ClinicalNote.status, ClinicalNote.written_at
        )
        .where(ClinicalNote.patient_id.in_(patient_ids), or_(ClinicalNote.read_by.is_(None), ClinicalNote.read_by != version()))
        .order_by(ClinicalNote.id)
        .limit(MOST)
    )
    notes = (await tx.execute(unread)).all()
    if not notes:
        return 0
    rows: list[dict[str, Any]] = []
    for note in notes:
        for finding in await _read(note.text or "") if note.status in IN_FORCE else ():
            rows.append(
                {
                    "patient_id": note.patient_id,
                    "code": finding.code,
                    "against": finding.stance == "against",
                    "possible": finding.stance == "possible",
                    "source": "his",
                    "ref_kind": REF,
                    "ref_id": note.id,
                    "because": because(note.title, note.written_at.astimezone(zone).date(), finding),
                    "confidence": finding.confidence,
                    "at": min(note.written_at, now),
                    "read_at": now,
                }
            )
    ids = [note.id for note in notes]
    await tx.execute(delete(TagStatement).where(TagStatement.ref_kind == REF, TagStatement.ref_id.in_(ids)))
    await note_statements(tx, rows)
    await tx.execute(
        update(ClinicalNote).where(ClinicalNote.id.in_(ids)).values(read_by=version()).execution_options(synchronize_session=False)
    )
    if len(notes) == MOST:
        await ask_retag(tx, patient_ids, now)
    return len(notes)


async def _read(text: str) -> tuple[NoteFinding, ...]:
    return await asyncio.to_thread(read_note, text) if len(text) > ASIDE else read_note(text)
