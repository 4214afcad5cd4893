"""Clinical notes as doctors wrote them (FHIR DocumentReference): outpatient records, discharge summaries, operation notes, reports."""

from datetime import datetime

from sqlalchemy import Index, ScalarSelect, UniqueConstraint, select
from sqlalchemy import text as sql
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import Mapped, mapped_column

from records.base import Base, Changing
from records.encounter import Encounter
from records.patient import AccessRefused, access_patient
from records.source import Sourced
from records.staff import Staff

# FHIR's docStatus, and superseded for a note that another one has replaced.
NOTE_STATUS = ("preliminary", "final", "amended", "entered-in-error", "superseded")
# What counts: a draft does not yet, what was withdrawn or replaced does not any more.
IN_FORCE = ("final", "amended")


class ClinicalNote(Sourced, Changing, Base):
    """One note. `kind` is what sort of note it is, in the hospital's words (出院小结), `code` with `system` the same as a code; `text` is
    None where the document is no text (a PDF, a picture). `report` marks the words of a report, which is told as a result too.

    `visit` is the source's number of the visit that it belongs to. `read_by` is the version of the reader that has looked for tags in it;
    None: nobody has, or it has changed since. Title and day may be shown to whoever may see the patient's record; the text is read
    through `access_note` alone.
    """

    __tablename__ = "clinical_note"

    kind: Mapped[str]
    code: Mapped[str | None]
    system: Mapped[str | None]
    title: Mapped[str]
    text: Mapped[str | None]
    author: Mapped[str | None]
    visit: Mapped[str | None]
    report: Mapped[bool] = mapped_column(default=False)
    status: Mapped[str] = mapped_column(default="final")
    written_at: Mapped[datetime]
    read_by: Mapped[str | None]

    __table_args__ = (
        UniqueConstraint("source", "source_id"),
        Index("ix_clinical_note_patient_id_written_at", "patient_id", "written_at"),
        Index("ix_clinical_note_unread", "patient_id", postgresql_where=sql("read_by is null")),
    )


def encounter_of() -> ScalarSelect[int]:
    """The visit that a ClinicalNote belongs to, whichever of the two came first: by its number, of the same source before all others."""
    meant = (Encounter.patient_id == ClinicalNote.patient_id, Encounter.source_id == ClinicalNote.visit)
    order = ((Encounter.source != ClinicalNote.source), Encounter.id)
    return select(Encounter.id).where(*meant).order_by(*order).limit(1).correlate(ClinicalNote).scalar_subquery()


async def access_note(tx: AsyncSession, staff: Staff, note_id: int, *, now: datetime) -> ClinicalNote:
    """The note with its text, if `staff` is of the patient's team; that it was read is audited. Raises AccessRefused."""
    note = await tx.get(ClinicalNote, note_id)
    if note is None:
        raise AccessRefused(f"clinical note {note_id}")
    await access_patient(tx, staff, note.patient_id, now=now, why=f"clinical_note:{note_id}")
    return note
