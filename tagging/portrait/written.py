"""Clinical notes by title and day, and orders for tests: what a portrait shows of them. The text is read through the note's own door."""

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import BindParameter, bindparam, func, select
from sqlalchemy.ext.asyncio import AsyncSession

from records.clinical_note import ClinicalNote, encounter_of
from records.encounter import Encounter
from records.service_request import ServiceRequest
from records.tag import Tag
from records.tag_statement import TagStatement
from tagging.tags.read_notes import REF

NOTES, ORDERS = 40, 40


@dataclass(frozen=True)
class NoteView:
    """A note; the latest comes first. `possible` are the tags that it leaves open (待排, ？), by name. `text` says whether there is one."""

    id: int
    kind: str
    title: str
    author: str | None
    written_at: datetime
    status: str
    report: bool
    department: str | None
    text: bool
    possible: tuple[str, ...]


@dataclass(frozen=True)
class OrderView:
    """An order for a test or a service; the latest comes first."""

    name: str
    kind: str
    status: str
    ordered_at: datetime


_PATIENT: BindParameter[int] = bindparam("patient")
_n, _s = ClinicalNote, ServiceRequest
_NOTES = (
    select(
        _n.id, _n.kind, _n.title, _n.author, _n.written_at, _n.status, _n.report, Encounter.department, _n.text.is_not(None).label("text"),
        select(func.array_agg(Tag.name))
        .select_from(TagStatement)
        .join(Tag, Tag.code == TagStatement.code)
        .where(TagStatement.ref_kind == REF, TagStatement.ref_id == _n.id, TagStatement.patient_id == _PATIENT, TagStatement.possible)
        .correlate(_n)
        .label("possible"),
    )
    .outerjoin(Encounter, Encounter.id == encounter_of())
    .where(_n.patient_id == _PATIENT, _n.status.not_in(("entered-in-error", "superseded")))
    .order_by(_n.written_at.desc(), _n.id.desc())
    .limit(NOTES)
)  # fmt: skip
_ORDERS = (
    select(_s.name, _s.kind, _s.status, _s.ordered_at)
    .where(_s.patient_id == _PATIENT)
    .order_by(_s.ordered_at.desc(), _s.id.desc())
    .limit(ORDERS)
)


async def notes(tx: AsyncSession, patient_id: int) -> tuple[NoteView, ...]:
    """The latest notes that are in force or still a draft."""
    rows = await tx.execute(_NOTES, {"patient": patient_id})
    return tuple(NoteView(**{**row._mapping, "possible": tuple(row.possible or ())}) for row in rows)


async def orders(tx: AsyncSession, patient_id: int) -> tuple[OrderView, ...]:
    """The latest orders."""
    rows = await tx.execute(_ORDERS, {"patient": patient_id})
    return tuple(OrderView(*row) for row in rows)
