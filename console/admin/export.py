"""A family asks for everything on file about its child: found by record number, handed out as a file."""

import asyncio

from aiohttp import web
from sqlalchemy.ext.asyncio import AsyncSession

from bot.patient_export import RIGHT, WHY, carers_of, export
from console.desk import DESK, SEAT
from console.form import number, words
from console.page import get, post, render, see_other
from console.words import area_words
from records.patient import AccessRefused, Patient, note_reads, patients_numbered
from tagging.particulars import record_key


async def show(request: web.Request) -> web.StreamResponse:
    """The form; with a record number, who of the family may be asking."""
    desk, seat, sought = request.app[DESK], request[SEAT], request.query.get("patient", "").strip()[:60]
    async with desk.db.transaction() as tx:
        patient = await _patient(tx, request, sought) if sought else None
        carers = await carers_of(tx, patient.id) if patient is not None else []
        await note_reads(tx, seat.staff, [patient.id] if patient is not None else [], why=WHY, now=desk.clock())
    return render(
        request,
        "console/admin/export.html",
        sought=sought,
        patient=patient,
        carers=carers,
        wrong=area_words("admin")["mistakes"].get(request.query.get("wrong", "")),
    )


async def hand_out(request: web.Request) -> web.StreamResponse:
    """The file. That it was made, by whom and why is written down."""
    desk, seat, form = request.app[DESK], request[SEAT], await request.post()
    sought, reason = words(form, "patient", 60), words(form, "reason", 300)
    if not reason:
        return see_other(request, "/admin/export", patient=sought, wrong="export_reason")
    async with desk.db.transaction() as tx:
        patient = await _patient(tx, request, sought)
        if patient is None:
            return see_other(request, "/admin/export", patient=sought)
        chosen = number(form.get("carer", ""))
        carer = next((each for each, _ in await carers_of(tx, patient.id) if each.id == chosen), None)
        if chosen is not None and carer is None:
            raise AccessRefused(f"carer {chosen} of patient {patient.id}")
        base = f"{request.scheme}://{request.host}/fhir"
        found = await export(
            tx, seat.staff, seat.rights, patient, carer, reason=reason, base=base, zone=desk.zone, now=desk.clock()
        )  # fmt: skip
        name = record_key(patient.record_number)
    body = await asyncio.to_thread(found.packed)
    headers = {"Content-Disposition": f'attachment; filename="{name}.zip"'}
    return web.Response(body=body, content_type="application/zip", headers=headers)


async def _patient(tx: AsyncSession, request: web.Request, sought: str) -> Patient | None:
    """The patient of this record number, if he may export him: the right holds in the patient's team, or everywhere. Raises
    AccessRefused for one of another team."""
    patient = next(iter(await patients_numbered(tx, record_key(sought))), None)
    if patient is not None and not request[SEAT].rights.has(RIGHT, patient.team_id):
        raise AccessRefused(f"patient {patient.id}")
    return patient


ROUTES = (get("/admin/export", show, RIGHT), post("/admin/export", hand_out, RIGHT))
