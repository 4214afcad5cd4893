"""What somebody at the console may ask for: the patients of his teams in which he has the right, and his teams' private tags."""

from dataclasses import replace

from aiohttp import web
from sqlalchemy.ext.asyncio import AsyncSession

from console.desk import DESK, SEAT
from console.form import number as row_number
from console.words import area_sentences
from records.cohort import Cohort
from records.patient import AccessRefused, Patient, access_patient, patients_numbered
from tagging.cohort.preview import Page
from tagging.cohort.query import Query
from tagging.cohort.saved import access_cohort, query_of
from tagging.cohort.scope import Scope, scope_of_staff
from tagging.cohort.write import write
from tagging.particulars import record_key

PAGE = 50
say, words = area_sentences("cohorts").say, area_sentences("cohorts").group


async def reach(tx: AsyncSession, request: web.Request, right: str = "care.read") -> Scope:
    """The asker's scope, narrowed to the teams in which he has `right`."""
    desk, seat = request.app[DESK], request[SEAT]
    scope = await scope_of_staff(tx, seat.staff, now=desk.clock(), zone=desk.zone)
    return replace(scope, teams=frozenset(seat.rights.teams_with(right, scope.teams or ())))


async def cohort_of(tx: AsyncSession, request: web.Request, *, lock: bool = False) -> Cohort:
    """The cohort that the address names. To change it (`lock`) needs the right in its team. Raises AccessRefused, RightMissing."""
    seat = request[SEAT]
    cohort = await access_cohort(tx, seat.staff, number(request.match_info["id"]), lock=lock)
    if lock:
        seat.rights.check("cohort.write", cohort.team_id)
    return cohort


async def patient_numbered(tx: AsyncSession, request: web.Request, number: str, *, why: str) -> Patient:
    """The patient of a record number, noted as read. Raises AccessRefused and RightMissing where the asker may not see him."""
    seat, known = request[SEAT], await patients_numbered(tx, record_key(number))
    if len(known) != 1:
        raise AccessRefused(f"record number {number!r}")
    patient = await access_patient(tx, seat.staff, known[0].id, now=request.app[DESK].clock(), why=why)
    seat.rights.check("care.read", patient.team_id)
    return patient


def page_of(request: web.Request, limit: int = PAGE) -> Page:
    """Which part of a list is asked for, and by whom."""
    return Page(request[SEAT].staff, request.app[DESK].clock(), after=number(request.query.get("after", "0")), limit=limit)


def number(said: str) -> int:
    """An id of an address. Raises HTTPNotFound where it cannot be one."""
    id = row_number(said)
    if id is None:
        raise web.HTTPNotFound
    return id


def text_of_cohort(cohort: Cohort, scope: Scope) -> str:
    """A kept query in words, as the asker may read it."""
    return write(query_of(cohort), names=scope.name_of)


def in_words(query: Query, scope: Scope) -> str:
    """A query in words."""
    return write(query, names=scope.name_of)
