"""The audit: who opened which record, who changed what, and who was refused, by person, patient and day."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from aiohttp import web
from sqlalchemy import and_, or_, select
from sqlalchemy.ext.asyncio import AsyncSession

from console.admin.fields import day_span, page_of
from console.desk import DESK, SEAT
from console.page import get, render, today
from console.words import area_words
from plans.read_purposes import purpose
from records.base import Base
from records.fhir_client import FhirClient
from records.patient import Patient, ReadAudit, patients_numbered
from records.read_log import selves
from records.refusal import AccessRefusal
from records.staff import Staff
from records.state import StateChange
from tagging.particulars import record_key

RIGHT = "audit.read"
SHOWN, DAYS = 100, 7
# Whose moves belong to a patient: tables with his id.
OF_PATIENTS = ("flag", "errand", "care_plan", "task", "patient_tag", "questionnaire_response", "clinical_note", "patient_carer")


@dataclass(frozen=True)
class Asked:
    """What is looked for: `person` is a userid or a part of a name, `patient` who it is about; None and "" mean anybody."""

    person: str
    patient: Patient | None
    start: datetime
    end: datetime


@dataclass(frozen=True)
class Line:
    """One line. `what` is a code of words.yml, `detail` goes with it."""

    at: datetime
    who: str
    patient_id: int | None
    what: str
    detail: str


async def show(request: web.Request) -> web.StreamResponse:
    """The newest first. Whoever reads the audit of a patient has read of him, and that is written down."""
    desk, seat, query = request.app[DESK], request[SEAT], request.query
    first, last, start, end = day_span(query, desk.zone, today(desk), days=DAYS)
    kind = query.get("kind") if query.get("kind") in SEARCHES else "read"
    person, number = query.get("person", "").strip()[:60], query.get("patient", "").strip()[:60]
    page, words = page_of(request), area_words("admin")
    async with desk.db.transaction() as tx:
        patient = await _patient(tx, number) if number else None
        unknown = bool(number) and patient is None
        if patient is not None:
            tx.add(ReadAudit(patient_id=patient.id, staff_id=seat.staff.id, at=desk.clock(), why="audit"))
        rows = [] if unknown else await SEARCHES[str(kind)](tx, Asked(person, patient, start, end), page)
        numbers = await _record_numbers(tx, rows)
    return render(
        request,
        "console/admin/audit.html",
        rows=rows[:SHOWN],
        more=len(rows) > SHOWN,
        page=page,
        numbers=numbers,
        kind=kind,
        kinds=words["audit_kinds"],
        person=person,
        number=number,
        first=first,
        last=last,
        unknown=unknown,
        purpose=purpose,
        entities=words["entities"],
        refusals=words["refusals"],
    )


async def reads(tx: AsyncSession, asked: Asked, page: int) -> list[Line]:
    """Who opened a record: staff, or a program of the hospital."""
    query = (
        select(ReadAudit, Staff.name, FhirClient.name)
        .outerjoin(Staff, Staff.id == ReadAudit.staff_id)
        .outerjoin(FhirClient, FhirClient.id == ReadAudit.client_id)
        .where(*_within(ReadAudit.at, asked), *_by(asked))
    )
    if asked.patient is not None:
        query = query.where(ReadAudit.patient_id.in_(await selves(tx, asked.patient.id)))
    rows = await tx.execute(_page(query.order_by(ReadAudit.at.desc(), ReadAudit.id.desc()), page))
    return [Line(row.at, name or program or "", row.patient_id, row.why, "") for row, name, program in rows]


async def changes(tx: AsyncSession, asked: Asked, page: int) -> list[Line]:
    """Who moved what from where to where; rules and the system itself are named by what they call themselves."""
    query = select(StateChange, Staff.name).outerjoin(Staff, Staff.userid == StateChange.by).where(*_within(StateChange.at, asked))
    if asked.person:
        query = query.where(or_(StateChange.by == asked.person, Staff.name.icontains(asked.person, autoescape=True)))
    if asked.patient is not None:
        query = query.where(_about(asked.patient.id))
    rows = await tx.execute(_page(query.order_by(StateChange.at.desc(), StateChange.id.desc()), page))
    return [Line(row.at, name or row.by, None, row.entity, _moved(row)) for row, name in rows]


async def refusals(tx: AsyncSession, asked: Asked, page: int) -> list[Line]:
    """Who asked for what he may not see or do."""
    query = select(AccessRefusal, Staff.name).join(Staff, Staff.id == AccessRefusal.staff_id)
    query = query.where(*_within(AccessRefusal.at, asked), *_by(asked))
    if asked.patient is not None:
        query = query.where(AccessRefusal.what.in_([f"patient {id}" for id in await selves(tx, asked.patient.id)]))
    rows = await tx.execute(_page(query.order_by(AccessRefusal.at.desc(), AccessRefusal.id.desc()), page))
    return [Line(row.at, name, None, row.why, f"{row.method} {row.path}（{row.what}）") for row, name in rows]


SEARCHES = {"read": reads, "change": changes, "refused": refusals}


def _within(column: Any, asked: Asked) -> Sequence[Any]:
    return column >= asked.start, column < asked.end


def _by(asked: Asked) -> Sequence[Any]:
    return (or_(Staff.userid == asked.person, Staff.name.icontains(asked.person, autoescape=True)),) if asked.person else ()


def _page(query: Any, page: int) -> Any:
    return query.offset((page - 1) * SHOWN).limit(SHOWN + 1)


def _about(patient_id: int) -> Any:
    tables = [table for name in OF_PATIENTS if "id" in (table := Base.metadata.tables[name]).c]
    rows = [and_(StateChange.entity == table.name, StateChange.entity_id.in_(select(table.c.id).where(table.c.patient_id == patient_id)))
            for table in tables]  # fmt: skip
    return or_(and_(StateChange.entity == "patient", StateChange.entity_id == patient_id), *rows)


def _moved(row: StateChange) -> str:
    return f"#{row.entity_id} {f'{row.old} → ' if row.old else ''}{row.new}" + (f"，{row.reason}" if row.reason else "")


async def _patient(tx: AsyncSession, number: str) -> Patient | None:
    return next(iter(await patients_numbered(tx, record_key(number))), None)


async def _record_numbers(tx: AsyncSession, rows: list[Line]) -> dict[int, str]:
    ids = {row.patient_id for row in rows if row.patient_id is not None}
    return dict((await tx.execute(select(Patient.id, Patient.record_number).where(Patient.id.in_(ids)))).all())


ROUTES = (get("/admin/audit", show, RIGHT),)
