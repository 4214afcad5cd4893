"""A family wants its child's data erased: filed by one person, confirmed or refused by another, with a certificate in numbers."""

import json
from collections.abc import Awaitable, Callable
from typing import Any

from aiohttp import web
from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from bot.media import forget_files
from bot.patient_export import carers_of
from console.desk import DESK, SEAT
from console.form import words
from console.page import get, post, render, see_other
from console.words import area_words
from plans.erasure import RIGHT, ErasureError, classes, erase, file_request, lift, preview, refuse
from records.erasure import Erasure, KeptRecord, Tombstone
from records.patient import AccessRefused, Patient, note_reads, patients_numbered
from records.staff import Staff
from records.state import StateChange
from tagging.particulars import record_key

Decide = Callable[..., Awaitable[None]]
WHY = "erasure"
SHOWN = 200
LONGEST = 300


async def show(request: web.Request) -> web.StreamResponse:
    """The requests of the teams in which he may; with a record number, the form for one more."""
    desk, seat, sought = request.app[DESK], request[SEAT], words(request.query, "patient", 60)
    async with desk.db.transaction() as tx:
        patient = await _patient(tx, request, sought) if sought else None
        carers = await carers_of(tx, patient.id) if patient is not None else []
        found = await preview(tx, patient) if patient is not None else None
        await note_reads(tx, seat.staff, [patient.id] if patient is not None else [], why=WHY, now=desk.clock())
        rows = await tx.scalars(select(Erasure).order_by(Erasure.id.desc()).limit(SHOWN))
        mine = [row for row in rows if seat.rights.has(RIGHT, row.team_id)]
        people = await _people(tx, mine)
    return render(
        request,
        "console/admin/erasures.html",
        sought=sought,
        patient=patient,
        carers=carers,
        preview=found,
        classes=classes(),
        rows=mine,
        people=people,
        longest=LONGEST,
        **_said(request),
    )


async def file(request: web.Request) -> web.StreamResponse:
    """One more request; from now on nothing is sent to the family unasked."""
    desk, seat, form = request.app[DESK], request[SEAT], await request.post()
    sought = words(form, "patient", 60)
    try:
        async with desk.db.transaction() as tx:
            patient = await _patient(tx, request, sought)
            if patient is None:
                return see_other(request, "/admin/erasures", patient=sought)
            row = await file_request(
                tx, patient, seat.staff, relationship=words(form, "relationship", 40), why=words(form, "why", LONGEST),
                checked=words(form, "checked", LONGEST), now=desk.clock(),
            )  # fmt: skip
    except ErasureError as err:
        return see_other(request, "/admin/erasures", patient=sought, wrong=f"erasure_{err.code}")
    return see_other(request, f"/admin/erasures/{row.id}", said="erasure_filed")


async def one(request: web.Request) -> web.StreamResponse:
    """A request: what is to be erased and kept, or what was."""
    desk, seat = request.app[DESK], request[SEAT]
    async with desk.db.transaction() as tx:
        row = await access_erasure(tx, request)
        patient = await tx.get(Patient, row.patient_id) if row.state == "open" else None
        await note_reads(tx, seat.staff, [patient.id] if patient is not None else [], why=WHY, now=desk.clock())
        found = await preview(tx, patient) if patient is not None else None
        buried = await tx.scalar(select(Tombstone.digest).where(Tombstone.erasure_id == row.id).limit(1))
        people = await _people(tx, [row])
    return render(
        request, "console/admin/erasure.html", row=row, patient=patient, preview=found, buried=buried is not None, people=people,
        classes=classes(), longest=LONGEST, **_said(request),
    )  # fmt: skip


async def confirm(request: web.Request) -> web.StreamResponse:
    """Erase. The second person says so with the record number in hand."""
    desk, seat, form = request.app[DESK], request[SEAT], await request.post()
    try:
        async with desk.db.transaction() as tx:
            row = await access_erasure(tx, request, lock=True)
            patient = await tx.get(Patient, row.patient_id)
            if patient is not None and record_key(words(form, "number", 60)) != record_key(patient.record_number):
                return see_other(request, f"/admin/erasures/{row.id}", wrong="erasure_number")
            await forget_files(tx, await erase(tx, row, seat.staff, now=desk.clock()))
    except ErasureError as err:
        return see_other(request, f"/admin/erasures/{request.match_info['erasure']}", wrong=f"erasure_{err.code}")
    return see_other(request, f"/admin/erasures/{request.match_info['erasure']}", said="erasure_done")


