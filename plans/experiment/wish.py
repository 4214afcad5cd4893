"""When a family has said that it wants to be written to: what its own words, or a clinician, put among its tags."""

from collections.abc import Sequence

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from records.tag import CARRIED, PatientTag, Tag

# Hours of each part of the day, as the tag library names it.
PARTS = {
    "hours.morning": frozenset(range(8, 12)),
    "hours.noon": frozenset(range(11, 14)),
    "hours.afternoon": frozenset(range(14, 18)),
    "hours.evening": frozenset(range(18, 21)),
}
# A habit that a rule has counted is no wish: it would only repeat what was chosen before.
TOLD = ("chat", "answer", "person")


async def wished_hours(tx: AsyncSession, patient_ids: Sequence[int]) -> dict[int, frozenset[int]]:
    """The hours that families asked for, by patient; those without a wish are left out."""
    query = (
        select(PatientTag.patient_id, Tag.code)
        .join(Tag, Tag.id == PatientTag.tag_id)
        .where(
            PatientTag.patient_id.in_(patient_ids),
            PatientTag.until.is_(None),
            PatientTag.state.in_(CARRIED),
            PatientTag.source.in_(TOLD),
            Tag.code.in_(PARTS),
        )
    )
    return {patient_id: PARTS[code] for patient_id, code in await tx.execute(query)}
