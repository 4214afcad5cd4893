"""What the record holds: the portrait, doctors' notes, and who opened it."""

from aiohttp import web

from console.desk import DESK, SEAT
from console.patients.head import open_patient, patient_page
from records.clinical_note import access_note
from records.patient import AccessRefused
from records.read_log import looks_at
from tagging.portrait.portrait import portrait_of
from tagging.portrait.written import notes as notes_of


async def show(request: web.Request) -> web.StreamResponse:
    """The portrait."""
    desk, seat = request.app[DESK], request[SEAT]
    async with desk.db.transaction() as tx:
        head = await open_patient(tx, request)
        seen = await portrait_of(tx, head.patient, seat.staff.id, now=desk.clock(), zone=desk.zone)
    return patient_page(request, head, "portrait", p=seen)


async def notes(request: web.Request) -> web.StreamResponse:
    """The notes by title and day."""
    async with request.app[DESK].db.transaction() as tx:
        head = await open_patient(tx, request)
        found = await notes_of(tx, head.patient.id)
    return patient_page(request, head, "notes", notes=found, note=None)


async def note(request: web.Request) -> web.StreamResponse:
    """One note with its text; that it was read is audited by itself."""
    desk, seat = request.app[DESK], request[SEAT]
    async with desk.db.transaction() as tx:
        head = await open_patient(tx, request)
        one = await access_note(tx, seat.staff, int(request.match_info["number"]), now=desk.clock())
        if one.patient_id != head.patient.id:
            raise AccessRefused(f"clinical note {one.id}")
        found = await notes_of(tx, head.patient.id)
    return patient_page(request, head, "notes", notes=found, note=one)


async def audit(request: web.Request) -> web.StreamResponse:
    """Who opened the record, when and why, and who was refused."""
    async with request.app[DESK].db.transaction() as tx:
        head = await open_patient(tx, request)
        await tx.flush()
        looks = await looks_at(tx, head.patient.id)
    return patient_page(request, head, "audit", looks=looks)