async def turn_down(request: web.Request) -> web.StreamResponse:
    """Refuse, with a reason."""
    return await _decided(request, refuse, "erasure_refused")


async def let_back(request: web.Request) -> web.StreamResponse:
    """The family wants to be known again."""
    return await _decided(request, lift, "erasure_lifted")


async def kept(request: web.Request) -> web.StreamResponse:
    """What law keeps, as a file; that it was taken out, by whom and why is written down."""
    desk, seat, form = request.app[DESK], request[SEAT], await request.post()
    why = words(form, "why", LONGEST)
    async with desk.db.transaction() as tx:
        row = await access_erasure(tx, request)
        if not why:
            return see_other(request, f"/admin/erasures/{row.id}", wrong="erasure_incomplete")
        rows = list(await tx.scalars(select(KeptRecord).where(KeptRecord.erasure_id == row.id).order_by(KeptRecord.id)))
        change = {"entity": "erasure", "entity_id": row.id, "old": row.state, "new": "taken_out", "at": desk.clock()}
        tx.add(StateChange(**change, by=seat.staff.userid, reason=why))
        body = [{"class": each.kind, "table": each.table, "keep_until": str(each.keep_until), "record": each.body} for each in rows]
        name = f"erasure-{row.id}"
    headers = {"Content-Disposition": f'attachment; filename="{name}.json"'}
    return web.Response(text=json.dumps(body, ensure_ascii=False, indent=1), content_type="application/json", headers=headers)


async def access_erasure(tx: AsyncSession, request: web.Request, *, lock: bool = False) -> Erasure:
    """The request of the address. Raises AccessRefused for one of a team in which he may not."""
    number = int(request.match_info["erasure"])
    row = await tx.get(Erasure, number, with_for_update=True if lock else None)
    if row is None or not request[SEAT].rights.has(RIGHT, row.team_id):
        raise AccessRefused(f"erasure {number}")
    return row


async def _decided(request: web.Request, decide: Decide, said: str) -> web.StreamResponse:
    desk, seat, form = request.app[DESK], request[SEAT], await request.post()
    there = f"/admin/erasures/{request.match_info['erasure']}"
    try:
        async with desk.db.transaction() as tx:
            row = await access_erasure(tx, request, lock=True)
            await decide(tx, row, seat.staff, why=words(form, "why", LONGEST), now=desk.clock())
    except ErasureError as err:
        return see_other(request, there, wrong=f"erasure_{err.code}")
    return see_other(request, there, said=said)


async def _patient(tx: AsyncSession, request: web.Request, sought: str) -> Patient | None:
    """The patient of this record number, if the right holds in his team. Raises AccessRefused for one of another team."""
    patient = next(iter(await patients_numbered(tx, record_key(sought))), None)
    if patient is not None and not request[SEAT].rights.has(RIGHT, patient.team_id):
        raise AccessRefused(f"patient {patient.id}")
    return patient


async def _people(tx: AsyncSession, rows: list[Erasure]) -> dict[int, str]:
    """The names of those who filed and decided."""
    ids = {id for row in rows for id in (row.filed_by, row.decided_by) if id is not None}
    return dict((await tx.execute(select(Staff.id, Staff.name).where(Staff.id.in_(ids)))).all())


def _said(request: web.Request) -> dict[str, Any]:
    texts = area_words("admin")
    return {"wrong": texts["mistakes"].get(request.query.get("wrong", "")), "states": texts["erasure_states"]}


_ONE = "/admin/erasures/{erasure:\\d{1,18}}"
ROUTES = (
    get("/admin/erasures", show, RIGHT),
    post("/admin/erasures", file, RIGHT),
    get(_ONE, one, RIGHT),
    post(f"{_ONE}/confirm", confirm, RIGHT),
    post(f"{_ONE}/refuse", turn_down, RIGHT),
    post(f"{_ONE}/lift", let_back, RIGHT),
    post(f"{_ONE}/kept", kept, RIGHT),
)
